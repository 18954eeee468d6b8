/* test_engine_pairs.c - bf16 values multiplied in pairs: the tiles of every instruction set that runs here.
 */
#include "engine/native/convolution_kernels.h"
#include "engine/native/native.h"
#include "operation_cases.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const lethe__convolution_kernels *const sets[] = {
    [LETHE__BASELINE] = &lethe__convolution_kernels_baseline,
    [LETHE__AVX2] = &lethe__convolution_kernels_avx2,
    [LETHE__AVX512] = &lethe__convolution_kernels_avx512,
    [LETHE__AVX512BF16] = &lethe__convolution_kernels_avx512bf16};

enum { PIXELS = 29, RUN = 10, ROWS = 3, LANES_MOST = 32, SOURCES = (PIXELS + RUN) * ROWS };

/* Uniform in [-1, 1), rounded to bf16. */
static void fill_bf16(uint16_t *values, size_t n, uint32_t stream) {
    lethe__random random = lethe__random_open(7, LETHE__RANDOM_SYNTHETIC, 0, stream);
    for (size_t i = 0; i < n; i++)
        values[i] = lethe__f32_to_bf16((float)lethe__random_below(&random, 1 << 20) / (1 << 19) - 1);
}

static double pair_product(const uint16_t *a, const uint16_t *b) {
    return (double)lethe__bf16_to_f32(a[0]) * (double)lethe__bf16_to_f32(b[0]) +
           (double)lethe__bf16_to_f32(a[1]) * (double)lethe__bf16_to_f32(b[1]);
}

static void check_tiles(const lethe__convolution_kernels *kernels, int vectors, bool narrow) {
    static uint16_t src[SOURCES][2], weights[ROWS * RUN][LANES_MOST][2];
    int offsets[PIXELS], dst_offsets[PIXELS];
    size_t channels = (size_t)vectors * kernels->lanes;
    float dst[PIXELS * LANES_MOST];
    fill_bf16(src[0], 2 * SOURCES, 1);
    fill_bf16(weights[0][0], (size_t)2 * ROWS * RUN * channels, 2); /* packed: [row][run][channels] */
    for (int i = 0; i < PIXELS; i++) {
        offsets[i] = i;
        dst_offsets[i] = i * (int)channels;
    }
    lethe__tile_task task = {.src = src,
                             .weights = weights,
                             .dst = dst,
                             .narrow = narrow,
                             .src_offsets = offsets,
                             .dst_offsets = dst_offsets,
                             .n_pixels = PIXELS,
                             .n_rows = ROWS,
                             .row_pitch = PIXELS + RUN,
                             .run = RUN,
                             .vectors = vectors};
    kernels->pair_tiles(&task);
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t o = 0; o < channels; o++) {
            double want = 0;
            for (size_t k = 0; k < ROWS * RUN; k++)
                want += pair_product(src[i + k / RUN * (PIXELS + RUN) + k % RUN],
                                     weights[0][0] + 2 * (k * channels + o));
            double got = (double)(narrow ? lethe__bf16_to_f32(((uint16_t *)dst)[i * channels + o])
                                         : dst[i * channels + o]);
            assert_true(fabs(got - want) <= (narrow ? 0.004 * fabs(want) : 0) + 1e-5);
        }
}

static void check_gradient(const lethe__convolution_kernels *kernels, int vectors) {
    static uint16_t src[SOURCES][2], diff_dst[PIXELS][LANES_MOST][2];
    size_t channels = (size_t)vectors * kernels->lanes;
    float sums[RUN * LANES_MOST] = {0};
    fill_bf16(src[0], 2 * SOURCES, 3);
    fill_bf16(diff_dst[0][0], (size_t)2 * PIXELS * channels, 4);
    lethe__gradient_task task = {.src = src,
                                 .diff_dst = diff_dst,
                                 .diff_weights = sums,
                                 .images = 1,
                                 .height = 1,
                                 .width = PIXELS,
                                 .src_step = 2,
                                 .run = RUN,
                                 .vectors = vectors};
    kernels->pair_gradient(&task);
    for (size_t k = 0; k < RUN; k++)
        for (size_t o = 0; o < channels; o++) {
            double want = 0;
            for (size_t i = 0; i < PIXELS; i++)
                want += pair_product(src[2 * i + k], diff_dst[0][0] + 2 * (i * channels + o));
            assert_true(fabs((double)sums[k * channels + o] - want) <= 1e-5);
        }
}

static void both_values_of_a_pair_are_multiplied(void **state) {
    (void)state;
    for (int s = LETHE__BASELINE; s <= (int)lethe__isa_choose(); s++)
        for (int vectors = 1; vectors <= 2; vectors++) {
            check_tiles(sets[s], vectors, false);
            check_tiles(sets[s], vectors, true);
            check_gradient(sets[s], vectors);
        }
}

static void a_pair_has_a_first_and_a_second(void **state) {
    (void)state;
    uint16_t first[2][3] = {{1, 2, 3}, {4, 5, 6}}, second[2][3] = {{7, 8, 9}, {10, 11, 12}};
    for (int s = LETHE__BASELINE; s <= (int)lethe__isa_choose(); s++) {
        uint32_t words[4] = {0};
        lethe__pairing pairing = {first[0], second[0], 2, 2, 3, words};
        sets[s]->pair(&pairing);
        const uint32_t want[4] = {1 | 7 << 16, 2 | 8 << 16, 4 | 10 << 16, 5 | 11 << 16};
        assert_memory_equal(words, want, sizeof want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_values_of_a_pair_are_multiplied),
        cmocka_unit_test(a_pair_has_a_first_and_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
