/* winograd_kernels.h - the transforms of Winograd's 3x3 convolution, made for each instruction set.
 *
 * A tile's 16 points lie `pitch` floats apart, `channels` values in each; pixels of a map lie at
 * y * row + x * step. `channels` is a multiple of the lanes of convolution_kernels.h. */
#ifndef LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H
#define LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H

#include <stddef.h>

typedef struct lethe__winograd_tile {
    float *pixels; /* the tile's first pixel in a map: 4x4 or 2x2 of them */
    size_t row, step;
    float *points; /* [16] times `pitch` */
    size_t pitch, channels;
} lethe__winograd_tile;

typedef struct lethe__winograd_kernels {
    void (*source)(const lethe__winograd_tile *tile);   /* points = B' pixels B,  4x4 pixels */
    void (*result)(const lethe__winograd_tile *tile);   /* pixels = A' points A,  2x2 pixels */
    void (*gradient)(const lethe__winograd_tile *tile); /* points = A pixels A',  2x2 pixels */
} lethe__winograd_kernels;

extern const lethe__winograd_kernels lethe__winograd_kernels_baseline, lethe__winograd_kernels_avx2,
    lethe__winograd_kernels_avx512;

#endif
