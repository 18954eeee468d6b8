/* trainer.c - the life of a trainer: stages, checkpoints, resuming and rewinding. The loop is in epoch.c.
 *
 * A method is a sequence of fits (stages) with work of its own between them, such as pruning. A checkpoint is
 * the model, the optimiser and a position (stage, epoch, step). To resume, the method runs again from its
 * beginning: fits of stages before the position return at once, the fit at the position first puts the model
 * of the checkpoint in place, and goes on from there. So what a method did to the model before that fit is
 * overwritten, whether it could be repeated or not, and a method needs to know nothing of resuming.
 *
 * The checkpoint at the end of a stage has the position (stage, epochs, 0): resuming it restores the model
 * and trains nothing, and the method's next act sees what it saw the first time.
 *
 * The model of the checkpoint is held apart until its stage is reached, at the cost of a second copy. */
#include "train/trainer.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include <string.h>

enum { KEEP_NOTHING = -1 };

/* --- creating and resuming --- */

static lethe_status read_checkpoint(lethe_trainer *trainer) {
    LETHE_TRY(lethe_model_copy(trainer->model, &trainer->resumed));
    trainer->state.model = trainer->resumed;
    lethe_status status = lethe__training_state_load(&trainer->state, trainer->runtime->checkpoint);
    trainer->state.model = trainer->model;
    return status;
}

static lethe_status fill_trainer(lethe_trainer *trainer, const char *identity) {
    lethe_model *model = trainer->model;
    const lethe_runtime *runtime = trainer->runtime;
    LETHE_TRY(lethe__copy_text(identity, &trainer->identity));
    trainer->state.identity = trainer->identity;
    LETHE_TRY(lethe__allocate(model->graph->parameter_size, sizeof(float), &trainer->state.velocity));
    lethe__precision_warn(runtime);
    LETHE_TRY(lethe__executor_create(model->graph, &model->weights,
                                     lethe_precision_resolve(runtime->precision), runtime,
                                     &trainer->executor));
    if (runtime->checkpoint != NULL && runtime->resume && lethe__file_exists(runtime->checkpoint))
        LETHE_TRY(read_checkpoint(trainer));
    return LETHE_OK;
}

lethe_status lethe_trainer_create(lethe_model *model, lethe_samples val, const lethe_runtime *runtime,
                                  const char *identity, lethe_trainer **out) {
    lethe_trainer *trainer;
    LETHE_TRY(lethe__allocate(1, sizeof *trainer, &trainer));
    trainer->model = trainer->state.model = model;
    trainer->val = val;
    trainer->runtime = runtime;
    trainer->threads = lethe_threads_resolve(runtime->threads);
    trainer->keep_epoch = KEEP_NOTHING;
    lethe_status status = fill_trainer(trainer, identity);
    if (status != LETHE_OK) {
        lethe_trainer_destroy(&trainer);
        return status;
    }
    *out = trainer;
    return LETHE_OK;
}

void lethe_trainer_destroy(lethe_trainer **trainer) {
    if (*trainer == NULL)
        return;
    lethe__training_state *state = &(*trainer)->state;
    lethe__executor_destroy(&(*trainer)->executor);
    lethe_model_destroy(&(*trainer)->resumed);
    lethe__free(state->velocity);
    lethe__free(state->kept_parameters);
    lethe__free(state->kept_buffers);
    lethe__free(state->history);
    lethe__free((*trainer)->identity);
    lethe__free(*trainer);
    *trainer = NULL;
}

/* Puts the model of the checkpoint in place. */
static void restore_model(lethe_trainer *trainer) {
    lethe_model *to = trainer->model, *from = trainer->resumed;
    memcpy(to->weights.parameters, from->weights.parameters, to->graph->parameter_size * sizeof(float));
    memcpy(to->weights.buffers, from->weights.buffers, to->graph->buffer_size * sizeof(float));
    to->weights.version++;
    to->num_batches_tracked = from->num_batches_tracked;
    lethe__free(to->mask);
    to->mask = from->mask;
    from->mask = NULL;
    lethe_model_destroy(&trainer->resumed);
}

lethe_status lethe__trainer_save(lethe_trainer *trainer) {
    if (trainer->runtime->checkpoint == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__training_state_save(&trainer->state, trainer->runtime->checkpoint));
    trainer->last_checkpoint = trainer->counted_until = lethe__clock_seconds();
    return LETHE_OK;
}

/* --- rewinding --- */

void lethe_trainer_keep_epoch(lethe_trainer *trainer, int epoch) {
    trainer->keep_epoch = epoch;
}

lethe_status lethe__trainer_keep(lethe_trainer *trainer) {
    lethe__training_state *state = &trainer->state;
    const lethe_model *model = trainer->model;
    size_t n_parameters = model->graph->parameter_size, n_buffers = model->graph->buffer_size;
    if (state->kept_parameters == NULL)
        LETHE_TRY(lethe__allocate(n_parameters, sizeof(float), &state->kept_parameters));
    if (state->kept_buffers == NULL)
        LETHE_TRY(lethe__allocate(n_buffers, sizeof(float), &state->kept_buffers));
    memcpy(state->kept_parameters, model->weights.parameters, n_parameters * sizeof(float));
    memcpy(state->kept_buffers, model->weights.buffers, n_buffers * sizeof(float));
    return LETHE_OK;
}

static lethe_status copy_kept(const lethe__training_state *state, lethe_model *model) {
    if (state->kept_buffers == NULL)
        LETHE_FAIL(LETHE_USAGE, "there is nothing to rewind to: no fit has kept the weights of an epoch");
    memcpy(model->weights.parameters, state->kept_parameters, model->graph->parameter_size * sizeof(float));
    memcpy(model->weights.buffers, state->kept_buffers, model->graph->buffer_size * sizeof(float));
    lethe__model_apply_mask(model);
    return LETHE_OK;
}

lethe_status lethe_trainer_rewind(lethe_trainer *trainer) {
    return copy_kept(&trainer->state, trainer->model);
}

lethe_status lethe_trainer_get_kept(const lethe_trainer *trainer, lethe_model **out) {
    lethe_model *kept;
    LETHE_TRY(lethe_model_create(&trainer->model->info, &kept));
    lethe_status status = copy_kept(&trainer->state, kept);
    if (status != LETHE_OK) {
        lethe_model_destroy(&kept);
        return status;
    }
    *out = kept;
    return LETHE_OK;
}

/* --- a stage --- */

lethe_status lethe__check_samples(const lethe_model *model, const char *title, lethe_samples samples) {
    if (samples.n == 0)
        LETHE_FAIL(LETHE_INPUT, "%s: there are no samples to work on", title);
    const lethe_model_info *info = &model->info;
    const lethe_dataset_info *data = lethe_dataset_get_info(samples.dataset);
    if (data->height != info->height || data->width != info->width || data->channels != info->channels ||
        data->classes > info->classes)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: the images of %s are %dx%dx%d in %d classes, the model takes %dx%dx%d in %d classes",
                   title, data->name, data->height, data->width, data->channels, data->classes, info->height,
                   info->width, info->channels, info->classes);
    return LETHE_OK;
}

static lethe_status begin_stage(lethe__fit *fit, int stage) {
    lethe_trainer *trainer = fit->trainer;
    lethe__training_state *state = &trainer->state;
    if (trainer->resumed != NULL) {
        restore_model(trainer);
        return LETHE_OK;
    }
    trainer->model->weights.version++; /* the caller may have written to the model's views */
    state->stage = stage;
    state->epoch = 0;
    state->step = state->n_correct = state->n_seen = 0;
    state->loss_sum = state->epoch_seconds = 0;
    memset(state->velocity, 0, trainer->model->graph->parameter_size * sizeof(float));
    return fit->keep_epoch == 0 ? lethe__trainer_keep(trainer) : LETHE_OK;
}

static lethe_status open_loaders(lethe__fit *fit, lethe_samples samples) {
    const lethe_trainer *trainer = fit->trainer;
    const lethe_fit_options *options = fit->options;
    uint64_t seed = trainer->runtime->seed;
    LETHE_TRY(lethe__loader_create(samples, options->batch, options->augment == LETHE_AUGMENT_STANDARD,
                                   options->shuffle, seed, trainer->threads, &fit->loader));
    fit->n_steps = lethe__loader_batches(fit->loader);
    if (trainer->val.n > 0)
        LETHE_TRY(lethe__loader_create(trainer->val, options->batch, false, false, seed, trainer->threads,
                                       &fit->val_loader));
    size_t batch = options->batch < samples.n ? options->batch : samples.n;
    return lethe__allocate(batch * (size_t)trainer->model->info.classes, sizeof(float), &fit->diff_logits);
}

static lethe_status run_stage(lethe__fit *fit, int stage) {
    lethe_trainer *trainer = fit->trainer;
    LETHE_TRY(begin_stage(fit, stage));
    trainer->counted_until = trainer->last_checkpoint = lethe__clock_seconds();
    while (trainer->state.epoch < fit->options->epochs)
        LETHE_TRY(lethe__fit_epoch(fit));
    return lethe__trainer_save(trainer);
}

lethe_status lethe_trainer_fit(lethe_trainer *trainer, const char *title, lethe_samples samples,
                               const lethe_fit_options *options) {
    lethe__fit fit = {.trainer = trainer,
                      .title = title,
                      .options = options,
                      .n_samples = samples.n,
                      .keep_epoch = trainer->keep_epoch};
    int stage = trainer->next_stage++;
    trainer->keep_epoch = KEEP_NOTHING;
    LETHE_TRY(lethe_fit_check(options));
    LETHE_TRY(lethe__check_samples(trainer->model, title, samples));
    if (trainer->val.n > 0)
        LETHE_TRY(lethe__check_samples(trainer->model, title, trainer->val));
    if (stage < trainer->state.stage)
        return LETHE_OK;
    lethe_status status = open_loaders(&fit, samples);
    if (status == LETHE_OK)
        status = run_stage(&fit, stage);
    lethe__loader_destroy(&fit.loader);
    lethe__loader_destroy(&fit.val_loader);
    lethe__free(fit.diff_logits);
    return status;
}

/* --- looking at a trainer --- */

const lethe_epoch_record *lethe_trainer_history(const lethe_trainer *trainer, size_t *n) {
    *n = trainer->state.n_history;
    return trainer->state.history;
}

const lethe_finding *lethe_trainer_findings(const lethe_trainer *trainer, size_t *n) {
    *n = trainer->n_findings;
    return trainer->findings;
}

lethe_status lethe_trainer_find(lethe_trainer *trainer, const char *name, double value) {
    size_t i = 0;
    while (i < trainer->n_findings && strcmp(trainer->findings[i].name, name) != 0)
        i++;
    if (i == LETHE__MOST_FINDINGS)
        LETHE_FAIL(LETHE_USAGE, "no room for the finding '%s': there are %zu already", name, i);
    trainer->findings[i] = (lethe_finding){name, value};
    trainer->n_findings += i == trainer->n_findings;
    return LETHE_OK;
}

double lethe_trainer_seconds(const lethe_trainer *trainer) {
    return trainer->state.total_seconds;
}

lethe_model *lethe_trainer_model(lethe_trainer *trainer) {
    return trainer->model;
}

const lethe_runtime *lethe_trainer_runtime(const lethe_trainer *trainer) {
    return trainer->runtime;
}
