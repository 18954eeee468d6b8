/* measure.c - passes over samples with running statistics (see measure.h). */
#include "train/measure.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include <math.h>

lethe_status lethe__measurement_open(lethe__measurement *measurement, lethe_trainer *trainer,
                                     const char *title, size_t batch, size_t planned) {
    lethe_model *model = trainer->model;
    *measurement = (lethe__measurement){.trainer = trainer,
                                        .title = title,
                                        .batch = batch,
                                        .planned = planned,
                                        .started = lethe__clock_seconds()};
    model->weights.version++; /* the caller may have written to the model's views */
    LETHE_TRY(lethe__executor_create(model->graph, &model->weights, LETHE_PRECISION_F32, trainer->runtime,
                                     &measurement->executor));
    return lethe__allocate(batch * (size_t)model->info.classes, sizeof(float), &measurement->diff_logits);
}

void lethe__measurement_close(lethe__measurement *measurement) {
    lethe__executor_destroy(&measurement->executor);
    lethe__free(measurement->diff_logits);
    measurement->diff_logits = NULL;
    measurement->trainer->state.total_seconds +=
        lethe__clock_seconds() - measurement->started - measurement->listened;
}

static void report(lethe__measurement *measurement) {
    const lethe_runtime *runtime = measurement->trainer->runtime;
    double now = lethe__clock_seconds(), seconds = now - measurement->started - measurement->listened;
    double speed = seconds > 0 ? (double)measurement->seen / seconds : 0;
    size_t left = measurement->planned > measurement->seen ? measurement->planned - measurement->seen : 0;
    if (runtime->progress == NULL)
        return;
    lethe_progress progress = {.title = measurement->title,
                               .step = measurement->seen,
                               .n_steps = measurement->planned,
                               .samples_per_second = speed,
                               .eta_seconds = speed > 0 ? (double)left / speed : -1,
                               .loss = NAN,
                               .accuracy = NAN};
    measurement->last_progress = now;
    runtime->progress(runtime->user, &progress);
    measurement->listened += lethe__clock_seconds() - now;
}

static lethe_status visit_all(lethe__measurement *measurement, lethe__loader *loader,
                              lethe__measure_batch *visit, void *user) {
    enum { PROGRESS_PER_SECOND = 5 };
    const lethe_runtime *runtime = measurement->trainer->runtime;
    for (size_t i = 0; i < lethe__loader_batches(loader); i++) {
        lethe__batch batch;
        if (runtime->stop != NULL && *runtime->stop != 0)
            LETHE_FAIL(LETHE_STOPPED, "%s was stopped after %zu of %zu samples; run it again to start over",
                       measurement->title, measurement->seen, measurement->planned);
        lethe__loader_batch(loader, 0, i, &batch);
        LETHE_TRY(visit(measurement, &batch, user));
        measurement->seen += (size_t)batch.n;
        if (lethe__clock_seconds() - measurement->last_progress >= 1.0 / PROGRESS_PER_SECOND)
            report(measurement);
    }
    return LETHE_OK;
}

lethe_status lethe__measure_pass(lethe__measurement *measurement, lethe_samples samples,
                                 lethe__measure_batch *visit, void *user) {
    const lethe_trainer *trainer = measurement->trainer;
    lethe__loader *loader;
    LETHE_TRY(lethe__check_samples(trainer->model, measurement->title, samples));
    LETHE_TRY(lethe__loader_create(samples, measurement->batch, false, false, trainer->runtime->seed,
                                   trainer->threads, &loader));
    lethe_status status = visit_all(measurement, loader, visit, user);
    lethe__loader_destroy(&loader);
    return status;
}

lethe_status lethe__measure_forward(lethe__measurement *measurement, const lethe__batch *batch,
                                    const int32_t *labels, float scale) {
    const float *logits;
    double loss;
    size_t n_correct;
    LETHE_TRY(lethe__executor_forward(measurement->executor, LETHE__MODE_GRADIENT, batch->images, batch->n,
                                      &logits));
    lethe__cross_entropy(logits, labels, batch->n, measurement->trainer->model->info.classes, scale,
                         measurement->diff_logits, NULL, &loss, &n_correct);
    if (!isfinite(loss))
        LETHE_FAIL(LETHE_DIVERGED, "%s: the loss of the model it starts from is %g; the model has diverged",
                   measurement->title, loss);
    return LETHE_OK;
}

lethe_status lethe__measure_check(const lethe__measurement *measurement) {
    const lethe_model *model = measurement->trainer->model;
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        if (!isfinite(model->weights.parameters[i]))
            LETHE_FAIL(LETHE_DIVERGED, "%s diverged: a parameter became NaN or infinite; lower alpha",
                       measurement->title);
    return LETHE_OK;
}
