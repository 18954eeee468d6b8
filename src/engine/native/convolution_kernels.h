/* convolution_kernels.h - the two register tiles of the convolution, made for each instruction set.
 *
 * `lanes` floats fill a vector, `pixels` output pixels stand beside each other in a tile, and a block is 2
 * vectors of output channels (1 in the last block when their number of vectors is odd).
 *
 * What is multiplied comes in words: floats, or pairs of bf16 values that are multiplied one by one and both
 * added, in f32. So bf16 has half as many k; all else is the same. */
#ifndef LETHE_ENGINE_NATIVE_CONVOLUTION_KERNELS_H
#define LETHE_ENGINE_NATIVE_CONVOLUTION_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One block of output channels of a forward or backward-data pass. Output pixel j, at dst + dst_offsets[j],
 * is dst[j][o] = sum over r < n_rows, k < run of src[src_offsets[j] + r * row_pitch + k] * weights[r][k][o]
 * with o over `vectors` * lanes channels. A run is all taps of a filter row times all input channels, which
 * lie side by side in NHWC. */
typedef struct lethe__tile_task {
    const void *src, *weights; /* words */
    void *dst;                 /* f32, or bf16 if `narrow` */
    bool narrow;
    const int *src_offsets, *dst_offsets; /* [n_pixels] */
    size_t n_pixels;                      /* done in tiles of `pixels` */
    size_t n_rows, row_pitch, run;        /* in words */
    int vectors;
} lethe__tile_task;

/* The same of pixels that lie evenly spaced, and a filter of one tap: dst[j * dst_step + o] = sum over k <
 * run of src[j * src_step + k] * weights[k][o] for j < n. */
typedef struct lethe__product_task {
    const void *src, *weights; /* words */
    void *dst;                 /* f32 */
    size_t n, src_step, dst_step, run;
    int vectors;
} lethe__product_task;

/* The weight gradient of one filter row for one block of output channels:
 *     diff_weights[k][o] += sum over i < images, y < height, x < width of
 *                           src[i * src_image + y * src_row + x * src_step + k] * diff_dst[p++][o]
 * for k < run, where diff_dst is packed: the pixels (i, y, x) in this order, image i beginning at
 * i * dst_image. In words: those of bf16 are pairs of pixels of one channel. */
typedef struct lethe__gradient_task {
    const void *src, *diff_dst;
    float *diff_weights; /* [run][vectors * lanes] */
    size_t images, height, width, src_image, src_row, src_step, dst_image, run;
    int vectors;
} lethe__gradient_task;

/* Rows of pairs: words[i][k] = (first[i * pitch + k], second[i * pitch + k]) for i < rows, k < n. */
typedef struct lethe__pairing {
    const uint16_t *first, *second;
    size_t rows, n, pitch;
    uint32_t *words;
} lethe__pairing;

typedef struct lethe__convolution_kernels {
    size_t lanes, pixels;
    void (*tiles)(const lethe__tile_task *task); /* of floats */
    void (*product)(const lethe__product_task *task);
    void (*gradient)(const lethe__gradient_task *task);
    void (*pair_tiles)(const lethe__tile_task *task); /* of pairs */
    void (*pair_product)(const lethe__product_task *task);
    void (*pair_gradient)(const lethe__gradient_task *task);
    void (*pair)(const lethe__pairing *pairing);
} lethe__convolution_kernels;

extern const lethe__convolution_kernels lethe__convolution_kernels_baseline, lethe__convolution_kernels_avx2,
    lethe__convolution_kernels_avx512, lethe__convolution_kernels_avx512bf16;

#endif
