/* prune.h - pruning methods: each makes a sparse model, with the training that it needs. */
#ifndef LETHE_PRUNE_H
#define LETHE_PRUNE_H

#include <lethe/train.h>

typedef enum lethe_rewind { LETHE_REWIND_NONE, LETHE_REWIND_INIT, LETHE_REWIND_EPOCH } lethe_rewind;

/* What every method has. A method's own structure begins with it; a method without further options takes it
 * as it is. */
typedef struct lethe_prune_options {
    double sparsity;       /* share of the prunable weights to remove, [0, 1) */
    const char *rewind;    /* of methods that train first: "none", "init" or "epoch=K" */
    lethe_fit_options fit; /* fit.epochs 0: prune the given model and stop, without rewinding */
    /* Not in the tables: the model comes trained, so that a method that trains first leaves its first
     * training out. Rewinding then goes to `early`, that model as it was at the epoch named by `rewind`;
     * lent. */
    bool trained;
    const lethe_model *early;
} lethe_prune_options;

/* clang-format off */
/* The rows of every method's table, and the one of methods that train first, over a structure that begins
 * with lethe_prune_options. */
#define LETHE_PRUNE_ROWS                                                                                     \
    {"sparsity", LETHE_OPTION_DOUBLE, offsetof(lethe_prune_options, sparsity), "0.9", 0, 0.9999999, NULL,    \
     "S", "share of the convolution weights to remove", false},                                              \
    LETHE_FIT_ROWS(offsetof(lethe_prune_options, fit), "182", "0.1", "multistep")
#define LETHE_PRUNE_REWIND_ROW                                                                               \
    {"rewind", LETHE_OPTION_STRING, offsetof(lethe_prune_options, rewind), "epoch=8", 0, 0, NULL,            \
     "none|init|epoch=K",                                                                                    \
     "the weights that training starts from again after pruning; none keeps the trained ones", false}
/* clang-format on */

typedef struct lethe_prune_method {
    const char *name, *title, *source, *summary;
    const lethe_option *options; /* describes the structure that `run` receives: zeroes, then the */
    size_t options_size;         /* defaults of the table, then what the user gave */
    bool trains_first; /* with fit.epochs > 0: prunes a trained model and rewinds it; else: prunes, then
                          trains */
    /* optional: how often the method goes through fit.epochs; NULL: once */
    int (*count_fits)(const void *options);
    /* `trainer` lends the model and trains it; `samples` is the whole training part. Called by lethe_prune
     * with options that have been checked. */
    lethe_status (*run)(lethe_trainer *trainer, lethe_samples samples, const void *options);
} lethe_prune_method;

/* Known methods, ended by NULL; and one by name, LETHE_USAGE listing the known ones. */
LETHE_API const lethe_prune_method *const *lethe_prune_methods(void);
LETHE_API lethe_status lethe_prune_find(const char *name, const lethe_prune_method **out);

/* LETHE_USAGE with the sentence to show when the options (the method's own structure) are out of range or
 * contradict each other, as a rewinding epoch beyond the first training does. */
LETHE_API lethe_status lethe_prune_check(const lethe_prune_method *method, const void *options);
/* Checks the options and runs `method` on the trainer's model. */
LETHE_API lethe_status lethe_prune(const lethe_prune_method *method, const void *options,
                                   lethe_trainer *trainer, lethe_samples samples);

/* *epoch is how many epochs to train before the weights to rewind to are kept: K, 0 for "init". */
LETHE_API lethe_status lethe_rewind_parse(const char *text, lethe_rewind *kind, int *epoch);

/* Removes the k = round(sparsity * prunable weights) (ties to even) weights of smallest score, over all
 * prunable tensors together; equal scores: the earlier weight first. scores: [parameter_count], read at
 * prunable weights only. Weights that an earlier mask removed count among the k, and stay removed when there
 * are more than k of them. LETHE_USAGE: sparsity is not in [0, 1); LETHE_FAILED: a score is NaN. */
LETHE_API lethe_status lethe_mask_lowest(lethe_model *model, const double *scores, double sparsity);

#endif
