/* model.c - models: a graph built by an architecture, and the flat vectors that belong to it.
 *
 * The vectors are the truth: views, masks, the optimiser and checkpoints all point into them or run over
 * them. Whoever writes parameters raises weights.version, so that packed copies inside the engine are made
 * anew. */
#include "models/model.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CLASSES = 100000, MIN_SIDE = 28, MAX_SIDE = 4096 };

static lethe_status check_info(const lethe_model_info *info) {
    if (info->classes < 2 || info->classes > MAX_CLASSES)
        LETHE_FAIL(LETHE_USAGE, "a model of %d classes: 2 to %d are possible", info->classes, MAX_CLASSES);
    if (info->height < MIN_SIDE || info->width < MIN_SIDE || info->height > MAX_SIDE ||
        info->width > MAX_SIDE)
        LETHE_FAIL(LETHE_USAGE, "a model for images of %dx%d: each side must be %d to %d pixels", info->width,
                   info->height, MIN_SIDE, MAX_SIDE);
    return LETHE_OK;
}

lethe_status lethe_model_info_for(const lethe_dataset_info *data, const char *arch, lethe_model_info *out) {
    const lethe__arch *known;
    LETHE_TRY(lethe__arch_find(arch, &known));
    lethe_model_info info = {
        .classes = data->classes, .height = data->height, .width = data->width, .channels = data->channels};
    snprintf(info.arch, sizeof info.arch, "%s", known->name);
    memcpy(info.mean, data->mean, sizeof info.mean);
    memcpy(info.std, data->std, sizeof info.std);
    memcpy(info.data_digest, data->digest, sizeof info.data_digest);
    *out = info;
    return LETHE_OK;
}

static lethe_status fill_model(const lethe_model_info *info, lethe_model *model) {
    const lethe__arch *arch;
    LETHE_TRY(check_info(info));
    LETHE_TRY(lethe__arch_find(info->arch, &arch));
    model->info = *info;
    LETHE_TRY(lethe__graph_create(&model->graph));
    LETHE_TRY(arch->build(model->graph, info));
    LETHE_TRY(lethe__allocate(model->graph->parameter_size, sizeof(float), &model->weights.parameters));
    LETHE_TRY(lethe__allocate(model->graph->parameter_size, sizeof(float), &model->weights.gradients));
    LETHE_TRY(lethe__allocate(model->graph->buffer_size, sizeof(float), &model->weights.buffers));
    model->weights.version = 1;
    return LETHE_OK;
}

lethe_status lethe_model_create(const lethe_model_info *info, lethe_model **out) {
    lethe_model *model;
    LETHE_TRY(lethe__allocate(1, sizeof *model, &model));
    lethe_status status = fill_model(info, model);
    if (status != LETHE_OK) {
        lethe_model_destroy(&model);
        return status;
    }
    *out = model;
    return LETHE_OK;
}

lethe_status lethe_model_copy(const lethe_model *model, lethe_model **out) {
    lethe_model *copy;
    LETHE_TRY(lethe_model_create(&model->info, &copy));
    size_t n = model->graph->parameter_size;
    if (model->mask != NULL) {
        lethe_status status = lethe__model_make_mask(copy);
        if (status != LETHE_OK) {
            lethe_model_destroy(&copy);
            return status;
        }
        memcpy(copy->mask, model->mask, n);
    }
    memcpy(copy->weights.parameters, model->weights.parameters, n * sizeof(float));
    memcpy(copy->weights.buffers, model->weights.buffers, model->graph->buffer_size * sizeof(float));
    copy->num_batches_tracked = model->num_batches_tracked;
    *out = copy;
    return LETHE_OK;
}

lethe_status lethe__model_copy_weights(const lethe_model *from, lethe_model *to) {
    const lethe__graph *graph = to->graph;
    if (strcmp(from->info.arch, to->info.arch) != 0 || from->graph->parameter_size != graph->parameter_size)
        LETHE_FAIL(LETHE_USAGE, "weights of a %s with %zu parameters do not fit a %s with %zu",
                   from->info.arch, from->graph->parameter_size, to->info.arch, graph->parameter_size);
    memcpy(to->weights.parameters, from->weights.parameters, graph->parameter_size * sizeof(float));
    memcpy(to->weights.buffers, from->weights.buffers, graph->buffer_size * sizeof(float));
    lethe__model_apply_mask(to);
    return LETHE_OK;
}

void lethe_model_destroy(lethe_model **model) {
    if (*model == NULL)
        return;
    lethe__graph_destroy(&(*model)->graph);
    lethe__free((*model)->weights.parameters);
    lethe__free((*model)->weights.gradients);
    lethe__free((*model)->weights.buffers);
    lethe__free((*model)->mask);
    lethe__free(*model);
    *model = NULL;
}

/* --- initialisation --- */

enum { PART = 1 << 14 };

/* In parts that any thread may draw: millions of logarithms and cosines are most of a program's start. */
static void fill_normal(const lethe__random *stream, size_t n, float deviation, float *values) {
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < n; first += PART) {
        lethe__random random = lethe__random_from(stream, (uint32_t)(2 * first)); /* two words a value */
        for (size_t i = first; i < n && i < first + PART; i++)
            values[i] = deviation * lethe__random_normal(&random);
    }
}

static void fill_slot(const lethe__slot *slot, lethe__random *random, float *values) {
    switch (slot->fill) {
    case LETHE__FILL_ZERO:
    case LETHE__FILL_ONE:
        for (size_t i = 0; i < slot->size; i++)
            values[i] = slot->fill == LETHE__FILL_ONE ? 1.0f : 0.0f;
        break;
    case LETHE__FILL_KAIMING_NORMAL_FAN_OUT:
    case LETHE__FILL_KAIMING_NORMAL_FAN_IN: {
        size_t fan = slot->fill == LETHE__FILL_KAIMING_NORMAL_FAN_OUT ? slot->fan_out : slot->fan_in;
        fill_normal(random, slot->size, (float)sqrt(2.0 / (double)fan), values);
        break;
    }
    case LETHE__FILL_UNIFORM_FAN_IN: {
        float bound = (float)(1.0 / sqrt((double)slot->fan_in));
        for (size_t i = 0; i < slot->size; i++)
            values[i] = bound * (2.0f * lethe__random_uniform(random) - 1.0f);
        break;
    }
    }
}

lethe_status lethe_model_initialise(lethe_model *model, uint64_t seed) {
    const lethe__graph *graph = model->graph;
    for (size_t i = 0; i < graph->n_parameters; i++) {
        lethe__random random = lethe__random_open(seed, LETHE__RANDOM_INITIALISE, 0, (uint32_t)i);
        fill_slot(&graph->parameters[i], &random, model->weights.parameters + graph->parameters[i].offset);
    }
    for (size_t i = 0; i < graph->n_buffers; i++)
        fill_slot(&graph->buffers[i], NULL, model->weights.buffers + graph->buffers[i].offset);
    model->num_batches_tracked = 0;
    lethe__model_apply_mask(model);
    return LETHE_OK;
}

/* --- masks --- */

lethe_status lethe__model_make_mask(lethe_model *model) {
    if (model->mask != NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__allocate(model->graph->parameter_size, 1, &model->mask));
    memset(model->mask, 1, model->graph->parameter_size);
    return LETHE_OK;
}

void lethe__model_apply_mask(lethe_model *model) {
    if (model->mask != NULL)
        for (size_t i = 0; i < model->graph->parameter_size; i++)
            if (!model->mask[i])
                model->weights.parameters[i] = 0.0f;
    model->weights.version++;
}

double lethe_model_sparsity(const lethe_model *model) {
    if (model->mask == NULL)
        return 0.0;
    size_t prunable = 0, removed = 0;
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        if (!slot->prunable)
            continue;
        prunable += slot->size;
        for (size_t k = 0; k < slot->size; k++)
            removed += !model->mask[slot->offset + k];
    }
    return (double)removed / (double)prunable;
}

/* --- views --- */

const lethe_model_info *lethe_model_get_info(const lethe_model *model) {
    return &model->info;
}

size_t lethe_model_parameter_count(const lethe_model *model) {
    return model->graph->parameter_size;
}

size_t lethe_model_tensor_count(const lethe_model *model) {
    return model->graph->n_parameters;
}

size_t lethe_model_buffer_count(const lethe_model *model) {
    return model->graph->n_buffers;
}

static lethe_tensor_view view_slot(const lethe__slot *slot, float *values, uint8_t *mask) {
    lethe_tensor_view view = {.name = slot->name,
                              .n_dims = slot->n_dims,
                              .size = slot->size,
                              .values = values + slot->offset,
                              .mask = mask != NULL && slot->prunable ? mask + slot->offset : NULL,
                              .prunable = slot->prunable};
    memcpy(view.shape, slot->shape, sizeof view.shape);
    return view;
}

lethe_tensor_view lethe_model_tensor(lethe_model *model, size_t index) {
    return view_slot(&model->graph->parameters[index], model->weights.parameters, model->mask);
}

lethe_tensor_view lethe_model_buffer(lethe_model *model, size_t index) {
    return view_slot(&model->graph->buffers[index], model->weights.buffers, NULL);
}
