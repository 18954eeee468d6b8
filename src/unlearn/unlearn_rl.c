/* unlearn_rl.c - random labels (RL): teach wrong answers about the samples to forget.
 *
 * Idea: a model that learns labels drawn by lot for the forget set, beside the true ones of the retain set,
 * ends up knowing nothing of the former.
 *   a few epochs of SGD from theta_o on the mean of CE on retain (true labels) and forget (drawn labels)
 * The labels are drawn once, among the classes that are wrong; the official code draws among all
 * (--compat official).
 *
 * Source: Golatkar et al. 2020; Graves et al. 2021. Cost: `epochs` passes over all training samples. */
#include "base/fail.h"
#include "unlearn/relabel.h"
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "0.01", "constant"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *fit) {
    lethe__relabelled relabelled;
    lethe_status status = lethe__relabel_open(unlearning, true, &relabelled);
    if (status == LETHE_OK) {
        lethe__relabel_randomly(unlearning, &relabelled);
        status = lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "rl", relabelled.samples, fit);
    }
    lethe__relabel_close(&relabelled);
    return status;
}

const lethe_unlearn_method lethe__unlearn_rl = {
    .name = "rl",
    .title = "Random labels",
    .label = "RL",
    .source = "Golatkar et al. 2020; Graves et al. 2021",
    .summary = "Trains for a few epochs on the retain set and on the forget set with wrong labels drawn at "
               "random. Forgets fast, and costs passes over all samples.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
