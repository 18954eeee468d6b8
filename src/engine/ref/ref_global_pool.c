/* ref_global_pool.c - the mean over all pixels, in f32: dst[n][c] = sum over y, x of src[n][y][x][c] / (h w).
 *
 * Backward: every pixel receives diff_dst[n][c] / (h w). */
#include "engine/ref/ref.h"

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__view *src = &operation->src;
    float *dst = operation->dst.data;
    size_t n = (size_t)src->n, channels = (size_t)src->c, pixels = (size_t)src->h * (size_t)src->w;
    for (size_t s = 0; s < n; s++)
        for (size_t c = 0; c < channels; c++) {
            double sum = 0;
            for (size_t p = 0; p < pixels; p++)
                sum += (double)lethe__ref_get(src->data, src->dtype, (s * pixels + p) * channels + c);
            dst[s * channels + c] = (float)(sum / (double)pixels);
        }
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    const lethe__view *src = &operation->src;
    const float *diff_dst = operation->diff_dst;
    size_t n = (size_t)src->n, channels = (size_t)src->c, pixels = (size_t)src->h * (size_t)src->w;
    for (size_t s = 0; s < n; s++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                lethe__ref_put(operation->diff_src, src->dtype, (s * pixels + p) * channels + c,
                               diff_dst[s * channels + c] / (float)pixels);
    return LETHE_OK;
}

const lethe__implementation lethe__ref_global_pool = {.name = "ref",
                                                      .kind = LETHE__GLOBAL_POOL,
                                                      .supports = lethe__ref_supports,
                                                      .forward = forward,
                                                      .backward = backward};
