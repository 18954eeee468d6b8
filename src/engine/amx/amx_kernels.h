/* amx_kernels.h - products of packed blocks, and the packing.
 *
 * A block is 32 x 32 bf16 values, two tiles: 32 images or their channels by 32 channels of one pixel, or 32
 * input by 32 output channels of one tap. Images and channels that a tensor does not have are zeros. Blocks
 * come in four forms, called by what the instruction wants:
 *
 *     images      [2 x 16 images][32 channels]                 A of forward, backward-data
 *     weights     [2][16 pairs of inputs][16 outputs][2]       B of forward, backward-data
 *     transposed  [2 x 16 channels][32 images]                 A of backward-weights: diff_dst
 *     pairs       [2][16 pairs of images][16 channels][2]      B of backward-weights: src */
#ifndef LETHE_ENGINE_AMX_AMX_KERNELS_H
#define LETHE_ENGINE_AMX_AMX_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    LETHE__AMX_SIDE = 32,                                 /* images or channels in a block */
    LETHE__AMX_BLOCK = LETHE__AMX_SIDE * LETHE__AMX_SIDE, /* values */
    LETHE__AMX_TAPS = 9,                                  /* of a filter, at most */
    LETHE__AMX_ROUND_FLOPS = 4 * 2 * 16 * 16 * 32         /* of a round of `products` */
};

/* Up to 32 channels of one pixel of up to 32 images of an NHWC tensor: images lie `pitch` values apart. */
typedef struct lethe__amx_pixel {
    uint16_t *data;
    size_t pitch;
    int images, channels;
} lethe__amx_pixel;

/* One tap of an output pixel: `blocks` blocks of images, and as many of weights. */
typedef struct lethe__amx_tap {
    const uint16_t *images, *weights;
} lethe__amx_tap;

/* For one tap and one block of input and of output channels, with pixels at distances in blocks of bf16:
 *     diff_weights[o][i] += sum over y < height, x < width, 32 images of
 *                           diff_dst[y dst_row + x dst_step][o] * src[y src_row + x src_step][i] */
typedef struct lethe__amx_gradient {
    const uint16_t *src, *diff_dst; /* pairs, transposed */
    float *diff_weights;            /* [2 o][2 i][16 o][16 i] */
    size_t height, width, src_row, src_step, dst_row, dst_step;
} lethe__amx_gradient;

typedef struct lethe__amx_kernels {
    /* Each thread's tiles, before the first product and behind the last. */
    void (*open)(void);
    void (*close)(void);
    /* dst = the sum over all taps and blocks of images x weights; pads dst with nothing. */
    void (*gather)(const lethe__amx_tap *taps, int n_taps, size_t blocks, const lethe__amx_pixel *dst);
    void (*gradient)(const lethe__amx_gradient *task);
    /* Three taps of a filter row at once, whose diff_weights follow each other: src at column x - 1 + tap. */
    void (*gradient_3)(const lethe__amx_gradient *task);
    void (*pack_images)(const lethe__amx_pixel *from, uint16_t *block);
    void (*pack_pairs)(const lethe__amx_pixel *from, uint16_t *block);
    void (*pack_transposed)(const lethe__amx_pixel *from, uint16_t *block);
    /* Rounds of four products of zeros in registers: the peak. Opens and closes the tiles itself. */
    void (*products)(size_t rounds);
} lethe__amx_kernels;

extern const lethe__amx_kernels lethe__amx_kernels_hardware, lethe__amx_kernels_emulated;

/* Where value (input k, output o) of a block of weights lies. */
static inline size_t lethe__amx_weight_at(size_t k, size_t o) {
    return ((o / 16 * 16 + k / 2) * 16 + o % 16) * 2 + k % 2;
}

/* Where value (output o, input i) of a block of diff_weights lies. */
static inline size_t lethe__amx_gradient_at(size_t o, size_t i) {
    return (o / 16 * 2 + i / 16) * 256 + o % 16 * 16 + i % 16;
}

#endif
