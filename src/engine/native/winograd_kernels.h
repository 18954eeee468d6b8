/* winograd_kernels.h - the transforms of Winograd's 3x3 convolution, made for each instruction set.
 *
 * Pixels of a map lie at y * row + x * step values, those of results may be written. A tile's 16 points lie
 * `pitch` apart, `channels` values in each, a multiple of the lanes of convolution_kernels.h. f32 maps have
 * f32 points. bf16 maps have bf16 points where they are multiplied channel by channel (source_bf16), words of
 * two tiles where they are multiplied tile by tile (.._pair), and f32 points of results. */
#ifndef LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H
#define LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H

#include <stddef.h>

typedef struct lethe__winograd_tile {
    void *pixels; /* the tile's first pixel in a map: 4x4 or 2x2 of them */
    size_t row, step;
    void *points; /* [16] times `pitch`, in units of what they are */
    size_t pitch, channels;
} lethe__winograd_tile;

typedef struct lethe__winograd_kernels {
    void (*source)(const lethe__winograd_tile *tile);   /* points = B' pixels B,  4x4 pixels */
    void (*result)(const lethe__winograd_tile *tile);   /* pixels = A' points A,  2x2 pixels */
    void (*gradient)(const lethe__winograd_tile *tile); /* points = A pixels A',  2x2 pixels */
    void (*source_bf16)(const lethe__winograd_tile *tile);
    void (*result_bf16)(const lethe__winograd_tile *tile);
    /* into the points of the first */
    void (*source_pair)(const lethe__winograd_tile *first, const lethe__winograd_tile *second);
    void (*gradient_pair)(const lethe__winograd_tile *first, const lethe__winograd_tile *second);
} lethe__winograd_kernels;

extern const lethe__winograd_kernels lethe__winograd_kernels_baseline, lethe__winograd_kernels_avx2,
    lethe__winograd_kernels_avx512, lethe__winograd_kernels_avx512bf16;

#endif
