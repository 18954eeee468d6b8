/* replay.h - one training, carried out again without one of its samples. */
#ifndef LETHE_ANALYZE_REPLAY_H
#define LETHE_ANALYZE_REPLAY_H

#include "train/wide.h"
#include <lethe/analyze.h>

typedef struct lethe__replay {
    lethe_model *model; /* lent: m * theta_0 and its statistics */
    lethe_samples samples;
    const lethe_ga_error_options *options;
    const lethe_runtime *runtime;
    lethe__wide wide, single; /* for a batch, and for one sample */
    lethe__loader *loader;
    size_t n, n_batches;  /* parameters; steps of an epoch */
    double *gradient;     /* [n] */
    size_t step, n_steps; /* for the progress, over all trainings */
} lethe__replay;

/* Moves the running statistics of `model` to those of the samples: a training's first batches would. */
lethe_status lethe__settle_statistics(lethe_model *model, lethe_samples samples,
                                      const lethe_runtime *runtime);

/* samples: whole batches of them. Close in every case. */
lethe_status lethe__replay_open(lethe_model *model, lethe_samples samples,
                                const lethe_ga_error_options *options, const lethe_runtime *runtime,
                                lethe__replay *replay);
void lethe__replay_close(lethe__replay *replay);

/* SGD from m * theta_0 without momentum and decay, in an order drawn by the seed, the same in each call;
 * the sample whose id is `left_out` gives no gradient. trained: [n]. LETHE_DIVERGED: a loss is not finite. */
lethe_status lethe__replay_train(lethe__replay *replay, int64_t left_out, double *trained);
/* Takes the sample out of `trained` by gradient ascent, a step for each that descended on it. */
lethe_status lethe__replay_ascend(lethe__replay *replay, uint32_t id, const double *trained,
                                  double *unlearned);
/* Mean loss over the samples at `parameters`. */
lethe_status lethe__replay_loss(lethe__replay *replay, const double *parameters, double *loss);
/* The id of the sample at `position` in the first epoch's order. */
uint32_t lethe__replay_id(lethe__replay *replay, size_t position);

#endif
