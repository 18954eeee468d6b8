/* winograd_filter_kernels.h - filters to the points of Winograd's convolution, and sums at the points to
 * gradients of filters, made for each instruction set. winograd_kernels.h says what tiles there are. */
#ifndef LETHE_ENGINE_NATIVE_WINOGRAD_FILTER_KERNELS_H
#define LETHE_ENGINE_NATIVE_WINOGRAD_FILTER_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/* The filters between `in` input channels and a block of output channels, `out` of them: two vectors at most.
 * Filter (o, k) has its nine taps at filters, or gradients, + o * out_step + k * in_step. */
typedef struct lethe__winograd_filters {
    const float *filters; /* that to_points reads */
    float *gradients;     /* that from_points writes */
    size_t in, out, in_step, out_step;
    bool turned;            /* taps in the opposite order */
    void *points;           /* [36 or 16][in][out] floats, or [..][in / 2][out] pairs of input channels */
    size_t n_groups, group; /* from_points: as many `points`, so many floats apart, are added up */
} lethe__winograd_filters;

typedef struct lethe__winograd_filter_transforms {
    void (*to_points)(const lethe__winograd_filters *f);   /* points = G filter G' */
    void (*from_points)(const lethe__winograd_filters *f); /* filter = G' points G */
} lethe__winograd_filter_transforms;

typedef struct lethe__winograd_filter_kernels {
    lethe__winograd_filter_transforms f32_2, f32_4, bf16_2;
} lethe__winograd_filter_kernels;

extern const lethe__winograd_filter_kernels lethe__winograd_filter_kernels_baseline,
    lethe__winograd_filter_kernels_avx2, lethe__winograd_filter_kernels_avx512,
    lethe__winograd_filter_kernels_avx512bf16;

#endif
