/* native_pad_shortcut.c - every stride-th pixel of src in the middle channels of dst, zeros around it, as
 * defined in ref_pad_shortcut.c. Nothing is computed, so pixels move as bytes; rows of pixels are divided
 * among threads. */
#include "engine/implementations.h"
#include "engine/native/native.h"
#include <string.h>

/* Byte sizes, for one row of dst and the rows of src that it stands for. */
typedef struct sizes {
    size_t src_pixel, dst_pixel, front; /* front: zeros before the channels of src */
    size_t src_row, dst_row, step;      /* step: from one pixel of src that is taken to the next */
} sizes;

static sizes sizes_of(const lethe__operation *operation) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    size_t scalar = lethe__dtype_bytes(src->dtype);
    sizes s = {.src_pixel = (size_t)src->c * scalar,
               .dst_pixel = (size_t)dst->c * scalar,
               .front = (size_t)operation->node->padding * scalar};
    s.src_row = (size_t)src->w * s.src_pixel;
    s.dst_row = (size_t)dst->w * s.dst_pixel;
    s.step = (size_t)operation->node->stride * s.src_pixel;
    return s;
}

/* The row of src that is taken for row `row` of dst, both counted through the batch. */
static size_t src_row(const lethe__operation *operation, size_t row) {
    size_t h = (size_t)operation->dst.h;
    return row / h * (size_t)operation->src.h + row % h * (size_t)operation->node->stride;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    sizes s = sizes_of(operation);
    size_t n_rows = (size_t)operation->dst.n * (size_t)operation->dst.h;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t row = 0; row < n_rows; row++) {
        const char *src = (const char *)operation->src.data + src_row(operation, row) * s.src_row;
        char *dst = (char *)operation->dst.data + row * s.dst_row;
        memset(dst, 0, s.dst_row);
        for (int x = 0; x < operation->dst.w; x++, src += s.step, dst += s.dst_pixel)
            memcpy(dst + s.front, src, s.src_pixel);
    }
    return LETHE_OK;
}

/* diff_dst is that of a batchnorm's residual, which is one reader alone: there is no second part. */
static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    sizes s = sizes_of(operation);
    size_t n_rows = (size_t)operation->dst.n * (size_t)operation->dst.h,
           stride = (size_t)operation->node->stride;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t row = 0; row < n_rows; row++) {
        size_t y = row % (size_t)operation->dst.h * stride, left = (size_t)operation->src.h - y;
        const char *diff_dst = (const char *)operation->diff_dst + row * s.dst_row;
        char *diff_src = (char *)operation->diff_src + src_row(operation, row) * s.src_row;
        memset(diff_src, 0, lethe__smaller(stride, left) * s.src_row);
        for (int x = 0; x < operation->dst.w; x++, diff_src += s.step, diff_dst += s.dst_pixel)
            memcpy(diff_src, diff_dst + s.front, s.src_pixel);
    }
    return LETHE_OK;
}

const lethe__implementation lethe__native_pad_shortcut = {.name = "native",
                                                          .kind = LETHE__PAD_SHORTCUT,
                                                          .supports = lethe__native_supports,
                                                          .forward = forward,
                                                          .backward = backward};
