/* fisher.h - the diagonal of the Fisher information, and the variances of Fisher forgetting made from it. */
#ifndef LETHE_UNLEARN_FISHER_H
#define LETHE_UNLEARN_FISHER_H

#include "train/measure.h"

typedef enum lethe__fisher_labels {
    LETHE__LABELS_MODEL,    /* one draw from the model's output for each sample */
    LETHE__LABELS_EXACT,    /* the expectation over the model's output: a pass for each class */
    LETHE__LABELS_EMPIRICAL /* the sample's own label */
} lethe__fisher_labels;

typedef struct lethe__ff_options {
    double alpha;
    lethe__fisher_labels labels;
    size_t batch;
    double floor, largest, largest_head;
    double head_scale, vector_scale;
    bool average_inputs;
} lethe__ff_options;

/* Mean over the samples of the squared gradients into diagonal [parameter_size]. */
lethe_status lethe__fisher_diagonal(lethe__measurement *measurement, lethe_samples samples,
                                    lethe__fisher_labels labels, float *diagonal);

/* The official code's form: batches in order, for each class the square of the batch's mean gradient times
 * the class's mean probability, averaged over the batches. The measurement's batch is to be 32. */
lethe_status lethe__fisher_diagonal_official(lethe__measurement *measurement, lethe_samples samples,
                                             float *diagonal);

/* variance = alpha min(1 / (diagonal + floor), largest), for the head with largest_head; then the mean over
 * the input channels of a weight, if asked for; then times head_scale or vector_scale. Masked weights get 0
 * and are left out of the mean; with `official` they take part in it, as that code has it. */
void lethe__ff_variance(const lethe_model *model, const lethe__ff_options *options, bool official,
                        const float *diagonal, float *variance);

#endif
