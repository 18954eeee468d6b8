/* prune_imp.c - iterative magnitude pruning (IMP), the search for lottery tickets.
 *
 * Idea: remove a little, train again, and let the weights say anew which of them matter.
 *   train; then in each round remove the round(rate * remaining) weights of smallest |w| over all layers
 *   together, rewind the others to an early epoch, and train again with the mask
 * The count is that of torch.nn.utils.prune: a share of the weights still present, halves to even. After k
 * rounds the sparsity is 1 - (1 - rate)^k. Without a number of rounds there are as many as reach `sparsity`,
 * the last of which removes only what it takes to hit it.
 *
 * A trained model leaves the first training out. With fit.epochs 0 nothing is trained, and the rounds end
 * where one-shot pruning does. Each training is a stage: a resumed run goes on in the one it was in.
 *
 * Source: Frankle and Carbin 2019; Frankle et al. 2020 (rewinding). The paper leaves it aside for unlearning,
 * since it depends most on the forget set and costs most: k + 1 trainings, 12 for 90 %. */
#include "base/fail.h"
#include "prune/prune.h"
#include <math.h>
#include <stdio.h>

typedef struct imp_options {
    lethe_prune_options shared;
    double rate;
    int rounds; /* 0: as many as reach the sparsity */
} imp_options;

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    LETHE_PRUNE_REWIND_ROW,
    {.name = "rate",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(imp_options, rate),
     .value = "0.2",
     .minimum = 1e-4,
     .maximum = 0.9999,
     .placeholder = "R",
     .help = "share of the remaining weights that a round removes"},
    {.name = "rounds",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(imp_options, rounds),
     .value = "0",
     .maximum = 10000,
     .placeholder = "N",
     .help = "rounds of pruning and training, whatever --sparsity says; 0: as many as reach it"},
    LETHE_OPTIONS_END,
};

static int count_rounds(const imp_options *options) {
    if (options->rounds > 0)
        return options->rounds;
    /* 1 - 0.8^2 is a little above 0.36 */
    return (int)ceil(log1p(-options->shared.sparsity) / log1p(-options->rate) - 1e-9);
}

static int count_fits(const void *given) {
    const imp_options *options = given;
    return count_rounds(options) + !options->shared.trained;
}

static lethe_status run_round(lethe_trainer *trainer, lethe_samples samples, const imp_options *options,
                              int round, size_t n_removed) {
    char title[64];
    LETHE_TRY(lethe__prune_magnitude(trainer, n_removed));
    if (options->shared.fit.epochs == 0)
        return LETHE_OK;
    LETHE_TRY(lethe__rewind_weights(trainer, &options->shared));
    snprintf(title, sizeof title, "round %d of %d", round, count_rounds(options));
    return lethe_trainer_fit(trainer, title, samples, &options->shared.fit);
}

/* Counts are carried along, not read off the model: between the stages of a resumed run it holds whatever
 * was left in it. */
static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const imp_options *options = given;
    const lethe_model *model = lethe_trainer_model(trainer);
    size_t n_prunable, n_present, target = lethe__count_removed(model, options->shared.sparsity);
    lethe__count_prunable(model, &n_prunable, &n_present);
    int n_rounds = count_rounds(options);
    if (options->shared.fit.epochs > 0 && !options->shared.trained)
        LETHE_TRY(lethe__train_dense(trainer, samples, &options->shared));
    for (int round = 1; round <= n_rounds; round++) {
        n_present -= (size_t)nearbyint(options->rate * (double)n_present);
        if (options->rounds == 0 && (round == n_rounds || n_prunable - n_present > target))
            n_present = n_prunable - target;
        LETHE_TRY(run_round(trainer, samples, options, round, n_prunable - n_present));
    }
    return LETHE_OK;
}

const lethe_prune_method lethe__prune_imp = {
    .name = "imp",
    .title = "Iterative magnitude pruning",
    .source = "Frankle and Carbin 2019; Frankle et al. 2020",
    .summary = "Trains, then in rounds removes a share of the remaining weights by magnitude, rewinds the "
               "others to an early epoch and trains again with the mask, until the sparsity is reached. The "
               "dearest method: a training for each round. With --epochs 0 it prunes the given model and "
               "stops.",
    .options = option_table,
    .options_size = sizeof(imp_options),
    .trains_first = true,
    .count_fits = count_fits,
    .run = run,
};
