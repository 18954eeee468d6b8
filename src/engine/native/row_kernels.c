/* row_kernels.c - the loops of row_kernels.h, compiled once for each instruction set.
 *
 * Plain C that the compiler makes vectors of: every loop runs over contiguous values, has no branch that
 * depends on data and no sum across lanes. Choices that hold for a whole row (is there a residual? a ReLU?)
 * are constants of an inlined function, so that each combination becomes a loop of its own.
 *
 * The join of statistics is that of Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise
 * algorithm for computing sample variances": with d = mean_b - mean_a,
 *
 *     mean = mean_a + d n_b / (n_a + n_b)        squares = squares_a + squares_b + d^2 n_a n_b / (n_a + n_b)
 */
#include "engine/native/row_kernels.h"
#include "engine/native/vector.h"
#include "engine/operation.h"

static void widen(size_t n, const uint16_t *restrict src, float *restrict dst) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dst + i, load_bf16(src + i));
    for (; i < n; i++)
        dst[i] = lethe__bf16_to_f32(src[i]);
}

static void narrow(size_t n, const float *restrict src, uint16_t *restrict dst) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store_bf16(dst + i, load(src + i));
    for (; i < n; i++)
        dst[i] = lethe__f32_to_bf16(src[i]);
}

static void add(size_t n, const float *restrict src, float *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += src[i];
}

static void add_squares(size_t n, const float *restrict src, const float *restrict mean,
                        float *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += (src[i] - mean[i]) * (src[i] - mean[i]);
}

/* dst may be src, which `restrict` would rule out: no value is read after another's is written. */
INLINE void normalise_as(size_t n, const float *src, const float *restrict mean, const float *restrict scale,
                         const float *restrict shift, const float *restrict residual, const bool relu,
                         float *dst) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float value = (src[i] - mean[i]) * scale[i] + shift[i];
        if (residual != NULL)
            value += residual[i];
        dst[i] = relu && value < 0 ? 0 : value;
    }
}

static void normalise(size_t n, const float *src, const float *mean, const float *scale, const float *shift,
                      const float *residual, bool relu, float *dst) {
    if (residual != NULL && relu)
        normalise_as(n, src, mean, scale, shift, residual, true, dst);
    else if (residual != NULL)
        normalise_as(n, src, mean, scale, shift, residual, false, dst);
    else if (relu)
        normalise_as(n, src, mean, scale, shift, NULL, true, dst);
    else
        normalise_as(n, src, mean, scale, shift, NULL, false, dst);
}

INLINE void gradient_as(size_t n, const float *restrict diff_dst, const float *restrict diff_dst_2,
                        const float *restrict dst, float *restrict result) {
    for (size_t i = 0; i < n; i++) {
        float value = diff_dst[i];
        if (diff_dst_2 != NULL)
            value += diff_dst_2[i];
        if (dst != NULL)
            value = dst[i] > 0 ? value : 0;
        result[i] = value;
    }
}

static void gradient(size_t n, const float *diff_dst, const float *diff_dst_2, const float *dst,
                     float *result) {
    if (diff_dst_2 != NULL && dst != NULL)
        gradient_as(n, diff_dst, diff_dst_2, dst, result);
    else if (diff_dst_2 != NULL)
        gradient_as(n, diff_dst, diff_dst_2, NULL, result);
    else
        gradient_as(n, diff_dst, NULL, dst, result);
}

static void add_products(size_t n, const float *restrict gradient_row, const float *restrict src,
                         const float *restrict mean, float *restrict sum, float *restrict product) {
    for (size_t i = 0; i < n; i++) {
        sum[i] += gradient_row[i];
        product[i] += gradient_row[i] * (src[i] - mean[i]);
    }
}

static void diff_src(size_t n, const float *restrict gradient_row, const float *restrict src,
                     const float *restrict mean, const float *restrict by_gradient,
                     const float *restrict by_src, const float *restrict constant, float *restrict result) {
    for (size_t i = 0; i < n; i++)
        result[i] = by_gradient[i] * gradient_row[i] + (by_src[i] * (src[i] - mean[i]) + constant[i]);
}

static void join_statistics(size_t n, double n_before, double n_more, const float *restrict mean,
                            const float *restrict squares, double *restrict all_mean,
                            double *restrict all_squares) {
    double share = n_more / (n_before + n_more), cross = n_before * share;
    for (size_t i = 0; i < n; i++) {
        double difference = (double)mean[i] - all_mean[i];
        all_mean[i] += difference * share;
        all_squares[i] += (double)squares[i] + difference * difference * cross;
    }
}

static void add_double(size_t n, const float *restrict src, double *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += (double)src[i];
}

static void keep_larger(size_t n, const float *restrict src, uint8_t tap, float *restrict best,
                        uint8_t *restrict winner) {
    for (size_t i = 0; i < n; i++) {
        bool larger = (src[i] > best[i]) | ((src[i] != src[i]) & (best[i] == best[i]));
        best[i] = larger ? src[i] : best[i];
        winner[i] = larger ? tap : winner[i];
    }
}

static void add_won(size_t n, const float *restrict gradient_row, const uint8_t *restrict winner, uint8_t tap,
                    float *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += winner[i] == tap ? gradient_row[i] : 0;
}

static double dot(size_t n, const float *restrict a, const float *restrict b) {
    enum { SUMS = 16 }; /* independent of each other, so that they fill vectors */
    double sums[SUMS] = {0}, sum = 0;
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (size_t k = 0; k < SUMS; k++)
            sums[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    for (size_t k = 0; k < SUMS; k++)
        sum += sums[k];
    return sum;
}

static void add_square(size_t n, const float *restrict src, float *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += src[i] * src[i];
}

#define JOIN_(prefix, isa) prefix##isa
#define JOIN(prefix, isa) JOIN_(prefix, isa)
#define TEXT_(isa) #isa
#define TEXT(isa) TEXT_(isa)

const lethe__row_kernels JOIN(lethe__row_kernels_, LETHE__ISA) = {
    .name = TEXT(LETHE__ISA),
    .widen = widen,
    .narrow = narrow,
    .add = add,
    .add_squares = add_squares,
    .normalise = normalise,
    .gradient = gradient,
    .add_products = add_products,
    .diff_src = diff_src,
    .join_statistics = join_statistics,
    .add_double = add_double,
    .dot = dot,
    .add_square = add_square,
    .keep_larger = keep_larger,
    .add_won = add_won,
};
