/* unlearn_ga.c - gradient ascent (GA): training in reverse on the samples to forget.
 *
 * Idea: if descending on a sample's loss taught it, ascending takes it back.
 *   a few epochs of SGD from theta_o on the negative mean of CE on the forget set
 * BatchNorm stays in training mode, so its running statistics move towards the forget set. Weight decay and
 * momentum are those of training. The loss has no upper bound: too large a learning rate destroys the model.
 *
 * Source: Graves et al. 2021; Thudi et al. 2022; settings of Jia et al. 2023. Cost: `epochs` passes over the
 * forget set, the cheapest of all. */
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "5", "1e-4", "constant"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    lethe_fit_options fit = *(const lethe_fit_options *)given;
    fit.ascend = true;
    return lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "ga", lethe_unlearning_forget(unlearning),
                             &fit);
}

const lethe_unlearn_method lethe__unlearn_ga = {
    .name = "ga",
    .title = "Gradient ascent",
    .label = "GA",
    .source = "Graves et al. 2021; Thudi et al. 2022",
    .summary =
        "Ascends on the loss of the forget set for a few epochs. Very cheap, and very sensitive to the "
        "learning rate: too small does nothing, too large destroys the model.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
