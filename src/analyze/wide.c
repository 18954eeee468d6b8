/* wide.c - a model in double on batches.
 *
 * Running statistics make the loss a sum over samples, as the theory has it: a sample is left out by a row of
 * zeros in the gradient of the logits, and a batch that is not full is filled up with such rows. */
#include "analyze/wide.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>
#include <string.h>

static size_t image_bytes(const lethe_model *model) {
    return (size_t)model->info.height * (size_t)model->info.width * (size_t)model->info.channels;
}

static lethe_status fill(bool tangents, int threads, lethe__wide *wide) {
    const lethe_model *model = wide->model;
    size_t n = (size_t)wide->batch;
    LETHE_TRY(lethe__allocate(model->graph->parameter_size, sizeof(double), &wide->parameters));
    LETHE_TRY(lethe__allocate(model->graph->buffer_size, sizeof(double), &wide->buffers));
    LETHE_TRY(lethe__allocate(2 * n * (size_t)model->info.classes, sizeof(double), &wide->diff_logits));
    LETHE_TRY(lethe__allocate(n, image_bytes(model), &wide->images));
    lethe__wide_load(wide);
    return lethe__exact_create(model->graph, wide->batch, tangents, lethe_threads_resolve(threads),
                               &wide->exact);
}

lethe_status lethe__wide_open(const lethe_model *model, size_t batch, bool tangents, int threads,
                              lethe__wide *wide) {
    *wide = (lethe__wide){.model = model, .batch = (int)batch};
    return fill(tangents, threads, wide);
}

void lethe__wide_close(lethe__wide *wide) {
    lethe__exact_destroy(&wide->exact);
    lethe__free(wide->parameters);
    lethe__free(wide->buffers);
    lethe__free(wide->diff_logits);
    lethe__free(wide->images);
}

void lethe__wide_load(lethe__wide *wide) {
    const lethe_model *model = wide->model;
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        wide->parameters[i] = (double)model->weights.parameters[i];
    for (size_t i = 0; i < model->graph->buffer_size; i++)
        wide->buffers[i] = (double)model->weights.buffers[i];
}

static void set_images(lethe__wide *wide, const lethe__batch *batch) {
    const uint8_t *images = batch->images;
    if (batch->n < wide->batch) {
        memcpy(wide->images, images, (size_t)batch->n * image_bytes(wide->model));
        images = wide->images; /* what lies behind does not count */
    }
    lethe__exact_set_images(wide->exact, images);
}

/* From those of the mean over n rows to those of the pass; rows that do not count become 0. */
static void weigh_rows(const lethe__wide *wide, const lethe__wide_pass *pass, int n, double *diff) {
    size_t classes = (size_t)wide->model->info.classes;
    for (int row = 0; row < wide->batch; row++) {
        double factor = row < n && row != pass->left_out ? pass->scale * n : 0;
        for (size_t k = 0; k < classes; k++) {
            double *at = &diff[(size_t)row * classes + k];
            *at = factor == 0 ? 0 : *at * factor;
        }
    }
}

static void apply_mask(const lethe_model *model, double *vector) {
    for (size_t i = 0; vector != NULL && model->mask != NULL && i < model->graph->parameter_size; i++)
        vector[i] = model->mask[i] ? vector[i] : 0;
}

lethe_status lethe__wide_run(lethe__wide *wide, const lethe__batch *batch, lethe__wide_pass *pass) {
    int classes = wide->model->info.classes;
    bool tangents = pass->direction != NULL;
    lethe__dual logits, diff = {wide->diff_logits, NULL};
    if (tangents)
        diff.tangent = wide->diff_logits + (size_t)wide->batch * (size_t)classes;
    set_images(wide, batch);
    LETHE_TRY(lethe__exact_forward(wide->exact, LETHE__MODE_GRADIENT,
                                   (lethe__dual){wide->parameters, pass->direction}, wide->buffers, &logits));
    pass->loss = pass->scale * batch->n *
                 lethe__exact_cross_entropy(logits, batch->labels, batch->n, classes, 1, diff);
    weigh_rows(wide, pass, batch->n, diff.value);
    if (tangents)
        weigh_rows(wide, pass, batch->n, diff.tangent);
    if (pass->gradient == NULL && pass->product == NULL)
        return LETHE_OK;
    lethe__exact_backward(wide->exact, diff, (lethe__dual){pass->gradient, pass->product});
    apply_mask(wide->model, pass->gradient);
    apply_mask(wide->model, pass->product);
    return LETHE_OK;
}

double lethe__wide_distance(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

double lethe__wide_norm(const double *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * a[i];
    return sqrt(sum);
}

lethe_status lethe__draw_samples(lethe_samples samples, size_t n, uint64_t seed, uint32_t **ids,
                                 lethe_samples *out) {
    LETHE_TRY(lethe__allocate(samples.n, sizeof **ids, ids));
    lethe__random random = lethe__random_open(seed, LETHE__RANDOM_ANALYZE, 0, 0);
    memcpy(*ids, samples.ids, samples.n * sizeof **ids);
    lethe__random_permute(&random, *ids, samples.n);
    *out = samples;
    out->ids = *ids;
    out->n = n < samples.n ? n : samples.n;
    return LETHE_OK;
}

lethe_status lethe__analyze_step(const lethe_runtime *runtime, const char *title, size_t step,
                                 size_t n_steps) {
    if (runtime->stop != NULL && *runtime->stop != 0)
        LETHE_FAIL(LETHE_STOPPED, "stopped in step %zu of %zu of the %s; run again to start over", step,
                   n_steps, title);
    lethe_progress progress = {
        .title = title, .step = step, .n_steps = n_steps, .eta_seconds = -1, .loss = NAN, .accuracy = NAN};
    if (runtime->progress != NULL)
        runtime->progress(runtime->user, &progress);
    return LETHE_OK;
}
