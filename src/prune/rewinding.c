/* rewinding.c - what methods share that prune trained models by magnitude: the dense training, the score |w|,
 * and putting the surviving weights back to an early epoch (Frankle et al. 2020). */
#include "base/fail.h"
#include "base/memory.h"
#include "prune/prune.h"
#include <math.h>

lethe_status lethe__prune_magnitude(lethe_trainer *trainer, size_t n_removed) {
    const lethe_model *model = lethe_trainer_model(trainer);
    size_t n = model->graph->parameter_size;
    double *scores;
    LETHE_TRY(lethe__allocate(n, sizeof *scores, &scores));
    for (size_t i = 0; i < n; i++)
        scores[i] = fabs((double)model->weights.parameters[i]);
    lethe_status status = lethe__prune_lowest(trainer, scores, n_removed);
    lethe__free(scores);
    return status;
}

lethe_status lethe__train_dense(lethe_trainer *trainer, lethe_samples samples,
                                const lethe_prune_options *options) {
    lethe_rewind rewind;
    int epoch;
    LETHE_TRY(lethe_rewind_parse(options->rewind, &rewind, &epoch));
    if (rewind != LETHE_REWIND_NONE)
        lethe_trainer_keep_epoch(trainer, epoch);
    return lethe_trainer_fit(trainer, "dense training", samples, &options->fit);
}

lethe_status lethe__rewind_weights(lethe_trainer *trainer, const lethe_prune_options *options) {
    lethe_rewind rewind;
    int epoch;
    LETHE_TRY(lethe_rewind_parse(options->rewind, &rewind, &epoch));
    if (rewind == LETHE_REWIND_NONE)
        return LETHE_OK;
    if (!options->trained)
        return lethe_trainer_rewind(trainer);
    if (options->early == NULL)
        LETHE_FAIL(LETHE_USAGE, "rewinding a trained model to '%s' needs that model as it was then",
                   options->rewind);
    return lethe__model_copy_weights(options->early, lethe_trainer_model(trainer));
}

lethe_status lethe__train_sparse(lethe_trainer *trainer, lethe_samples samples,
                                 const lethe_prune_options *options) {
    if (options->fit.epochs == 0)
        return LETHE_OK;
    return lethe_trainer_fit(trainer, "sparse training", samples, &options->fit);
}
