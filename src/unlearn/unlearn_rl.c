/* unlearn_rl.c - random labels (RL): teach wrong answers about the samples to forget.
 *
 * Idea: a model that learns labels drawn by lot for the forget set, beside the true ones of the retain set,
 * ends up knowing nothing of the former.
 *   a few epochs of SGD from theta_o on the mean of CE on retain (true labels) and forget (drawn labels)
 * The labels are drawn once, among the classes that are wrong. The official code (--compat official) draws
 * among all, and anew for each epoch.
 *
 * Source: Golatkar et al. 2020; Graves et al. 2021. Cost: `epochs` passes over all training samples. */
#include "base/fail.h"
#include "unlearn/relabel.h"
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "0.01", "constant"),
    LETHE_OPTIONS_END,
};

typedef struct rl_run {
    lethe_unlearning *unlearning;
    lethe__relabelled relabelled;
} rl_run;

/* The loader reads labels as it makes a batch, so those of the epoch are in time. */
static lethe_status draw_labels(void *user, lethe_model *model, int epoch) {
    rl_run *rl = user;
    (void)model;
    lethe__relabel_randomly(rl->unlearning, &rl->relabelled, epoch);
    return LETHE_OK;
}

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    lethe_fit_options fit = *(const lethe_fit_options *)given;
    rl_run rl = {.unlearning = unlearning};
    if (lethe_trainer_runtime(trainer)->compat == LETHE_COMPAT_OFFICIAL) {
        fit.before_epoch = draw_labels;
        fit.user = &rl;
    }
    lethe_status status = lethe__relabel_open(unlearning, true, &rl.relabelled);
    if (status == LETHE_OK) {
        lethe__relabel_randomly(unlearning, &rl.relabelled, 0);
        status = lethe_trainer_fit(trainer, "rl", rl.relabelled.samples, &fit);
    }
    lethe__relabel_close(&rl.relabelled);
    return status;
}

const lethe_unlearn_method lethe__unlearn_rl = {
    .name = "rl",
    .title = "Random labels",
    .label = "RL",
    .source = "Golatkar et al. 2020; Graves et al. 2021",
    .summary =
        "Trains for a few epochs on the retain set and on the forget set with wrong labels drawn at "
        "random. Forgets fast, and costs passes over all samples. With --compat official the labels are "
        "drawn among all classes, and anew for each epoch.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
