/* test_engine_row_kernels.c - the row kernels of every instruction set that this machine has, against the
 * formulas of row_kernels.h one value at a time. test_engine_operations sees the best set only; this sees the
 * others too. */
#include "engine/native/convolution_kernels.h"
#include "engine/native/native.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 515, N_ROWS = 6 };

static const size_t lengths[] = {0, 1, 7, 16, 33, 512, MOST};
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

/* Values in [-2, 2], another row for each `which`; no two rows are equal. */
static void fill(float row[MOST], unsigned which) {
    uint32_t bits = 12345u + 977u * which;
    for (size_t i = 0; i < MOST; i++) {
        bits = bits * 1664525u + 1013904223u;
        row[i] = (float)(bits >> 8) / (float)(1 << 22) - 2;
    }
}

static void assert_near(double got, double want) {
    assert_true(fabs(got - want) <= 1e-6 * (1 + fabs(want)));
}

static void for_all(void (*check)(const lethe__row_kernels *kernels, size_t n)) {
    static const lethe__row_kernels *const sets[] = {[LETHE__BASELINE] = &lethe__row_kernels_baseline,
                                                     [LETHE__AVX2] = &lethe__row_kernels_avx2,
                                                     [LETHE__AVX512] = &lethe__row_kernels_avx512,
                                                     [LETHE__AVX512BF16] = &lethe__row_kernels_avx512bf16};
    for (int s = LETHE__BASELINE; s <= (int)lethe__isa_choose(); s++)
        for (size_t l = 0; l < N_LENGTHS; l++)
            check(sets[s], lengths[l]);
}

static void check_bf16(const lethe__row_kernels *kernels, size_t n) {
    static const float special[] = {0,      -0.0f,       INFINITY,   -INFINITY, NAN, 3.3961776e38f,
                                    1e-45f, 1.00390625f, 1.01171875f};
    float values[MOST], wide[MOST];
    uint16_t narrow[MOST];
    fill(values, 0);
    memcpy(values, special, sizeof special);
    kernels->narrow(n, values, narrow);
    kernels->widen(n, narrow, wide);
    for (size_t i = 0; i < n; i++) {
        float want = lethe__bf16_to_f32(lethe__f32_to_bf16(values[i]));
        assert_int_equal(narrow[i], lethe__f32_to_bf16(values[i]));
        assert_memory_equal(&wide[i], &want, sizeof want);
    }
}

static void bf16_is_converted_as_one_by_one(void **state) {
    (void)state;
    for_all(check_bf16);
}

static void check_normalise(const lethe__row_kernels *kernels, size_t n) {
    float rows[N_ROWS][MOST], dst[MOST], in_place[MOST];
    for (unsigned i = 0; i < N_ROWS; i++)
        fill(rows[i], i);
    for (int variant = 0; variant < 4; variant++) {
        bool residual = variant & 1, relu = variant & 2;
        rows[0][0] = relu ? NAN : 1;
        kernels->normalise(n, rows[0], rows[1], rows[2], rows[3], residual ? rows[4] : NULL, relu, dst);
        for (size_t i = 0; i < n; i++) {
            double want = ((double)rows[0][i] - (double)rows[1][i]) * (double)rows[2][i] +
                          (double)rows[3][i] + (residual ? (double)rows[4][i] : 0);
            if (isnan(want))
                assert_true(isnan(dst[i]));
            else
                assert_near((double)dst[i], relu && want < 0 ? 0 : want);
        }
        memcpy(in_place, rows[0], sizeof in_place);
        kernels->normalise(n, in_place, rows[1], rows[2], rows[3], residual ? rows[4] : NULL, relu, in_place);
        assert_memory_equal(in_place, dst, n * sizeof *dst);
    }
}

static void normalise_follows_its_formula(void **state) {
    (void)state;
    for_all(check_normalise);
}

static void check_backward(const lethe__row_kernels *kernels, size_t n) {
    float rows[N_ROWS][MOST], got[MOST], sum[MOST], product[MOST];
    for (unsigned i = 0; i < N_ROWS; i++)
        fill(rows[i], i);
    rows[2][0] = 0; /* dst of exactly 0 lets nothing through */
    for (int variant = 0; variant < 4; variant++) {
        bool second = variant & 1, masked = variant & 2;
        kernels->gradient(n, rows[0], second ? rows[1] : NULL, masked ? rows[2] : NULL, got);
        for (size_t i = 0; i < n; i++) {
            double want = (double)rows[0][i] + (second ? (double)rows[1][i] : 0);
            assert_near((double)got[i], masked && !(rows[2][i] > 0) ? 0 : want);
        }
    }
    memcpy(sum, rows[3], sizeof sum);
    memcpy(product, rows[4], sizeof product);
    kernels->add_products(n, rows[0], rows[1], rows[2], sum, product);
    kernels->diff_src(n, rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], got);
    for (size_t i = 0; i < n; i++) {
        double g = (double)rows[0][i], centred = (double)rows[1][i] - (double)rows[2][i];
        assert_near((double)sum[i], (double)rows[3][i] + g);
        assert_near((double)product[i], (double)rows[4][i] + g * centred);
        assert_near((double)got[i],
                    (double)rows[3][i] * g + (double)rows[4][i] * centred + (double)rows[5][i]);
    }
}

static void backward_follows_its_formulas(void **state) {
    (void)state;
    for_all(check_backward);
}

static void check_sums(const lethe__row_kernels *kernels, size_t n) {
    float rows[N_ROWS][MOST], sum[MOST], squares[MOST];
    double wide[MOST], mean[MOST], deviations[MOST];
    for (unsigned i = 0; i < N_ROWS; i++)
        fill(rows[i], i);
    for (size_t i = 0; i < MOST; i++) {
        wide[i] = mean[i] = (double)rows[2][i];
        deviations[i] = 1;
    }
    memcpy(sum, rows[2], sizeof sum);
    memcpy(squares, rows[3], sizeof squares);
    kernels->add(n, rows[0], sum);
    kernels->add_squares(n, rows[0], rows[1], squares);
    kernels->add_double(n, rows[0], wide);
    kernels->join_statistics(n, 3, 5, rows[0], rows[1], mean, deviations);
    double product = 0;
    for (size_t i = 0; i < n; i++)
        product += (double)rows[0][i] * (double)rows[1][i];
    assert_near(kernels->dot(n, rows[0], rows[1]), product);
    float added[MOST];
    memcpy(added, rows[4], sizeof added);
    kernels->add_square(n, rows[0], added);
    for (size_t i = 0; i < n; i++)
        assert_near((double)added[i], (double)rows[4][i] + (double)rows[0][i] * (double)rows[0][i]);
    for (size_t i = 0; i < n; i++) {
        double x = (double)rows[0][i], centred = x - (double)rows[1][i], before = (double)rows[2][i];
        assert_near((double)sum[i], before + x);
        assert_near((double)squares[i], (double)rows[3][i] + centred * centred);
        assert_near(wide[i], before + x);
        assert_near(mean[i], (3 * before + 5 * x) / 8);
        assert_near(deviations[i], 1 + (double)rows[1][i] + (x - before) * (x - before) * 15 / 8);
    }
}

static void sums_follow_their_formulas(void **state) {
    (void)state;
    for_all(check_sums);
}

static void check_maxima(const lethe__row_kernels *kernels, size_t n) {
    float src[MOST], best[MOST], won[MOST], old[MOST];
    uint8_t winner[MOST];
    fill(src, 0);
    fill(best, 1);
    src[0] = best[0];       /* the first of equals stays */
    src[1] = best[2] = NAN; /* NaN beats all and is not beaten */
    memset(winner, 3, sizeof winner);
    memcpy(old, best, sizeof old);
    memset(won, 0, sizeof won);
    kernels->keep_larger(n, src, 7, best, winner);
    kernels->add_won(n, src, winner, 7, won);
    for (size_t i = 0; i < n; i++) {
        bool larger = i == 1 || src[i] > old[i];
        assert_int_equal(winner[i], larger ? 7 : 3);
        assert_memory_equal(&best[i], larger ? &src[i] : &old[i], sizeof best[i]);
        if (i != 1)
            assert_true(won[i] == (larger ? src[i] : 0));
    }
}

static void maxima_remember_their_tap(void **state) {
    (void)state;
    for_all(check_maxima);
}

/* Kernels that multiply and add in two steps are half as fast, which no comparison of results sees but this:
 * (1 + e)^2 - (1 + 2e) = e^2 in one step, 0 where the product is rounded. */
static const float e = 1.0f / 4096, product = -(1 + 2.0f / 4096);

static void check_fused_rows(const lethe__row_kernels *kernels, size_t n) {
    float src[MOST] = {0}, mean[MOST] = {0}, sum[MOST];
    if (kernels == &lethe__row_kernels_baseline)
        return;
    for (size_t i = 0; i < n; i++) {
        src[i] = 1 + e;
        sum[i] = product;
    }
    kernels->add_squares(n, src, mean, sum);
    for (size_t i = 0; i < n / 16 * 16; i++)
        assert_true(sum[i] == e * e);
}

static void multiply_and_add_are_one_step(void **state) {
    (void)state;
    static const lethe__convolution_kernels *const sets[] = {&lethe__convolution_kernels_avx2,
                                                             &lethe__convolution_kernels_avx512,
                                                             &lethe__convolution_kernels_avx512bf16};
    for_all(check_fused_rows);
    for (int s = LETHE__AVX2; s <= (int)lethe__isa_choose(); s++) {
        float src[2] = {product, 1 + e}, weights[2][16], dst[16];
        const int offset = 0;
        for (size_t i = 0; i < 16; i++) {
            weights[0][i] = 1;
            weights[1][i] = 1 + e;
        }
        size_t lanes = sets[s - 1]->lanes;
        lethe__tile_task task = {.src = src,
                                 .weights = &weights[0][0],
                                 .dst = dst,
                                 .src_offsets = &offset,
                                 .dst_offsets = &offset,
                                 .n_pixels = 1,
                                 .n_rows = 1,
                                 .run = 2,
                                 .vectors = 16 / (int)lanes};
        sets[s - 1]->tiles(&task);
        for (size_t i = 0; i < 16; i++)
            assert_true(dst[i] == e * e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_converted_as_one_by_one), cmocka_unit_test(normalise_follows_its_formula),
        cmocka_unit_test(backward_follows_its_formulas),   cmocka_unit_test(sums_follow_their_formulas),
        cmocka_unit_test(maxima_remember_their_tap),       cmocka_unit_test(multiply_and_add_are_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
