/* epoch.c - the one epoch loop: what every training, pruning and unlearning method spends its time in.
 *
 * A step is: batch from the loader, forward in training mode, cross-entropy, backward, one sweep of SGD. The
 * gradient is that of the mean loss of the batch, or its negative where a method ascends; penalty, decay and
 * mask belong to the sweep. Before each step the loop looks at the stop flag and the time since the last
 * checkpoint. The position counts finished steps, so a checkpoint taken there, with the loader a pure
 * function of (seed, epoch, step), is all that is needed to go on with the same bits.
 *
 * A loss that is no longer finite ends the fit at once; parameters and running statistics are looked at after
 * each epoch, since the last step's update has no loss of its own. */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "train/trainer.h"
#include <math.h>

/* --- one step --- */

static lethe_status check_loss(const lethe__fit *fit, double loss) {
    const lethe__training_state *state = &fit->trainer->state;
    if (isfinite(loss))
        return LETHE_OK;
    LETHE_FAIL(LETHE_DIVERGED,
               "%s diverged: the loss became %g in epoch %d, step %zu of %zu, at learning rate %g; lower the "
               "learning rate",
               fit->title, loss, state->epoch + 1, state->step + 1, fit->n_steps,
               lethe_fit_lr(fit->options, state->epoch));
}

/* At rest the velocity is g / (1 - momentum), so a step moves a weight by lr g / (1 - momentum): a threshold
 * of lr gamma alone would be balanced by a gradient of (1 - momentum) gamma. */
lethe__sgd lethe__fit_sgd(const lethe_fit_options *options, int epoch) {
    double lr = lethe_fit_lr(options, epoch), gamma = lethe_fit_gamma(options, epoch);
    bool proximal = options->l1 == LETHE_L1_PROXIMAL;
    return (lethe__sgd){.lr = (float)lr,
                        .momentum = (float)options->momentum,
                        .weight_decay = (float)options->weight_decay,
                        .gamma = proximal ? 0 : (float)gamma,
                        .threshold = proximal ? (float)(lr * gamma / (1 - options->momentum)) : 0};
}

static lethe_status train_step(lethe__fit *fit) {
    lethe_trainer *trainer = fit->trainer;
    lethe__training_state *state = &trainer->state;
    lethe_model *model = trainer->model;
    const lethe_fit_options *options = fit->options;
    lethe__batch batch;
    const float *logits;
    double loss;
    size_t n_correct;
    lethe__loader_batch(fit->loader, (uint32_t)state->epoch, state->step, &batch);
    LETHE_TRY(lethe__executor_forward(trainer->executor, LETHE__MODE_TRAIN, batch.images, batch.n, &logits));
    float scale = (options->ascend ? -1.0f : 1.0f) / (float)batch.n;
    lethe__cross_entropy(logits, batch.labels, batch.n, model->info.classes, scale, fit->diff_logits, NULL,
                         &loss, &n_correct);
    LETHE_TRY(check_loss(fit, loss));
    LETHE_TRY(lethe__executor_backward(trainer->executor, fit->diff_logits));
    lethe__sgd sgd = lethe__fit_sgd(options, state->epoch);
    const uint8_t *changing = options->trainable != NULL ? options->trainable : model->mask;
    lethe__sgd_step(&sgd, model->weights.parameters, state->velocity, model->weights.gradients, changing,
                    model->graph->parameter_size);
    model->weights.version++;
    model->num_batches_tracked++;
    state->loss_sum += loss;
    state->n_correct += n_correct;
    state->n_seen += (size_t)batch.n;
    state->step++;
    return LETHE_OK;
}

/* --- time, progress, stopping --- */

static void count_seconds(lethe_trainer *trainer) {
    double now = lethe__clock_seconds();
    trainer->state.epoch_seconds += now - trainer->counted_until;
    trainer->state.total_seconds += now - trainer->counted_until;
    trainer->counted_until = now;
}

static double mean(double sum, size_t n) {
    return n > 0 ? sum / (double)n : NAN;
}

static double samples_per_second(const lethe__training_state *state) {
    return state->epoch_seconds > 0 ? (double)state->n_seen / state->epoch_seconds : 0;
}

static void report(const lethe__fit *fit) {
    lethe_trainer *trainer = fit->trainer;
    const lethe__training_state *state = &trainer->state;
    const lethe_runtime *runtime = trainer->runtime;
    if (runtime->progress == NULL)
        return;
    double speed = samples_per_second(state);
    double left = (double)(fit->options->epochs - state->epoch) * (double)fit->n_samples;
    lethe_progress progress = {.title = fit->title,
                               .stage = state->stage,
                               .epoch = state->epoch,
                               .n_epochs = fit->options->epochs,
                               .step = state->step,
                               .n_steps = fit->n_steps,
                               .samples_per_second = speed,
                               .eta_seconds = speed > 0 ? (left - (double)state->n_seen) / speed : -1,
                               .loss = mean(state->loss_sum, state->n_seen),
                               .accuracy = 100 * mean((double)state->n_correct, state->n_seen)};
    trainer->last_progress = trainer->counted_until;
    runtime->progress(runtime->user, &progress);
    trainer->counted_until = lethe__clock_seconds(); /* what the listener does is no training */
}

static bool must_stop(const lethe_runtime *runtime) {
    return runtime->stop != NULL && *runtime->stop != 0;
}

/* Between two steps: leaves when asked to, and keeps the checkpoint young. */
static lethe_status before_step(lethe__fit *fit) {
    lethe_trainer *trainer = fit->trainer;
    const lethe__training_state *state = &trainer->state;
    const lethe_runtime *runtime = trainer->runtime;
    bool stop = must_stop(runtime);
    if (stop || trainer->counted_until - trainer->last_checkpoint >= runtime->checkpoint_seconds)
        LETHE_TRY(lethe__trainer_save(trainer));
    if (stop)
        LETHE_FAIL(LETHE_STOPPED, "%s was stopped in epoch %d of %d before step %zu of %zu; %s", fit->title,
                   state->epoch + 1, fit->options->epochs, state->step + 1, fit->n_steps,
                   runtime->checkpoint != NULL ? "run it again to continue" : "no checkpoint was asked for");
    return LETHE_OK;
}

/* --- the end of an epoch --- */

static lethe_status validate(lethe__fit *fit, double *accuracy) {
    lethe_trainer *trainer = fit->trainer;
    size_t n_batches = lethe__loader_batches(fit->val_loader), n_correct = 0;
    for (size_t i = 0; i < n_batches; i++) {
        lethe__batch batch;
        const float *logits;
        double loss;
        size_t hits;
        lethe__loader_batch(fit->val_loader, 0, i, &batch);
        LETHE_TRY(
            lethe__executor_forward(trainer->executor, LETHE__MODE_PREDICT, batch.images, batch.n, &logits));
        lethe__cross_entropy(logits, batch.labels, batch.n, trainer->model->info.classes, 0, NULL, NULL,
                             &loss, &hits);
        n_correct += hits;
    }
    *accuracy = 100 * mean((double)n_correct, trainer->val.n);
    return LETHE_OK;
}

static lethe_status check_finite(const lethe__fit *fit, const char *what, const float *values, size_t n) {
    size_t n_bad = 0;
#pragma omp parallel for reduction(+ : n_bad) schedule(static)
    for (size_t i = 0; i < n; i++)
        n_bad += !isfinite(values[i]);
    if (n_bad == 0)
        return LETHE_OK;
    int epoch = fit->trainer->state.epoch;
    LETHE_FAIL(LETHE_DIVERGED,
               "%s diverged: %s became NaN or infinite in epoch %d, at learning rate %g; lower the learning "
               "rate",
               fit->title, what, epoch + 1, lethe_fit_lr(fit->options, epoch));
}

static lethe_status check_weights(const lethe__fit *fit) {
    const lethe_model *model = fit->trainer->model;
    LETHE_TRY(check_finite(fit, "a parameter", model->weights.parameters, model->graph->parameter_size));
    return check_finite(fit, "a running statistic", model->weights.buffers, model->graph->buffer_size);
}

static lethe_status record_epoch(lethe__fit *fit) {
    lethe_trainer *trainer = fit->trainer;
    lethe__training_state *state = &trainer->state;
    lethe_epoch_record record = {.stage = state->stage,
                                 .epoch = state->epoch,
                                 .seconds = state->epoch_seconds,
                                 .samples_per_second = samples_per_second(state),
                                 .lr = lethe_fit_lr(fit->options, state->epoch),
                                 .loss = mean(state->loss_sum, state->n_seen),
                                 .accuracy = 100 * mean((double)state->n_correct, state->n_seen),
                                 .val_accuracy = NAN,
                                 .sparsity = lethe_model_sparsity(trainer->model)};
    if (fit->val_loader != NULL)
        LETHE_TRY(validate(fit, &record.val_accuracy));
    LETHE_TRY(lethe__grow(&state->history, &state->history_capacity, state->n_history + 1, sizeof record));
    state->history[state->n_history++] = record;
    return LETHE_OK;
}

/* --- the beginning of an epoch --- */

static lethe_status prepare_epoch(const lethe__fit *fit) {
    lethe_trainer *trainer = fit->trainer;
    lethe_model *model = trainer->model;
    if (fit->options->before_epoch == NULL)
        return LETHE_OK;
    LETHE_TRY(fit->options->before_epoch(fit->options->user, model, trainer->state.epoch));
    model->weights.version++;
    for (size_t i = 0; model->mask != NULL && i < model->graph->parameter_size; i++)
        trainer->state.velocity[i] *= model->mask[i];
    return LETHE_OK;
}

lethe_status lethe__fit_epoch(lethe__fit *fit) {
    enum { PROGRESS_PER_SECOND = 5 };
    lethe_trainer *trainer = fit->trainer;
    lethe__training_state *state = &trainer->state;
    LETHE_TRY(prepare_epoch(fit)); /* in the middle of an epoch when the fit was resumed there */
    while (state->step < fit->n_steps) {
        LETHE_TRY(before_step(fit));
        LETHE_TRY(train_step(fit));
        count_seconds(trainer);
        if (state->step == fit->n_steps ||
            trainer->counted_until - trainer->last_progress >= 1.0 / PROGRESS_PER_SECOND)
            report(fit);
    }
    LETHE_TRY(check_weights(fit));
    LETHE_TRY(record_epoch(fit));
    state->epoch++;
    if (state->epoch == fit->keep_epoch)
        LETHE_TRY(lethe__trainer_keep(trainer));
    state->step = state->n_correct = state->n_seen = 0;
    state->loss_sum = state->epoch_seconds = 0;
    trainer->counted_until = lethe__clock_seconds(); /* validation is no training */
    return LETHE_OK;
}
