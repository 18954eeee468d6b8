/* measure.h - looking at a model's gradients sample by sample, for methods that measure and do not train.
 *
 * A measurement runs batches with running statistics, in file order and without augmentation, always in f32:
 * squares of gradients lose too much in bf16. It looks at the stop flag before each batch, tells progress,
 * and counts as the trainer's time from open to close, listeners left out. It leaves no checkpoint: a
 * measurement that was stopped starts over, and comes to the same bits. */
#ifndef LETHE_TRAIN_MEASURE_H
#define LETHE_TRAIN_MEASURE_H

#include "train/trainer.h"

typedef struct lethe__measurement {
    lethe_trainer *trainer;
    const char *title;
    lethe__executor *executor;
    size_t batch;
    float *diff_logits;       /* [batch, classes], for lethe__measure_forward to fill */
    size_t seen, planned;     /* samples, over all passes */
    double started, listened; /* clock; seconds that listeners took */
    double last_progress;     /* clock; 0: none yet */
} lethe__measurement;

/* `planned`: samples that will be looked at in all, for the progress. Close also after a failed open. */
lethe_status lethe__measurement_open(lethe__measurement *measurement, lethe_trainer *trainer,
                                     const char *title, size_t batch, size_t planned);
void lethe__measurement_close(lethe__measurement *measurement);

typedef lethe_status lethe__measure_batch(lethe__measurement *measurement, const lethe__batch *batch,
                                          void *user);

/* Calls `visit` with every batch of the samples, in their order. LETHE_STOPPED: asked to stop. */
lethe_status lethe__measure_pass(lethe__measurement *measurement, lethe_samples samples,
                                 lethe__measure_batch *visit, void *user);

/* Forward; diff_logits[i] = scale (softmax_i - onehot(labels[i])), ready for a backward. LETHE_DIVERGED: the
 * loss is not finite. */
lethe_status lethe__measure_forward(lethe__measurement *measurement, const lethe__batch *batch,
                                    const int32_t *labels, float scale);

/* LETHE_DIVERGED when a parameter is NaN or infinite: what the method did was too much. */
lethe_status lethe__measure_check(const lethe__measurement *measurement);

#endif
