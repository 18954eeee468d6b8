/* fixture_model.h - models whose weights are the fixtures' formula. */
#ifndef LETHE_TESTS_FIXTURE_MODEL_H
#define LETHE_TESTS_FIXTURE_MODEL_H

#include "fixture.h"
#include "models/model.h"
#include <string.h>

static inline void fixture_fill_slot(const lethe__slot *slot, uint64_t seed, float *values) {
    uint64_t key = fixture_key(slot->name, seed);
    const char *leaf = strrchr(slot->name, '.') + 1;
    for (size_t i = 0; i < slot->size; i++) {
        double u = fixture_stream(key, i), value;
        if (strcmp(leaf, "running_mean") == 0 || strcmp(leaf, "bias") == 0)
            value = 0.1 * (2 * u - 1);
        else if (strcmp(leaf, "running_var") == 0)
            value = 1 + 0.5 * u;
        else if (slot->n_dims == 1)
            value = 1 + 0.2 * (2 * u - 1);
        else
            value = (2 * u - 1) * sqrt(6.0 / (double)(slot->size / slot->shape[0]));
        values[i] = (float)value;
    }
}

/* Sets every parameter and running statistic of `model` by the formula. */
static inline void fixture_fill(lethe_model *model, uint64_t seed) {
    for (size_t i = 0; i < model->graph->n_parameters; i++)
        fixture_fill_slot(&model->graph->parameters[i], seed,
                          model->weights.parameters + model->graph->parameters[i].offset);
    for (size_t i = 0; i < model->graph->n_buffers; i++)
        fixture_fill_slot(&model->graph->buffers[i], seed,
                          model->weights.buffers + model->graph->buffers[i].offset);
    model->weights.version++;
}

/* A filled model for 32x32x3 images of ten classes with the fixtures' normalisation. */
static inline lethe_model *fixture_model(const char *arch, uint64_t seed) {
    lethe_model_info info = {.classes = 10,
                             .height = 32,
                             .width = 32,
                             .channels = 3,
                             .mean = {0.4914f, 0.4822f, 0.4465f},
                             .std = {0.2470f, 0.2435f, 0.2616f}};
    snprintf(info.arch, sizeof info.arch, "%s", arch);
    lethe_model *model = NULL;
    if (lethe_model_create(&info, &model) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    fixture_fill(model, seed);
    return model;
}

/* Scales the head by 2^-5, so that the softmax is not saturated. */
static inline void fixture_calm(lethe_model *model) {
    static const char *const head[] = {"fc.weight", "fc.bias"};
    for (int h = 0; h < 2; h++) {
        const lethe__slot *slot =
            &model->graph->parameters[lethe__graph_find_parameter(model->graph, head[h])];
        for (size_t i = 0; i < slot->size; i++)
            model->weights.parameters[slot->offset + i] /= 32;
    }
    model->weights.version++;
}

/* Compares every slot of a flat vector with a fixture's object of digests. */
static inline void fixture_compare_slots(const json_t *digests, const lethe__slot *slots, size_t n,
                                         const float *values, double tolerance, double floor_,
                                         double singles) {
    for (size_t i = 0; i < n; i++)
        fixture_compare(json_object_get(digests, slots[i].name), slots[i].name, values + slots[i].offset,
                        slots[i].size, tolerance, floor_, singles);
}

/* The largest norm among a fixture's digests: true zeros are compared against it. */
static inline double fixture_largest_norm(const json_t *digests) {
    double largest = 0;
    const char *name;
    json_t *digest;
    json_object_foreach((json_t *)digests, name, digest) {
        if (fixture_number(digest, "norm") > largest)
            largest = fixture_number(digest, "norm");
    }
    return largest;
}

#endif
