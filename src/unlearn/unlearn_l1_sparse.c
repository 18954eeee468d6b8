/* unlearn_l1_sparse.c - sparsity-aware unlearning: fine-tuning with an l1 penalty.
 *
 * Idea: sparse models forget more easily, so let the model become sparse while it forgets.
 *   a few epochs of SGD from theta_o on the mean of CE on the retain set + gamma_t |theta|_1
 *   gamma_t at epoch t of T: constant gamma, growing 2 gamma t/T, decaying 2 gamma (1 - t/T)
 * The penalty runs over every parameter, by the subgradient sign(theta), or (--l1 proximal) by a soft
 * threshold lr gamma_t / (1 - momentum) after each step, which leaves exact zeros. Decaying is the best of
 * the three: the first epochs prune, the last ones repair the accuracy. No weight is set to zero at the end.
 *
 * --compat official: gamma is the official code's alpha, gamma_t = alpha (1 - t/T). That code also shrinks
 * the weights under the mask; the mask is on in every forward pass, so that changes no result and is not
 * repeated.
 *
 * Source: Jia et al. 2023, Section 4. Cost: that of fine-tuning. */
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "0.01", "constant"),
    LETHE__L1_ROWS("5e-4", "decaying"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    lethe_fit_options fit = *(const lethe_fit_options *)given;
    fit.gamma = lethe__unlearn_gamma(unlearning, &fit);
    return lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "l1-sparse",
                             lethe_unlearning_retain(unlearning), &fit);
}

const lethe_unlearn_method lethe__unlearn_l1_sparse = {
    .name = "l1-sparse",
    .title = "l1-sparse unlearning",
    .label = "l1-sparse",
    .source = "Jia et al. 2023",
    .summary =
        "Fine-tunes on the retain set with an l1 penalty on all parameters whose coefficient follows a "
        "schedule, so that the model becomes sparse while it forgets.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
