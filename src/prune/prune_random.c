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
#include "models/model.h"
#include <lethe/prune.h>

static lethe_status prune_at_random(lethe_model *model, uint64_t seed, double sparsity) {
    size_t n = model->graph->parameter_size;
    float *scores;
    LETHE_TRY(lethe__allocate(n, sizeof *scores, &scores));
    lethe__random random = lethe__random_open(seed, LETHE__RANDOM_PRUNE, 0, 0);
    for (size_t i = 0; i < n; i++)
        scores[i] = lethe__random_uniform(&random);
    lethe_status status = lethe_mask_lowest(model, scores, sparsity);
    lethe__free(scores);
    return status;
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const lethe_prune_options *options) {
    LETHE_TRY(prune_at_random(lethe_trainer_model(trainer), lethe_trainer_runtime(trainer)->seed,
                              options->sparsity));
    if (options->fit.epochs == 0)
        return LETHE_OK;
    return lethe_trainer_fit(trainer, "sparse training", samples, &options->fit);
}

const lethe_prune_method lethe__prune_random = {
    .name = "random",
    .title = "Random pruning",
    .source = "Frankle et al. 2021",
    .summary = "Removes convolution weights at random and trains what is left. With --epochs 0 it prunes the "
               "given model and stops.",
    .run = run,
};
