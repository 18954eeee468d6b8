/* unlearn_boundary_shrink.c - boundary shrink: move the samples to forget into the class next door.
 *
 * Idea: a model trained without a sample would take it for the class that it resembles most. So each forget
 * sample is labelled with its nearest wrong class, and the decision boundary moves over it.
 *   y' = the wrong class of largest logit under theta_o;  SGD from theta_o on CE on (x, y'), x in the forget
 * set Chen et al. find the nearest class by a step along the sign of the gradient of the image; here it is
 * the runner-up in logits, since the engine computes no gradients of images. The two agree where the
 * boundaries are about equally steep.
 *
 * Source: Chen et al. 2023. Cost: `epochs` passes over the forget set and one pass for the labels. */
#include "base/fail.h"
#include "models/model.h"
#include "unlearn/relabel.h"
#include "unlearn/unlearn.h"

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "1e-5", "constant"),
    LETHE_OPTIONS_END,
};

static lethe_status take_runner_up(void *user, lethe_trainer *trainer, const lethe__batch *batch,
                                   const float *logits) {
    lethe__relabelled *relabelled = user;
    int classes = trainer->model->info.classes;
    for (int i = 0; i < batch->n; i++) {
        const float *row = logits + (size_t)i * (size_t)classes;
        int own = batch->labels[i], best = own == 0;
        for (int k = best + 1; k < classes; k++)
            if (k != own && row[k] > row[best])
                best = k;
        relabelled->labels[batch->ids[i]] = best;
    }
    return LETHE_OK;
}

static lethe_status relabel(lethe_unlearning *unlearning, const lethe_fit_options *fit,
                            lethe__relabelled *relabelled) {
    LETHE_TRY(lethe__relabel_open(unlearning, false, relabelled));
    return lethe__forget_pass(unlearning, fit->batch, false, take_runner_up, relabelled);
}

static lethe_status run(lethe_unlearning *unlearning, const void *fit) {
    lethe__relabelled relabelled = {.ids = NULL};
    lethe_status status = relabel(unlearning, fit, &relabelled);
    if (status == LETHE_OK)
        status = lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "boundary-shrink",
                                   relabelled.samples, fit);
    lethe__relabel_close(&relabelled);
    return status;
}

const lethe_unlearn_method lethe__unlearn_boundary_shrink = {
    .name = "boundary-shrink",
    .title = "Boundary shrink",
    .label = "Boundary shrink",
    .source = "Chen et al. 2023",
    .summary = "Trains the original model on the forget set alone, each sample labelled with the wrong class "
               "that the model holds next most likely. Cheap, and sensitive to the learning rate.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
