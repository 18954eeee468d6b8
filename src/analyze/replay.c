/* replay.c - training, the same training without one sample, and gradient ascent on that sample.
 *
 *   training:  theta <- theta - eta / b * sum of m * grad l_i over a batch
 *
 *   ascent:    theta <- theta + eta / b * m * grad l_z, as often as the training has descended on z
 *
 * with b the size of a batch, also where a sample is left out.
 *
 * This is the plain SGD of the theory: no momentum, no decay, no augmentation, in double, with BatchNorm's
 * statistics fixed, so that the loss of a sample is its own. Both trainings take the same samples in the same
 * order; what they end with differs by the one sample and its consequences, and by nothing else. */
#include "analyze/replay.h"
#include "analyze/measuring.h"
#include "base/fail.h"
#include "base/memory.h"
#include "data/dataset.h"
#include <math.h>
#include <string.h>

static lethe_status settle(lethe__executor *executor, lethe__loader *loader) {
    enum { FORWARDS = 40 }; /* 0.9^40: 1.5 % are left of the statistics before */
    size_t n_batches = lethe__loader_batches(loader);
    for (size_t i = 0; i < FORWARDS; i++) {
        lethe__batch batch;
        const float *logits;
        lethe__loader_batch(loader, (uint32_t)(i / n_batches), i % n_batches, &batch);
        LETHE_TRY(lethe__executor_forward(executor, LETHE__MODE_TRAIN, batch.images, batch.n, &logits));
    }
    return LETHE_OK;
}

lethe_status lethe__settle_statistics(lethe_model *model, lethe_samples samples,
                                      const lethe_runtime *runtime) {
    size_t batch = samples.n < 32 ? samples.n : 32;
    lethe__executor *executor = NULL;
    lethe__loader *loader = NULL;
    samples.n -= samples.n % batch; /* the statistics of a few images are noise */
    lethe_status status =
        lethe__loader_create(samples, batch, false, true, runtime->seed, runtime->threads, &loader);
    if (status == LETHE_OK)
        status =
            lethe__executor_create(model->graph, &model->weights, LETHE_PRECISION_F32, runtime, &executor);
    if (status == LETHE_OK)
        status = settle(executor, loader);
    lethe__executor_destroy(&executor);
    lethe__loader_destroy(&loader);
    return status;
}

lethe_status lethe__replay_open(lethe_model *model, lethe_samples samples,
                                const lethe_ga_error_options *options, const lethe_runtime *runtime,
                                lethe__replay *replay) {
    *replay = (lethe__replay){.model = model,
                              .samples = samples,
                              .options = options,
                              .runtime = runtime,
                              .n = model->graph->parameter_size,
                              .n_batches = samples.n / options->batch};
    replay->n_steps = (size_t)(1 + options->forgotten) * (size_t)options->epochs * replay->n_batches;
    LETHE_TRY(lethe__loader_create(samples, options->batch, false, true, runtime->seed, runtime->threads,
                                   &replay->loader));
    LETHE_TRY(lethe__allocate(replay->n, sizeof(double), &replay->gradient));
    LETHE_TRY(lethe__wide_open(model, 1, false, runtime->threads, &replay->single));
    return lethe__wide_open(model, options->batch, false, runtime->threads, &replay->wide);
}

void lethe__replay_close(lethe__replay *replay) {
    lethe__wide_close(&replay->wide);
    lethe__wide_close(&replay->single);
    lethe__loader_destroy(&replay->loader);
    lethe__free(replay->gradient);
}

static void add(double factor, const double *from, double *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

static int find_row(const lethe__batch *batch, int64_t id) {
    for (int row = 0; row < batch->n; row++)
        if ((int64_t)batch->ids[row] == id)
            return row;
    return LETHE__NOBODY;
}

static lethe_status check_loss(const lethe__replay *replay, double loss) {
    if (!isfinite(loss))
        LETHE_FAIL(LETHE_DIVERGED, "the training diverged at learning rate %g; lower --error-lr",
                   replay->options->lr);
    return LETHE_OK;
}

static lethe_status descend(lethe__replay *replay, const lethe__batch *batch, int64_t left_out) {
    lethe__wide_pass pass = {.mode = LETHE__MODE_GRADIENT,
                             .scale = 1 / (double)batch->n,
                             .left_out = find_row(batch, left_out),
                             .gradient = replay->gradient};
    LETHE_TRY(lethe__wide_run(&replay->wide, batch, &pass));
    LETHE_TRY(check_loss(replay, pass.loss));
    add(-replay->options->lr, replay->gradient, replay->wide.parameters, replay->n);
    return LETHE_OK;
}

lethe_status lethe__replay_train(lethe__replay *replay, int64_t left_out, double *trained) {
    lethe__wide_load(&replay->wide);
    for (int epoch = 0; epoch < replay->options->epochs; epoch++) {
        for (size_t i = 0; i < replay->n_batches; i++) {
            lethe__batch batch;
            LETHE_TRY(lethe__analyze_step(replay->runtime, "error of ga", replay->step++, replay->n_steps));
            lethe__loader_batch(replay->loader, (uint32_t)epoch, i, &batch);
            LETHE_TRY(descend(replay, &batch, left_out));
        }
    }
    memcpy(trained, replay->wide.parameters, replay->n * sizeof *trained);
    return LETHE_OK;
}

lethe_status lethe__replay_ascend(lethe__replay *replay, uint32_t id, const double *trained,
                                  double *unlearned) {
    const lethe_samples *samples = &replay->samples;
    size_t bytes = lethe__image_bytes(lethe_dataset_get_info(samples->dataset));
    lethe__batch one = {samples->images + id * bytes, samples->labels + id, &id, 1};
    double *at = replay->single.parameters;
    memcpy(at, trained, replay->n * sizeof *at);
    for (int epoch = 0; epoch < replay->options->epochs; epoch++) {
        lethe__wide_pass pass = {.mode = LETHE__MODE_GRADIENT,
                                 .scale = 1 / (double)replay->options->batch,
                                 .left_out = LETHE__NOBODY,
                                 .gradient = replay->gradient};
        LETHE_TRY(lethe__wide_run(&replay->single, &one, &pass));
        LETHE_TRY(check_loss(replay, pass.loss));
        add(replay->options->lr, replay->gradient, at, replay->n);
    }
    memcpy(unlearned, at, replay->n * sizeof *at);
    return LETHE_OK;
}

lethe_status lethe__replay_loss(lethe__replay *replay, const double *parameters, double *loss) {
    *loss = 0;
    memcpy(replay->wide.parameters, parameters, replay->n * sizeof *parameters);
    for (size_t i = 0; i < replay->n_batches; i++) {
        lethe__batch batch;
        lethe__wide_pass pass = {
            .mode = LETHE__MODE_GRADIENT, .scale = 1 / (double)replay->samples.n, .left_out = LETHE__NOBODY};
        lethe__loader_batch(replay->loader, 0, i, &batch);
        LETHE_TRY(lethe__wide_run(&replay->wide, &batch, &pass));
        *loss += pass.loss;
    }
    return check_loss(replay, *loss);
}

uint32_t lethe__replay_id(lethe__replay *replay, size_t position) {
    lethe__batch batch;
    lethe__loader_batch(replay->loader, 0, position / replay->options->batch, &batch);
    return batch.ids[position % replay->options->batch];
}
