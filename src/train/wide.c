/* wide.c - a model in double on batches.
 *
 * Where signs and orders of small numbers decide, as in scores of weights, f32 does not do: the flips of
 * ReLUs alone move a deep network's gradient by a hundredth. Cost: see engine/exact.h. Memory: for ResNet-18
 * 10 MB a sample, 20 with tangents.
 *
 * Running statistics make the loss a sum over samples, as the theory has it: a sample is left out by a row of
 * zeros in the gradient of the logits, and a batch that is not full is filled up with such rows. */
#include "train/wide.h"
#include "base/fail.h"
#include "base/memory.h"
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
    double temperature = pass->temperature > 0 ? pass->temperature : 1;
    lethe__dual logits, diff = {wide->diff_logits, NULL};
    if (tangents)
        diff.tangent = wide->diff_logits + (size_t)wide->batch * (size_t)classes;
    set_images(wide, batch);
    LETHE_TRY(lethe__exact_forward(wide->exact, pass->mode, (lethe__dual){wide->parameters, pass->direction},
                                   wide->buffers, &logits));
    pass->loss = pass->scale * batch->n *
                 lethe__exact_cross_entropy(logits, batch->labels, batch->n, classes, temperature, diff);
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
