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
#include "prune/prune.h"

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    LETHE_PRUNE_REWIND_ROW,
    LETHE_OPTIONS_END,
};

static int count_fits(const void *given) {
    const lethe_prune_options *options = given;
    return options->trained ? 1 : 2;
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const lethe_prune_options *options = given;
    size_t n_removed = lethe__count_removed(lethe_trainer_model(trainer), options->sparsity);
    if (options->fit.epochs == 0)
        return lethe__prune_magnitude(trainer, n_removed);
    if (!options->trained)
        LETHE_TRY(lethe__train_dense(trainer, samples, options));
    LETHE_TRY(lethe__prune_magnitude(trainer, n_removed));
    LETHE_TRY(lethe__rewind_weights(trainer, options));
    return lethe__train_sparse(trainer, samples, options);
}

const lethe_prune_method lethe__prune_omp = {
    .name = "omp",
    .title = "One-shot magnitude pruning",
    .source = "Han et al. 2015; Frankle et al. 2020; Jia et al. 2023",
    .summary = "Trains, removes the convolution weights of smallest magnitude over all layers together, "
               "rewinds the others to an early epoch and trains again with the mask. With --epochs 0 it "
               "prunes the given model and stops.",
    .options = option_table,
    .options_size = sizeof(lethe_prune_options),
    .trains_first = true,
    .count_fits = count_fits,
    .run = run,
};
