/* unlearn_ft_prune.c - fine-tuning with interleaved pruning.
 *
 * Idea: become sparse by removing weights while training repairs the model, instead of by a penalty.
 *   FT from theta_o on the retain set; before epochs 0, 2, 4, .. the smallest convolution weights of all
 *   layers together go, the share 1 - (1 - S)^(1/k) of those left, k = ceil(epochs / 2): S after the last
 * Each pruning goes to the sparsity 1 - (1 - S)^(j/k) of the whole, so it may be repeated after a resume; the
 * official code counts from what is left, which differs by the rounding of a weight. A model that is sparser
 * already keeps its mask.
 *
 * Source: Jia et al. 2023, official code. Cost: that of fine-tuning. */
#include "base/fail.h"
#include "base/memory.h"
#include "models/model.h"
#include "unlearn/unlearn.h"
#include <lethe/prune.h>
#include <math.h>

enum { PRUNING_INTERVAL = 2 };

typedef struct ft_prune_options {
    lethe_fit_options fit;
    double sparsity;
} ft_prune_options;

static const lethe_option options[] = {
    LETHE_FIT_ROWS(offsetof(ft_prune_options, fit), "10", "0.01", "constant"),
    {.name = "sparsity",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(ft_prune_options, sparsity),
     .value = "0.95",
     .maximum = 0.9999999,
     .placeholder = "S",
     .help = "share of the convolution weights that is gone at the end"},
    LETHE_OPTIONS_END,
};

static lethe_status prune(void *user, lethe_model *model, int epoch) {
    const ft_prune_options *given = user;
    if (epoch % PRUNING_INTERVAL != 0)
        return LETHE_OK;
    int n_prunings = (given->fit.epochs + PRUNING_INTERVAL - 1) / PRUNING_INTERVAL;
    int nth = epoch / PRUNING_INTERVAL + 1;
    double done = (double)nth / n_prunings;
    size_t n = model->graph->parameter_size;
    double *scores;
    LETHE_TRY(lethe__allocate(n, sizeof *scores, &scores));
    for (size_t i = 0; i < n; i++)
        scores[i] = fabs((double)model->weights.parameters[i]);
    lethe_status status = lethe_mask_lowest(model, scores, 1 - pow(1 - given->sparsity, done));
    lethe__free(scores);
    return status;
}

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    ft_prune_options copy = *(const ft_prune_options *)given;
    copy.fit.before_epoch = prune;
    copy.fit.user = &copy;
    return lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "ft-prune",
                             lethe_unlearning_retain(unlearning), &copy.fit);
}

static lethe_status check(const void *given) {
    return lethe_fit_check(&((const ft_prune_options *)given)->fit);
}

const lethe_unlearn_method lethe__unlearn_ft_prune = {
    .name = "ft-prune",
    .title = "Fine-tuning with pruning",
    .label = "FT + prune",
    .source = "Jia et al. 2023",
    .summary =
        "Fine-tunes on the retain set, and every second epoch removes the smallest convolution weights "
        "until the wanted sparsity is reached. The result has a mask.",
    .options = options,
    .options_size = sizeof(ft_prune_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_ORIGINAL,
    .check = check,
    .run = run,
};
