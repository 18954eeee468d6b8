/* exact_batch.c - gradients and Hessian-vector products of one batch in double (train/wide.h), for scores: a
 * score ranks a weight among millions. The batch is whole in memory, since its statistics need it so. */
#include "base/fail.h"
#include "base/memory.h"
#include "prune/prune.h"
#include "train/trainer.h"

static lethe_status fill(const lethe_model *model, bool tangents, int threads, lethe__exact_batch *measure) {
    size_t n = model->graph->parameter_size;
    LETHE_TRY(lethe__allocate(n, sizeof(double), &measure->gradient));
    if (tangents) {
        LETHE_TRY(lethe__allocate(n, sizeof(double), &measure->direction));
        LETHE_TRY(lethe__allocate(n, sizeof(double), &measure->product));
    }
    return lethe__wide_open(model, (size_t)measure->batch.n, tangents, threads, &measure->wide);
}

lethe_status lethe__exact_batch_open(lethe_trainer *trainer, lethe_samples samples, size_t n,
                                     const lethe_fit_options *fit, bool tangents,
                                     lethe__exact_batch *measure) {
    const lethe_runtime *runtime = lethe_trainer_runtime(trainer);
    const lethe_model *model = lethe_trainer_model(trainer);
    *measure = (lethe__exact_batch){0};
    LETHE_TRY(lethe__check_samples(model, "pruning", samples));
    n = n < samples.n ? n : samples.n;
    LETHE_TRY(lethe__loader_create(samples, n, false, fit->shuffle, runtime->seed, runtime->threads,
                                   &measure->loader));
    lethe__loader_batch(measure->loader, 0, 0, &measure->batch);
    return fill(model, tangents, runtime->threads, measure);
}

void lethe__exact_batch_close(lethe__exact_batch *measure) {
    lethe__wide_close(&measure->wide);
    lethe__loader_destroy(&measure->loader);
    lethe__free(measure->gradient);
    lethe__free(measure->direction);
    lethe__free(measure->product);
}

lethe_status lethe__exact_batch_run(lethe__exact_batch *measure, double temperature) {
    lethe__wide_pass pass = {.mode = LETHE__MODE_TRAIN,
                             .scale = 1 / (double)measure->batch.n,
                             .temperature = temperature,
                             .left_out = LETHE__NOBODY,
                             .direction = measure->direction,
                             .gradient = measure->gradient,
                             .product = measure->product};
    return lethe__wide_run(&measure->wide, &measure->batch, &pass);
}
