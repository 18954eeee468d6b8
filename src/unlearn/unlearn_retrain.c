/* unlearn_retrain.c - exact unlearning: train again without the samples to forget.
 *
 * Idea: what was never seen needs no forgetting. The weights are drawn afresh and trained on the retain set
 * alone; a pruned model keeps its mask. Every other method is measured by its distance to this one.
 *   theta_u = argmin over theta of the mean of CE on the retain set
 *
 * The official code trains 160 epochs in batches of 256 with drops of the rate at epochs 91 and 136; defaults
 * are those of the option table under --compat official too, so these have to be given.
 *
 * Source: Cao and Yang 2015; the gold standard of Jia et al. 2023. Cost: a whole training. */
#include "base/fail.h"
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "160", "0.1", "multistep"),
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *fit) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    LETHE_TRY(
        lethe_model_initialise(lethe_unlearning_model(unlearning), lethe_trainer_runtime(trainer)->seed));
    return lethe_trainer_fit(trainer, "retrain", lethe_unlearning_retain(unlearning), fit);
}

const lethe_unlearn_method lethe__unlearn_retrain = {
    .name = "retrain",
    .title = "Retrain",
    .label = "Retrain",
    .source = "Cao and Yang 2015",
    .summary =
        "Draws the weights afresh and trains them on the retain set alone, with the mask of the given "
        "model. Exact, and as dear as a whole training: the reference for every other method. The official "
        "code's settings are --batch 256 --milestones 91,136.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_RETAIN,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
