/* unlearn_boundary_expand.c - boundary expanding: move the samples to forget into a class that does not stay.
 *
 * Idea: a new class takes over the region of the samples to forget, and leaves it to nobody in particular.
 *   the head gets row K, the shadow class, drawn as in a fresh model;
 *   SGD from (theta_o, row K) on CE on (x, K), x in the forget set;  row K is removed
 * Without row K each sample falls to one of the other classes, not to its nearest one as in boundary shrink.
 *
 * A model is a graph and its vectors, so the wider head is a second model of K + 1 classes with a trainer of
 * its own; tensors differ in the rows of the head alone, and these come last. The second trainer's checkpoint
 * lies beside the first one's, under its name with ".expanded" behind it, until the method is done; the first
 * one's, which says that there is something to resume, holds no more than time and history.
 *
 * Source: Chen et al. 2023. Cost: `epochs` passes over the forget set; a second model in memory. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "models/model.h"
#include "unlearn/relabel.h"
#include "unlearn/unlearn.h"
#include <string.h>

static const lethe_option options[] = {
    LETHE_FIT_ROWS(0, "10", "1e-5", "constant"),
    LETHE_OPTIONS_END,
};

typedef struct expansion {
    lethe_model *wide;
    lethe_runtime runtime; /* with a checkpoint of its own */
    char *checkpoint;      /* NULL: none is asked for */
    lethe_trainer *trainer;
    lethe__relabelled relabelled;
} expansion;

/* The rows that both models have; the mask, if there is one, knows no head. */
static void copy_common(const lethe_model *from, lethe_model *to) {
    for (size_t s = 0; s < to->graph->n_parameters; s++) {
        const lethe__slot *source = &from->graph->parameters[s], *target = &to->graph->parameters[s];
        size_t n = source->size < target->size ? source->size : target->size;
        memcpy(to->weights.parameters + target->offset, from->weights.parameters + source->offset,
               n * sizeof(float));
        if (from->mask != NULL)
            memcpy(to->mask + target->offset, from->mask + source->offset, n);
    }
    memcpy(to->weights.buffers, from->weights.buffers, to->graph->buffer_size * sizeof(float));
    to->num_batches_tracked = from->num_batches_tracked;
    lethe__model_apply_mask(to);
}

static lethe_status widen(const lethe_model *model, uint64_t seed, lethe_model **out) {
    lethe_model_info info = model->info;
    info.classes++;
    LETHE_TRY(lethe_model_create(&info, out));
    LETHE_TRY(lethe_model_initialise(*out, seed)); /* of which row K is what stays */
    if (model->mask != NULL)
        LETHE_TRY(lethe__model_make_mask(*out));
    copy_common(model, *out);
    return LETHE_OK;
}

static lethe_status open_trainer(lethe_trainer *outer, expansion *expanded) {
    expanded->runtime = *outer->runtime;
    expanded->runtime.log = NULL; /* the first trainer has given its warnings */
    if (outer->runtime->checkpoint != NULL) {
        LETHE_TRY(lethe__format_text(&expanded->checkpoint, "%s.expanded", outer->runtime->checkpoint));
        expanded->runtime.checkpoint = expanded->checkpoint;
    }
    return lethe_trainer_create(expanded->wide, outer->val, &expanded->runtime, outer->identity,
                                &expanded->trainer);
}

static lethe_status open_expansion(lethe_unlearning *unlearning, expansion *expanded) {
    lethe_trainer *outer = lethe_unlearning_trainer(unlearning);
    lethe_samples forget = lethe_unlearning_forget(unlearning);
    LETHE_TRY(widen(outer->model, outer->runtime->seed, &expanded->wide));
    LETHE_TRY(lethe__relabel_open(unlearning, false, &expanded->relabelled));
    for (size_t i = 0; i < forget.n; i++)
        expanded->relabelled.labels[forget.ids[i]] = outer->model->info.classes;
    return open_trainer(outer, expanded);
}

static void close_expansion(expansion *expanded) {
    lethe_trainer_destroy(&expanded->trainer);
    lethe_model_destroy(&expanded->wide);
    lethe__relabel_close(&expanded->relabelled);
    lethe__free(expanded->checkpoint);
}

/* Makes the history and the time of the second trainer those of the first, earlier sittings included. */
static lethe_status report_training(const lethe_trainer *inner, lethe_trainer *outer) {
    lethe__training_state *state = &outer->state;
    size_t n;
    const lethe_epoch_record *records = lethe_trainer_history(inner, &n);
    LETHE_TRY(lethe__grow(&state->history, &state->history_capacity, n, sizeof *records));
    for (size_t i = 0; i < n; i++)
        state->history[i] = records[i];
    state->n_history = n;
    state->total_seconds = lethe_trainer_seconds(inner);
    return LETHE_OK;
}

static lethe_status train(lethe_trainer *outer, expansion *expanded, const lethe_fit_options *fit) {
    LETHE_TRY(lethe__trainer_save(outer));
    lethe_status status =
        lethe_trainer_fit(expanded->trainer, "boundary-expand", expanded->relabelled.samples, fit);
    LETHE_TRY(report_training(expanded->trainer, outer));
    if (status == LETHE_STOPPED)
        LETHE_TRY(lethe__trainer_save(outer));
    if (expanded->checkpoint != NULL && (status == LETHE_OK || status == LETHE_DIVERGED))
        LETHE_TRY(lethe__file_remove(expanded->checkpoint));
    LETHE_TRY(status);
    copy_common(expanded->wide, outer->model);
    return LETHE_OK;
}

static lethe_status run(lethe_unlearning *unlearning, const void *fit) {
    expansion expanded = {0};
    lethe_status status = open_expansion(unlearning, &expanded);
    if (status == LETHE_OK)
        status = train(lethe_unlearning_trainer(unlearning), &expanded, fit);
    close_expansion(&expanded);
    return status;
}

const lethe_unlearn_method lethe__unlearn_boundary_expand = {
    .name = "boundary-expand",
    .title = "Boundary expanding",
    .label = "Boundary expand",
    .source = "Chen et al. 2023",
    .summary = "Gives the model one more class, trains it on the forget set alone with every sample labelled "
               "as that class, and removes the class again. Cheap, and sensitive to the learning rate.",
    .options = options,
    .options_size = sizeof(lethe_fit_options),
    .needs = LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = lethe__unlearn_check_fit,
    .run = run,
};
