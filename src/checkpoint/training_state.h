/* training_state.h - a training run frozen between two steps: model, optimiser, position. */
#ifndef LETHE_CHECKPOINT_TRAINING_STATE_H
#define LETHE_CHECKPOINT_TRAINING_STATE_H

#include "models/model.h"
#include <lethe/train.h>

typedef struct lethe__training_state {
    lethe_model *model;                    /* lent: parameters, buffers, mask, num_batches_tracked */
    float *velocity;                       /* [parameter_size] momentum */
    float *kept_parameters, *kept_buffers; /* the copy for rewinding; kept_buffers NULL: none kept */
    int stage, epoch;                      /* of the step that comes next */
    size_t step;
    double loss_sum; /* of the epoch so far */
    size_t n_correct, n_seen;
    double epoch_seconds, total_seconds; /* spent in this epoch so far, in all stages so far */
    lethe_epoch_record *history;         /* grown with lethe__grow */
    size_t n_history, history_capacity;
    const char *identity; /* lent: a digest or text of all that must be the same to resume */
} lethe__training_state;

/* Writes atomically. */
lethe_status lethe__training_state_save(const lethe__training_state *state, const char *path);
/* Fills `state`, whose model, velocity and identity are set; the model gets or loses its mask as stored.
 * LETHE_INPUT: the file is damaged, or belongs to another model or identity (the sentence says which, and
 * what to do). */
lethe_status lethe__training_state_load(lethe__training_state *state, const char *path);

#endif
