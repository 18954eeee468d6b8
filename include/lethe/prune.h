/* prune.h - pruning methods: each makes a sparse model, with the training that it needs. */
#ifndef LETHE_PRUNE_H
#define LETHE_PRUNE_H

#include <lethe/train.h>

typedef enum lethe_rewind { LETHE_REWIND_NONE, LETHE_REWIND_INIT, LETHE_REWIND_EPOCH } lethe_rewind;

typedef struct lethe_prune_options {
    double sparsity;       /* share of the prunable weights to remove, [0, 1) */
    const char *rewind;    /* "none", "init" or "epoch=K"; not read by methods that prune before training */
    lethe_fit_options fit; /* fit.epochs 0: prune the given model and stop, without rewinding */
    /* Not in the table: the model comes trained, so that omp leaves its first training out. Rewinding then
     * goes to `early`, that model as it was at the epoch named by `rewind`; lent. */
    bool trained;
    const lethe_model *early;
} lethe_prune_options;

LETHE_API extern const lethe_option lethe_prune_option_table[]; /* sparsity, rewind; fit has its own table */

typedef struct lethe_prune_method {
    const char *name, *title, *source, *summary;
    bool trains_first; /* with fit.epochs > 0: prunes a trained model and rewinds it; else: prunes, then
                          trains */
    /* `trainer` lends the model and trains it; `samples` is the whole training part. Called by lethe_prune
     * with options that have been checked. */
    lethe_status (*run)(lethe_trainer *trainer, lethe_samples samples, const lethe_prune_options *options);
} lethe_prune_method;

/* Known methods, ended by NULL; and one by name, LETHE_USAGE listing the known ones. */
LETHE_API const lethe_prune_method *const *lethe_prune_methods(void);
LETHE_API lethe_status lethe_prune_find(const char *name, const lethe_prune_method **out);

/* Checks the options and runs `method` on the trainer's model. */
LETHE_API lethe_status lethe_prune(const lethe_prune_method *method, const lethe_prune_options *options,
                                   lethe_trainer *trainer, lethe_samples samples);

/* *epoch is how many epochs to train before the weights to rewind to are kept: K, 0 for "init". */
LETHE_API lethe_status lethe_rewind_parse(const char *text, lethe_rewind *kind, int *epoch);

/* Removes the k = round(sparsity * prunable weights) (ties to even) weights of smallest score, over all
 * prunable tensors together; equal scores: the earlier weight first. scores: [parameter_count], read at
 * prunable weights only. Weights that an earlier mask removed count among the k, and stay removed when there
 * are more than k of them. LETHE_USAGE: sparsity is not in [0, 1); LETHE_FAILED: a score is NaN. */
LETHE_API lethe_status lethe_mask_lowest(lethe_model *model, const float *scores, double sparsity);

#endif
