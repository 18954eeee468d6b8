/* exact_batch.c - gradients and Hessian-vector products of one batch in double, for scores.
 *
 * A score ranks a weight among millions, and the sign and order of small scores decide: in f32 the flips of
 * ReLUs alone move a deep network's gradient by a hundredth. Cost: see engine/exact.h. Memory, since a
 * batch's statistics need it whole: for ResNet-18 10 MB a sample, 20 with tangents. */
#include "base/fail.h"
#include "base/memory.h"
#include "prune/prune.h"
#include "train/trainer.h"

static void widen(const float *values, size_t n, double *wide) {
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)values[i];
}

static lethe_status fill(bool tangents, int threads, lethe__exact_batch *measure) {
    const lethe__graph *graph = measure->model->graph;
    size_t n_parameters = graph->parameter_size, n = (size_t)measure->batch.n;
    LETHE_TRY(lethe__allocate(n_parameters, sizeof(double), &measure->parameters));
    LETHE_TRY(lethe__allocate(graph->buffer_size, sizeof(double), &measure->buffers));
    LETHE_TRY(lethe__allocate(n_parameters, sizeof(double), &measure->gradient));
    LETHE_TRY(
        lethe__allocate(2 * n * (size_t)measure->model->info.classes, sizeof(double), &measure->diff_logits));
    if (tangents) {
        LETHE_TRY(lethe__allocate(n_parameters, sizeof(double), &measure->direction));
        LETHE_TRY(lethe__allocate(n_parameters, sizeof(double), &measure->product));
    }
    widen(measure->model->weights.parameters, n_parameters, measure->parameters);
    widen(measure->model->weights.buffers, graph->buffer_size, measure->buffers);
    LETHE_TRY(lethe__exact_create(graph, (int)n, tangents, lethe_threads_resolve(threads), &measure->exact));
    lethe__exact_set_images(measure->exact, measure->batch.images);
    return LETHE_OK;
}

lethe_status lethe__exact_batch_open(lethe_trainer *trainer, lethe_samples samples, size_t n,
                                     const lethe_fit_options *fit, bool tangents,
                                     lethe__exact_batch *measure) {
    const lethe_runtime *runtime = lethe_trainer_runtime(trainer);
    *measure = (lethe__exact_batch){.model = lethe_trainer_model(trainer)};
    LETHE_TRY(lethe__check_samples(measure->model, "pruning", samples));
    n = n < samples.n ? n : samples.n;
    LETHE_TRY(lethe__loader_create(samples, n, false, fit->shuffle, runtime->seed, runtime->threads,
                                   &measure->loader));
    lethe__loader_batch(measure->loader, 0, 0, &measure->batch);
    return fill(tangents, runtime->threads, measure);
}

void lethe__exact_batch_close(lethe__exact_batch *measure) {
    lethe__exact_destroy(&measure->exact);
    lethe__loader_destroy(&measure->loader);
    lethe__free(measure->parameters);
    lethe__free(measure->buffers);
    lethe__free(measure->gradient);
    lethe__free(measure->diff_logits);
    lethe__free(measure->direction);
    lethe__free(measure->product);
}

lethe_status lethe__exact_batch_run(lethe__exact_batch *measure, double temperature) {
    int n = measure->batch.n, classes = measure->model->info.classes;
    bool tangents = measure->direction != NULL;
    lethe__dual logits, diff_logits = {measure->diff_logits, NULL};
    if (tangents)
        diff_logits.tangent = measure->diff_logits + (size_t)n * (size_t)classes;
    LETHE_TRY(lethe__exact_forward(measure->exact, LETHE__MODE_TRAIN,
                                   (lethe__dual){measure->parameters, measure->direction}, measure->buffers,
                                   &logits));
    lethe__exact_cross_entropy(logits, measure->batch.labels, n, classes, temperature, diff_logits);
    lethe__exact_backward(measure->exact, diff_logits, (lethe__dual){measure->gradient, measure->product});
    return LETHE_OK;
}
