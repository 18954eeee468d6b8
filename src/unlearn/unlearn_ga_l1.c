/* unlearn_ga_l1.c - gradient ascent with an l1 penalty.
 *
 * Idea: what makes fine-tuning forget better, sparsity, may do so for ascent.
 *   a few epochs of SGD from theta_o on -CE on the forget set + gamma_t |theta|_1, gamma_t as in l1-sparse
 * The penalty is not ascended on: it pulls weights to zero while the loss grows.
 *
 * Source: Jia et al. 2023, official code. Cost: that of gradient ascent. */
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "5", "1e-4", "constant"),
    LETHE__L1_ROWS("5e-4", "constant"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    lethe_fit_options fit = *(const lethe_fit_options *)given;
    fit.ascend = true;
    fit.gamma = lethe__unlearn_gamma(unlearning, &fit);
    return lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "ga-l1",
                             lethe_unlearning_forget(unlearning), &fit);
}

const lethe_unlearn_method lethe__unlearn_ga_l1 = {
    .name = "ga-l1",
    .title = "Gradient ascent with l1 penalty",
    .label = "GA + l1",
    .source = "Jia et al. 2023",
    .summary = "Ascends on the loss of the forget set while an l1 penalty on all parameters pulls the "
               "weights to zero. As cheap and as sensitive as gradient ascent.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
