/* ref.h - what the reference kernels share: reading and writing activations of either type.
 *
 * The reference kernels are the oracle of every test and the fallback on any machine: plain loops on one
 * thread, in the order of the formula. Values are read as f32 whatever the tensor holds; sums over pixels or
 * samples run in double. They support every operation. */
#ifndef LETHE_ENGINE_REF_H
#define LETHE_ENGINE_REF_H

#include "engine/implementations.h"

static inline bool lethe__ref_supports(const lethe__operation *operation) {
    (void)operation;
    return true;
}

/* Scalars in one sample, and samples times pixels. */
static inline size_t lethe__ref_sample_size(const lethe__view *view) {
    return (size_t)view->h * (size_t)view->w * (size_t)view->c;
}
static inline size_t lethe__ref_pixels(const lethe__view *view) {
    return (size_t)view->n * (size_t)view->h * (size_t)view->w;
}

static inline float lethe__ref_get(const void *data, lethe__dtype dtype, size_t i) {
    return dtype == LETHE__BF16 ? lethe__bf16_to_f32(((const uint16_t *)data)[i]) : ((const float *)data)[i];
}

static inline void lethe__ref_put(void *data, lethe__dtype dtype, size_t i, float value) {
    if (dtype == LETHE__BF16)
        ((uint16_t *)data)[i] = lethe__f32_to_bf16(value);
    else
        ((float *)data)[i] = value;
}

#endif
