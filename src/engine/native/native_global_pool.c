/* native_global_pool.c - the mean over all pixels of an image, channel by channel; its gradient goes to all
 * pixels in equal parts. dst is f32 whatever the type of src. Rows of channels at a time, images divided
 * among threads. */
#include "engine/implementations.h"
#include "engine/native/native.h"
#include <string.h>

/* n channels from channel c of one image. */
static void pool_channels(const lethe__operation *operation, size_t sample, size_t c, size_t n) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    const lethe__view *src = &operation->src;
    size_t channels = (size_t)src->c, pixels = (size_t)src->h * (size_t)src->w;
    float buffer[LETHE__ROW], *dst = (float *)operation->dst.data + sample * channels + c;
    memset(dst, 0, n * sizeof *dst);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        size_t at = (sample * pixels + pixel) * channels + c;
        kernels->add(n, lethe__row_read(kernels, src->data, src->dtype, at, n, buffer), dst);
    }
    for (size_t i = 0; i < n; i++)
        dst[i] /= (float)pixels;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    size_t samples = (size_t)operation->src.n, channels = (size_t)operation->src.c;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t sample = 0; sample < samples; sample++)
        for (size_t c = 0; c < channels; c += LETHE__ROW)
            pool_channels(operation, sample, c, lethe__smaller(LETHE__ROW, channels - c));
    return LETHE_OK;
}

static void share_gradient(const lethe__operation *operation, size_t sample, size_t c, size_t n) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    const lethe__view *src = &operation->src;
    size_t channels = (size_t)src->c, pixels = (size_t)src->h * (size_t)src->w,
           first = sample * pixels * channels + c;
    float part[LETHE__ROW];
    const float *diff_dst = (const float *)operation->diff_dst + sample * channels + c;
    for (size_t i = 0; i < n; i++)
        part[i] = diff_dst[i] / (float)pixels;
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        size_t at = first + pixel * channels;
        float *target = lethe__row_target(operation->diff_src, src->dtype, at, part);
        if (target != part)
            memcpy(target, part, n * sizeof *part);
        lethe__row_write(kernels, operation->diff_src, src->dtype, at, n, target);
    }
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    size_t samples = (size_t)operation->src.n, channels = (size_t)operation->src.c;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t sample = 0; sample < samples; sample++)
        for (size_t c = 0; c < channels; c += LETHE__ROW)
            share_gradient(operation, sample, c, lethe__smaller(LETHE__ROW, channels - c));
    return LETHE_OK;
}

const lethe__implementation lethe__native_global_pool = {.name = "native",
                                                         .kind = LETHE__GLOBAL_POOL,
                                                         .supports = lethe__native_supports,
                                                         .forward = forward,
                                                         .backward = backward,
                                                         .describe = lethe__native_describe};
