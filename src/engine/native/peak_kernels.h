/* peak_kernels.h - as many multiply-adds as the registers allow, made for each instruction set. */
#ifndef LETHE_ENGINE_NATIVE_PEAK_KERNELS_H
#define LETHE_ENGINE_NATIVE_PEAK_KERNELS_H

#include <stddef.h>

typedef struct lethe__peak_kernels {
    size_t flops, pair_flops; /* of one round, of floats and of pairs of bf16 */
    /* Some of the result, so that no compiler leaves the work out. */
    float (*multiply_add)(size_t rounds);
    float (*multiply_add_pairs)(size_t rounds);
} lethe__peak_kernels;

extern const lethe__peak_kernels lethe__peak_kernels_baseline, lethe__peak_kernels_avx2,
    lethe__peak_kernels_avx512, lethe__peak_kernels_avx512bf16;

#endif
