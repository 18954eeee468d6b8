/* prune_random.c - random pruning, the baseline that every other method has to beat.
 *
 * Idea: scores drawn uniformly from [0, 1) by the run's seed; the round(sparsity * count) lowest go. Then the
 * model is trained with the mask, unless fit.epochs is 0. Each layer loses about the same share.
 *
 * Source: a baseline of Frankle et al. 2021, "Pruning Neural Networks at Initialization: Why Are We Missing
 * the Mark?". Cost: one training. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "prune/prune.h"

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    LETHE_OPTIONS_END,
};

static lethe_status prune_at_random(lethe_trainer *trainer, double sparsity) {
    const lethe_model *model = lethe_trainer_model(trainer);
    size_t n = model->graph->parameter_size;
    double *scores;
    LETHE_TRY(lethe__allocate(n, sizeof *scores, &scores));
    lethe__random random =
        lethe__random_open(lethe_trainer_runtime(trainer)->seed, LETHE__RANDOM_PRUNE, 0, 0);
    for (size_t i = 0; i < n; i++)
        scores[i] = (double)lethe__random_uniform(&random);
    lethe_status status = lethe__prune_lowest(trainer, scores, lethe__count_removed(model, sparsity));
    lethe__free(scores);
    return status;
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const lethe_prune_options *options = given;
    LETHE_TRY(prune_at_random(trainer, options->sparsity));
    return lethe__train_sparse(trainer, samples, options);
}

const lethe_prune_method lethe__prune_random = {
    .name = "random",
    .title = "Random pruning",
    .source = "Frankle et al. 2021",
    .summary = "Removes convolution weights at random and trains what is left. With --epochs 0 it prunes the "
               "given model and stops.",
    .options = option_table,
    .options_size = sizeof(lethe_prune_options),
    .run = run,
};
