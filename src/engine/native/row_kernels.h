/* row_kernels.h - loops over a short row of floats, made for each instruction set.
 *
 * All native operations but the convolution are written in these terms. bf16 rows are widened into a buffer,
 * worked on as floats, and narrowed; f32 rows are worked on where they lie. No argument may overlap another,
 * but that the dst of normalise may be its src. */
#ifndef LETHE_ENGINE_NATIVE_ROW_KERNELS_H
#define LETHE_ENGINE_NATIVE_ROW_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lethe__row_kernels {
    const char *name; /* of the instruction set */
    void (*widen)(size_t n, const uint16_t *src, float *dst);
    void (*narrow)(size_t n, const float *src, uint16_t *dst);

    /* sum += src */
    void (*add)(size_t n, const float *src, float *sum);
    /* sum += (src - mean)^2 */
    void (*add_squares)(size_t n, const float *src, const float *mean, float *sum);
    /* dst = (src - mean) * scale + shift [+ residual, unless NULL] [, negatives set to 0]; NaN stays NaN */
    void (*normalise)(size_t n, const float *src, const float *mean, const float *scale, const float *shift,
                      const float *residual, bool relu, float *dst);
    /* gradient = diff_dst [+ diff_dst_2, unless NULL], 0 where not dst > 0 [unless dst is NULL] */
    void (*gradient)(size_t n, const float *diff_dst, const float *diff_dst_2, const float *dst,
                     float *gradient);
    /* sum += gradient, product += gradient * (src - mean) */
    void (*add_products)(size_t n, const float *gradient, const float *src, const float *mean, float *sum,
                         float *product);
    /* diff_src = by_gradient * gradient + by_src * (src - mean) + constant */
    void (*diff_src)(size_t n, const float *gradient, const float *src, const float *mean,
                     const float *by_gradient, const float *by_src, const float *constant, float *diff_src);
    /* Joins the mean and the sum of squared deviations of n_more values to those of n_before others. */
    void (*join_statistics)(size_t n, double n_before, double n_more, const float *mean, const float *squares,
                            double *all_mean, double *all_squares);
    /* sum += src */
    void (*add_double)(size_t n, const float *src, double *sum);
    /* the sum of a * b, in double; of any length */
    double (*dot)(size_t n, const float *a, const float *b);
    /* sum += src^2 */
    void (*add_square)(size_t n, const float *src, float *sum);

    /* Where src > best, or src is NaN and best is not: best = src and winner = tap. */
    void (*keep_larger)(size_t n, const float *src, uint8_t tap, float *best, uint8_t *winner);
    /* sum += gradient where winner == tap */
    void (*add_won)(size_t n, const float *gradient, const uint8_t *winner, uint8_t tap, float *sum);
} lethe__row_kernels;

extern const lethe__row_kernels lethe__row_kernels_baseline, lethe__row_kernels_avx2,
    lethe__row_kernels_avx512, lethe__row_kernels_avx512bf16;

#endif
