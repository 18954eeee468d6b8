/* fisher.c - the diagonal of the Fisher information over samples, and variances from it.
 *
 *   F_j = 1/n sum over i of E_y (d log p(y | x_i) / d theta_j)^2,   y drawn from the model's own output
 *
 * One draw of y for each sample is an unbiased estimate at the price of one pass; the expectation costs a
 * pass for each class. The true label in place of y gives the empirical diagonal, which vanishes where the
 * model fits its data. Draws are keyed by the sample's id. Source: Golatkar et al. 2020; Kunstner et al. 2019
 * for the three kinds. Cost: one forward and about one backward pass, over all samples at once. */
#include "unlearn/fisher.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "unlearn/unlearn.h"
#include <math.h>
#include <string.h>

typedef struct diagonal_pass {
    lethe__fisher_labels labels;
    size_t n_batches;
    float *sum;
    int32_t *classes; /* [batch] the same label for all */
} diagonal_pass;

static size_t n_classes(const lethe__measurement *measurement) {
    return (size_t)measurement->trainer->model->info.classes;
}

/* Replaces the label whose loss made the row, p - onehot(label), by one drawn from p. */
static void draw_label(float *row, int32_t label, size_t classes, uint64_t seed, uint32_t id) {
    lethe__random random = lethe__random_open(seed, LETHE__RANDOM_METHOD, LETHE__METHOD_LABELS, id);
    double left = (double)lethe__random_uniform(&random);
    row[label] += 1;
    size_t drawn = 0;
    for (; drawn + 1 < classes && left >= (double)row[drawn]; drawn++)
        left -= (double)row[drawn];
    row[drawn] -= 1;
}

static lethe_status visit_labels(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    diagonal_pass *pass = user;
    size_t classes = n_classes(measurement);
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, 1));
    for (size_t i = 0; pass->labels == LETHE__LABELS_MODEL && i < (size_t)batch->n; i++)
        draw_label(measurement->diff_logits + i * classes, batch->labels[i], classes,
                   measurement->trainer->runtime->seed, batch->ids[i]);
    return lethe__executor_sample_products(measurement->executor, measurement->diff_logits,
                                           &(lethe__sample_products){.squares = pass->sum});
}

static lethe_status forward_class(lethe__measurement *measurement, const lethe__batch *batch,
                                  const diagonal_pass *pass, size_t label, float scale) {
    for (int i = 0; i < batch->n; i++)
        pass->classes[i] = (int32_t)label;
    return lethe__measure_forward(measurement, batch, pass->classes, scale);
}

static lethe_status visit_exact(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    diagonal_pass *pass = user;
    size_t classes = n_classes(measurement);
    for (size_t label = 0; label < classes; label++) {
        LETHE_TRY(forward_class(measurement, batch, pass, label, 1));
        for (size_t i = 0; i < (size_t)batch->n; i++) {
            float *row = measurement->diff_logits + i * classes;
            float root = sqrtf(fmaxf(0, 1 + row[label])); /* of the label's probability */
            for (size_t k = 0; k < classes; k++)
                row[k] *= root;
        }
        LETHE_TRY(lethe__executor_sample_products(measurement->executor, measurement->diff_logits,
                                                  &(lethe__sample_products){.squares = pass->sum}));
    }
    return LETHE_OK;
}

static lethe_status visit_official(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    diagonal_pass *pass = user;
    const lethe_model *model = measurement->trainer->model;
    size_t classes = n_classes(measurement);
    for (size_t label = 0; label < classes; label++) {
        LETHE_TRY(forward_class(measurement, batch, pass, label, 1 / (float)batch->n));
        double probability = 1; /* of the label, the mean over the batch: rows are (p - onehot) / n */
        for (size_t i = 0; i < (size_t)batch->n; i++)
            probability += (double)measurement->diff_logits[i * classes + label];
        LETHE_TRY(lethe__executor_backward(measurement->executor, measurement->diff_logits));
        for (size_t k = 0; k < model->graph->parameter_size; k++)
            pass->sum[k] += (float)probability * model->weights.gradients[k] * model->weights.gradients[k];
    }
    pass->n_batches++;
    return LETHE_OK;
}

static lethe_status measure_diagonal(lethe__measurement *measurement, lethe_samples samples,
                                     diagonal_pass *pass, bool official) {
    const lethe_model *model = measurement->trainer->model;
    size_t n = model->graph->parameter_size;
    LETHE_TRY(lethe__allocate(measurement->batch, sizeof *pass->classes, &pass->classes));
    memset(pass->sum, 0, n * sizeof *pass->sum);
    lethe__measure_batch *visit = official                              ? visit_official
                                  : pass->labels == LETHE__LABELS_EXACT ? visit_exact
                                                                        : visit_labels;
    lethe_status status = lethe__measure_pass(measurement, samples, visit, pass);
    double count = official ? (double)pass->n_batches : (double)samples.n;
    for (size_t k = 0; k < n; k++)
        pass->sum[k] = model->mask != NULL && !model->mask[k] ? 0 : (float)((double)pass->sum[k] / count);
    lethe__free(pass->classes);
    return status;
}

lethe_status lethe__fisher_diagonal(lethe__measurement *measurement, lethe_samples samples,
                                    lethe__fisher_labels labels, float *diagonal) {
    return measure_diagonal(measurement, samples, &(diagonal_pass){.labels = labels, .sum = diagonal}, false);
}

lethe_status lethe__fisher_diagonal_official(lethe__measurement *measurement, lethe_samples samples,
                                             float *diagonal) {
    return measure_diagonal(measurement, samples, &(diagonal_pass){.sum = diagonal}, true);
}

/* --- variances --- */

/* The mean over dimension 1 of [outputs, inputs, rest]; masked entries count unless `mask` is NULL. */
static void average_inputs(const lethe__slot *slot, const uint8_t *mask, float *variance) {
    size_t inputs = slot->shape[1], rest = slot->size / slot->shape[0] / inputs;
    for (size_t o = 0; o < slot->shape[0]; o++)
        for (size_t r = 0; r < rest; r++) {
            double sum = 0, n = 0;
            for (size_t i = 0; i < inputs; i++) {
                size_t at = (o * inputs + i) * rest + r;
                bool counts = mask == NULL || mask[at];
                sum += counts ? (double)variance[at] : 0;
                n += counts;
            }
            for (size_t i = 0; i < inputs; i++)
                variance[(o * inputs + i) * rest + r] = n > 0 ? (float)(sum / n) : 0;
        }
}

/* The official code takes for the head what has as many rows as there are classes. */
static bool is_head(const lethe_model *model, size_t slot, bool official) {
    const lethe__node *last = &model->graph->nodes[model->graph->n_nodes - 1];
    if (official)
        return model->graph->parameters[slot].shape[0] == (size_t)model->info.classes;
    return (int)slot == last->weight || (int)slot == last->bias;
}

void lethe__ff_variance(const lethe_model *model, const lethe__ff_options *options, bool official,
                        const float *diagonal, float *variance) {
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        const uint8_t *mask = model->mask != NULL ? model->mask + slot->offset : NULL;
        float *own = variance + slot->offset;
        bool head = is_head(model, s, official);
        double largest = head ? fmin(options->largest_head, options->largest) : options->largest;
        double scale = head ? options->head_scale : slot->n_dims == 1 ? options->vector_scale : 1;
        for (size_t k = 0; k < slot->size; k++)
            own[k] = (float)(options->alpha *
                             fmin(1 / ((double)diagonal[slot->offset + k] + options->floor), largest));
        if (options->average_inputs && slot->n_dims > 1)
            average_inputs(slot, official ? NULL : mask, own);
        for (size_t k = 0; k < slot->size; k++)
            own[k] = mask != NULL && !mask[k] ? 0 : own[k] * (float)scale;
    }
}
