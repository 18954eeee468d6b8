/* winograd_kernels.h - the transforms of Winograd's 3x3 convolution, made for each instruction set.
 *
 * A tile of m x m results has (m + 2) x (m + 2) source pixels and as many points. The points lie `pitch`
 * apart, `channels` values in each, a multiple of the lanes of convolution_kernels.h. f32 maps have f32
 * points. bf16 maps have bf16 points where they are multiplied channel by channel (`source`), words of two
 * tiles where they are multiplied tile by tile (`.._pair`), and f32 points of results. */
#ifndef LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H
#define LETHE_ENGINE_NATIVE_WINOGRAD_KERNELS_H

#include <stddef.h>

enum { LETHE__WINOGRAD_POINTS_MOST = 36 };

typedef struct lethe__winograd_tile {
    void *const *pixels; /* where the pixels lie, row by row; those beyond the map: zeros, or waste */
    void *points;        /* [36 or 16] times `pitch`, in units of what they are */
    size_t pitch, first, channels; /* channels first, first + 1, ... of the pixels */
} lethe__winograd_tile;

typedef struct lethe__winograd_transforms {
    void (*source)(const lethe__winograd_tile *tile);   /* points = B' pixels B,  of (m + 2)^2 pixels */
    void (*result)(const lethe__winograd_tile *tile);   /* pixels = A' points A,  of m^2 */
    void (*gradient)(const lethe__winograd_tile *tile); /* points = A pixels A',  of m^2; f32 alone */
    /* bf16 alone; into the points of the first */
    void (*source_pair)(const lethe__winograd_tile *first, const lethe__winograd_tile *second);
    void (*gradient_pair)(const lethe__winograd_tile *first, const lethe__winograd_tile *second);
} lethe__winograd_transforms;

typedef struct lethe__winograd_kernels {
    lethe__winograd_transforms f32_2, f32_4, bf16_2; /* m = 2, 4, 2 */
} lethe__winograd_kernels;

extern const lethe__winograd_kernels lethe__winograd_kernels_baseline, lethe__winograd_kernels_avx2,
    lethe__winograd_kernels_avx512, lethe__winograd_kernels_avx512bf16;

#endif
