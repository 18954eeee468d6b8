/* unlearn_ft.c - fine-tuning (FT): go on training on what is to be retained.
 *
 * Idea: a network that trains on without some samples forgets them by and by, the faster the larger the
 * learning rate.
 *   a few epochs of SGD from theta_o on the mean of CE on the retain set
 *
 * Source: Warnecke et al. 2021; Golatkar et al. 2020; settings of Jia et al. 2023. Cost: `epochs` passes over
 * the retain set, about a sixteenth of retraining. */
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "0.01", "constant"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *fit) {
    return lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "ft", lethe_unlearning_retain(unlearning),
                             fit);
}

const lethe_unlearn_method lethe__unlearn_ft = {
    .name = "ft",
    .title = "Fine-tuning",
    .label = "FT",
    .source = "Warnecke et al. 2021; Golatkar et al. 2020",
    .summary = "Trains the original model for a few more epochs on the retain set alone, so that the rest "
               "fades. The learning rate decides how much is forgotten.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
