/* relabel.h - samples under other labels than their own, for the methods that teach the model wrong answers
 * about the forget set, and the passes over it that such methods begin with. */
#ifndef LETHE_UNLEARN_RELABEL_H
#define LETHE_UNLEARN_RELABEL_H

#include "train/trainer.h"
#include <lethe/unlearn.h>

typedef struct lethe__relabelled {
    lethe_samples samples; /* lends the two below */
    uint32_t *ids;         /* ascending */
    int32_t *labels;       /* by id; true ones at first */
} lethe__relabelled;

/* The forget set, with the retain set beside it if `with_retain`. Close in every case, failure
 * included. */
lethe_status lethe__relabel_open(const lethe_unlearning *unlearning, bool with_retain,
                                 lethe__relabelled *out);
void lethe__relabel_close(lethe__relabelled *relabelled);

/* Gives each forget sample a class drawn from (seed, sample): any but its own; with compat official any.
 * `draw` counts from 0: each gives labels of its own. */
void lethe__relabel_randomly(lethe_unlearning *unlearning, lethe__relabelled *relabelled, int draw);

/* Calls `take` for each batch of the forget set, after a forward pass with running statistics; `gradients`
 * says that a backward pass will follow. The seconds count as the method's. */
typedef lethe_status lethe__batch_function(void *user, lethe_trainer *trainer, const lethe__batch *batch,
                                           const float *logits);
lethe_status lethe__forget_pass(lethe_unlearning *unlearning, size_t batch, bool gradients,
                                lethe__batch_function *take, void *user);

#endif
