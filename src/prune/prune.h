/* prune.h - what the pruning methods share. */
#ifndef LETHE_PRUNE_PRUNE_H
#define LETHE_PRUNE_PRUNE_H

#include "models/model.h"
#include "train/wide.h"
#include <lethe/prune.h>

/* --- masks --- */

void lethe__count_prunable(const lethe_model *model, size_t *n_prunable, size_t *n_present);
/* round(sparsity * prunable weights), ties to even. */
size_t lethe__count_removed(const lethe_model *model, double sparsity);

/* Removes the lowest scores of the trainer's model until n_removed weights are gone, those of an earlier mask
 * counted among them, and warns of layers that have lost every weight. */
lethe_status lethe__prune_lowest(lethe_trainer *trainer, const double *scores, size_t n_removed);
/* The same, by magnitude. */
lethe_status lethe__prune_magnitude(lethe_trainer *trainer, size_t n_removed);

/* --- trainings --- */

/* The first training of a method that prunes trained models; keeps the weights of the epoch to rewind to. */
lethe_status lethe__train_dense(lethe_trainer *trainer, lethe_samples samples,
                                const lethe_prune_options *options);
/* Puts the surviving weights back to where `options` say. */
lethe_status lethe__rewind_weights(lethe_trainer *trainer, const lethe_prune_options *options);
/* The training of a pruned model; none with fit.epochs 0. */
lethe_status lethe__train_sparse(lethe_trainer *trainer, lethe_samples samples,
                                 const lethe_prune_options *options);

/* --- measuring on samples --- */

/* Gradients of the trainer's model on one batch, with BatchNorm in training mode, in double. Nothing of the
 * model moves. */
typedef struct lethe__exact_batch {
    lethe__wide wide;
    lethe__loader *loader;
    lethe__batch batch;
    double *gradient;            /* [parameter_size], masked entries 0 */
    double *direction, *product; /* [parameter_size], product = H direction; NULL without tangents */
} lethe__exact_batch;

/* The batch is what the training with `fit` would take first if its batches were of n samples (all, where
 * there are fewer) and not augmented. Close in every case. */
lethe_status lethe__exact_batch_open(lethe_trainer *trainer, lethe_samples samples, size_t n,
                                     const lethe_fit_options *fit, bool tangents,
                                     lethe__exact_batch *measure);
void lethe__exact_batch_close(lethe__exact_batch *measure);
/* Fills `gradient` of the mean cross-entropy of logits / temperature and, with tangents, `product`. */
lethe_status lethe__exact_batch_run(lethe__exact_batch *measure, double temperature);

#endif
