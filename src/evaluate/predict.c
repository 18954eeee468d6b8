/* predict.c - logits of a model, batch after batch in sample order.
 *
 * Running statistics, no augmentation, no gradients. One executor serves all parts, so that weights are
 * packed once and one progress line covers everything. A sample's logits do not depend on the batch it is in,
 * up to rounding. Cost: one forward pass; memory: the activations of one batch. */
#include "evaluate/predict.h"
#include "base/clock.h"
#include "base/fail.h"
#include "data/loader.h"
#include "models/model.h"
#include <math.h>
#include <string.h>

enum { LARGEST_BATCH = 65536 };

typedef struct prediction_run {
    lethe__executor *executor;
    const lethe_runtime *runtime;
    int threads;
    size_t classes, batch;
    size_t done, total; /* samples */
    double started;
    float *logits;
} prediction_run;

static lethe_status check_shape(const lethe_model_info *model, const lethe_dataset_info *data) {
    if (model->height != data->height || model->width != data->width || model->channels != data->channels)
        LETHE_FAIL(LETHE_INPUT,
                   "the model takes images of %dx%dx%d, but those of data set '%s' are %dx%dx%d; choose the "
                   "data set that the model was made for",
                   model->height, model->width, model->channels, data->name, data->height, data->width,
                   data->channels);
    return LETHE_OK;
}

static void tell_progress(const prediction_run *run) {
    if (run->runtime->progress == NULL)
        return;
    double seconds = lethe__clock_seconds() - run->started;
    double rate = seconds > 0 ? (double)run->done / seconds : 0;
    lethe_progress progress = {.title = "predict",
                               .step = run->done,
                               .n_steps = run->total,
                               .samples_per_second = rate,
                               .eta_seconds = rate > 0 ? (double)(run->total - run->done) / rate : -1,
                               .loss = NAN,
                               .accuracy = NAN};
    run->runtime->progress(run->runtime->user, &progress);
}

static lethe_status predict_batches(prediction_run *run, lethe__loader *loader) {
    for (size_t i = 0; i < lethe__loader_batches(loader); i++) {
        if (run->runtime->stop != NULL && *run->runtime->stop != 0)
            LETHE_FAIL(LETHE_STOPPED, "stopped after predicting %zu of %zu samples; run again to start over",
                       run->done, run->total);
        lethe__batch batch;
        const float *logits;
        lethe__loader_batch(loader, 0, i, &batch);
        LETHE_TRY(
            lethe__executor_forward(run->executor, LETHE__MODE_PREDICT, batch.images, batch.n, &logits));
        memcpy(run->logits + run->done * run->classes, logits,
               (size_t)batch.n * run->classes * sizeof *logits);
        run->done += (size_t)batch.n;
        tell_progress(run);
    }
    return LETHE_OK;
}

static lethe_status predict_part(prediction_run *run, lethe_samples samples) {
    if (samples.n == 0)
        return LETHE_OK;
    lethe__loader *loader;
    size_t batch = samples.n < run->batch ? samples.n : run->batch;
    LETHE_TRY(lethe__loader_create(samples, batch, false, false, 0, run->threads, &loader));
    lethe_status status = predict_batches(run, loader);
    lethe__loader_destroy(&loader);
    return status;
}

lethe_status lethe__predict(lethe_model *model, const lethe_samples *parts, size_t n_parts, size_t batch,
                            const lethe_runtime *runtime, float *logits) {
    if (batch == 0 || batch > LARGEST_BATCH)
        LETHE_FAIL(LETHE_USAGE, "a batch of %zu samples cannot be predicted; choose from 1 to %d", batch,
                   LARGEST_BATCH);
    prediction_run run = {.runtime = runtime,
                          .threads = lethe_threads_resolve(runtime->threads),
                          .classes = (size_t)model->info.classes,
                          .batch = batch,
                          .started = lethe__clock_seconds(),
                          .logits = logits};
    for (size_t i = 0; i < n_parts; i++) {
        LETHE_TRY(check_shape(&model->info, lethe_dataset_get_info(parts[i].dataset)));
        run.total += parts[i].n;
    }
    lethe__precision_warn(runtime);
    LETHE_TRY(lethe__executor_create(model->graph, &model->weights,
                                     lethe_precision_resolve(runtime->precision), runtime, &run.executor));
    lethe_status status = LETHE_OK;
    for (size_t i = 0; i < n_parts && status == LETHE_OK; i++)
        status = predict_part(&run, parts[i]);
    lethe__executor_destroy(&run.executor);
    return status;
}

void lethe__softmax(float *logits, size_t n, size_t classes) {
    for (float *row = logits; row < logits + n * classes; row += classes) {
        double largest = row[0], sum = 0;
        for (size_t i = 1; i < classes; i++)
            largest = fmax(largest, row[i]);
        for (size_t i = 0; i < classes; i++)
            sum += exp(row[i] - largest);
        for (size_t i = 0; i < classes; i++)
            row[i] = (float)(exp(row[i] - largest) / sum);
    }
}

lethe_status lethe_model_predict(lethe_model *model, lethe_samples samples, size_t batch,
                                 const lethe_runtime *runtime, float *logits) {
    return lethe__predict(model, &samples, 1, batch, runtime, logits);
}
