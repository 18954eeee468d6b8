/* ref_pad_shortcut.c - the shortcut without parameters (He et al. 2015, option A): every stride-th pixel of
 * src, its channels in the middle of dst's, zeros in front and behind.
 *
 *     dst[n][y][x][front + c] = src[n][y stride][x stride][c]
 *
 * Backward goes the same way in the other direction; pixels that were skipped get zero. Both tensors have one
 * type, so that pixels are moved as bytes. */
#include "engine/ref/ref.h"
#include <string.h>

typedef struct move {
    size_t src, dst; /* where the pixel's channels start, in bytes */
    size_t bytes;
} move;

/* The k-th pixel of dst and the pixel of src that it shows. */
static move pixel_move(const lethe__operation *operation, size_t k) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    size_t stride = (size_t)operation->node->stride, scalar = lethe__dtype_bytes(src->dtype);
    size_t x = k % (size_t)dst->w, y = k / (size_t)dst->w % (size_t)dst->h;
    size_t sample = k / (size_t)dst->w / (size_t)dst->h;
    size_t src_pixel = (sample * (size_t)src->h + y * stride) * (size_t)src->w + x * stride;
    return (move){.src = src_pixel * (size_t)src->c * scalar,
                  .dst = (k * (size_t)dst->c + (size_t)operation->node->padding) * scalar,
                  .bytes = (size_t)src->c * scalar};
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const char *src = operation->src.data;
    char *dst = operation->dst.data;
    memset(dst, 0, lethe__view_bytes(&operation->dst));
    for (size_t k = 0; k < lethe__ref_pixels(&operation->dst); k++) {
        move pixel = pixel_move(operation, k);
        memcpy(dst + pixel.dst, src + pixel.src, pixel.bytes);
    }
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    const char *diff_dst = operation->diff_dst;
    char *diff_src = operation->diff_src;
    memset(diff_src, 0, lethe__view_bytes(&operation->src));
    for (size_t k = 0; k < lethe__ref_pixels(&operation->dst); k++) {
        move pixel = pixel_move(operation, k);
        memcpy(diff_src + pixel.src, diff_dst + pixel.dst, pixel.bytes);
    }
    return LETHE_OK;
}

const lethe__implementation lethe__ref_pad_shortcut = {.name = "ref",
                                                       .kind = LETHE__PAD_SHORTCUT,
                                                       .supports = lethe__ref_supports,
                                                       .forward = forward,
                                                       .backward = backward};
