/* prune_omp.c - one-shot magnitude pruning (OMP).
 *
 * Idea: after training, small weights matter least; remove all that must go at once.
 *   score = |w| over the convolution weights of all layers together; the round(sparsity * count) lowest go
 *
 * Three forms:
 *   fit.epochs > 0   train from fresh weights and keep those of the rewinding epoch, unless the model comes
 *                    trained, and its early weights with it; prune; rewind the surviving weights, unless
 *                    rewinding is "none"; train again with the mask, for as many epochs
 *   ... and trained  the same for a model that has had its first training: it starts at the pruning
 *   fit.epochs = 0   prune the model as it is and stop (the bare form, Section 3 of the paper)
 *
 * Source: Han et al. 2015 (magnitude), Frankle et al. 2020 (rewinding to an early epoch), as used by Jia et
 * al. 2023 for its weak dependence on the forget set. Cost: two trainings, or one; pruning takes no time. */
#include "base/fail.h"
#include "base/memory.h"
#include "models/model.h"
#include <lethe/prune.h>
#include <math.h>

static lethe_status prune_by_magnitude(lethe_model *model, double sparsity) {
    size_t n = model->graph->parameter_size;
    float *scores;
    LETHE_TRY(lethe__allocate(n, sizeof *scores, &scores));
    for (size_t i = 0; i < n; i++)
        scores[i] = fabsf(model->weights.parameters[i]);
    lethe_status status = lethe_mask_lowest(model, scores, sparsity);
    lethe__free(scores);
    return status;
}

/* The first training; keeps the weights of the epoch to rewind to. */
static lethe_status train_dense(lethe_trainer *trainer, lethe_samples samples,
                                const lethe_prune_options *options) {
    lethe_rewind rewind;
    int epoch;
    LETHE_TRY(lethe_rewind_parse(options->rewind, &rewind, &epoch));
    if (epoch > options->fit.epochs)
        LETHE_FAIL(LETHE_USAGE, "cannot rewind to epoch %d of a training of %d epochs", epoch,
                   options->fit.epochs);
    if (rewind != LETHE_REWIND_NONE)
        lethe_trainer_keep_epoch(trainer, epoch);
    return lethe_trainer_fit(trainer, "dense training", samples, &options->fit);
}

static lethe_status rewind_weights(lethe_trainer *trainer, const lethe_prune_options *options) {
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

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const lethe_prune_options *options) {
    lethe_model *model = lethe_trainer_model(trainer);
    if (options->fit.epochs == 0)
        return prune_by_magnitude(model, options->sparsity);
    if (!options->trained)
        LETHE_TRY(train_dense(trainer, samples, options));
    LETHE_TRY(prune_by_magnitude(model, options->sparsity));
    LETHE_TRY(rewind_weights(trainer, options));
    return lethe_trainer_fit(trainer, "sparse training", samples, &options->fit);
}

const lethe_prune_method lethe__prune_omp = {
    .name = "omp",
    .title = "One-shot magnitude pruning",
    .source = "Han et al. 2015; Frankle et al. 2020; Jia et al. 2023",
    .summary = "Trains, removes the convolution weights of smallest magnitude over all layers together, "
               "rewinds the others to an early epoch and trains again with the mask. With --epochs 0 it "
               "prunes the given model and stops.",
    .trains_first = true,
    .run = run,
};
