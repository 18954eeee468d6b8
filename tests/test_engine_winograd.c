/* test_engine_winograd.c - how exact Winograd's convolution is with values that do not fit its points
 * exactly. */
#include "operation_cases.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill_block(operation_rig *rig, int block, lethe__dtype dtype, uint32_t stream) {
    size_t n = rig->bytes[block] / lethe__dtype_bytes(dtype);
    lethe__random random = lethe__random_open(7, LETHE__RANDOM_SYNTHETIC, 0, stream);
    for (size_t i = 0; i < n; i++)
        value_set(rig->blocks[block], dtype, i, (float)lethe__random_below(&random, 1 << 20) / (1 << 19) - 1);
}

static void run_case(operation_rig *rig, const operation_case *c, lethe__dtype dtype,
                     const lethe__implementation *by) {
    rig_describe(rig, c, dtype, 1);
    assert_int_equal(rig_create(rig, by), LETHE_OK);
    assert_non_null(rig->operation.implementation);
    fill_block(rig, RIG_SRC, dtype, 1);
    fill_block(rig, RIG_DIFF_DST, dtype, 2);
    fill_block(rig, RIG_PARAMETERS, LETHE__F32, 3);
    rig->operation.weights->version++;
    assert_int_equal(rig_forward(rig, LETHE__MODE_TRAIN), LETHE_OK);
    assert_int_equal(rig_backward(rig, LETHE__MODE_TRAIN), LETHE_OK);
}

static double distance(const operation_rig *a, const operation_rig *b, int block, lethe__dtype dtype) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < a->bytes[block] / lethe__dtype_bytes(dtype); i++) {
        double x = (double)value_get(a->blocks[block], dtype, i),
               y = (double)value_get(b->blocks[block], dtype, i);
        error += (x - y) * (x - y);
        norm += y * y;
    }
    return sqrt(error / norm);
}

/* Two roundings more than the reference has: of sources and filters at the points. */
static void winograd_rounds_its_points(void **state) {
    (void)state;
    static const operation_case cases[] = {
        {"64 channels", LETHE__CONVOLUTION, 3, 8, 8, 64, 64, 3, 1, 1, .bias = false},
        {"an odd number of tiles", LETHE__CONVOLUTION, 1, 5, 5, 64, 32, 3, 1, 1, .bias = false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        operation_rig fast, plain;
        run_case(&fast, &cases[i], LETHE__BF16, &lethe__native_winograd);
        run_case(&plain, &cases[i], LETHE__BF16, &lethe__ref_convolution);
        double dst = distance(&fast, &plain, RIG_DST, LETHE__BF16),
               diff_src = distance(&fast, &plain, RIG_DIFF_SRC, LETHE__BF16),
               weights = distance(&fast, &plain, RIG_GRADIENTS, LETHE__F32);
        print_message("%s: %.2g of dst, %.2g of diff_src, %.2g of diff_weight\n", cases[i].name, dst,
                      diff_src, weights);
        assert_true(dst > 0 && dst < 7e-3);
        assert_true(diff_src > 0 && diff_src < 7e-3);
        assert_true(weights > 0 && weights < 7e-3);
        rig_destroy(&fast);
        rig_destroy(&plain);
    }
}

/* Pixel (y, x) of an image of a rig's src, zero outside. */
static double src_value(const operation_rig *rig, int image, int y, int x, int channel) {
    const lethe__view *src = &rig->operation.src;
    if (y < 0 || y >= src->h || x < 0 || x >= src->w)
        return 0;
    return (double)((const float *)src->data)[((image * src->h + y) * src->w + x) * src->c + channel];
}

/* The definition, in double. */
static double result_value(const operation_rig *rig, int image, int y, int x, int o) {
    const lethe__operation *operation = &rig->operation;
    double sum = 0;
    for (int k = 0; k < operation->src.c; k++)
        for (int u = 0; u < 3; u++)
            for (int v = 0; v < 3; v++)
                sum += src_value(rig, image, y + u - 1, x + v - 1, k) *
                       (double)operation->weight[((o * operation->src.c + k) * 3 + u) * 3 + v];
    return sum;
}

static double error_of(const operation_case *c, const lethe__implementation *by) {
    operation_rig rig;
    run_case(&rig, c, LETHE__F32, by);
    const lethe__view *dst = &rig.operation.dst;
    const float *got = dst->data;
    double error = 0, norm = 0;
    for (int image = 0; image < dst->n; image++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                for (int o = 0; o < dst->c; o++) {
                    double want = result_value(&rig, image, y, x, o), difference = (double)*got++ - want;
                    error += difference * difference;
                    norm += want * want;
                }
    rig_destroy(&rig);
    return sqrt(error / norm);
}

/* What the choice by shape relies on: small tiles lose nothing, large ones little from 128 channels on. */
static void winograd_is_about_as_exact_as_the_direct_sum_in_f32(void **state) {
    (void)state;
    static const operation_case cases[] = {
        {"16 channels", LETHE__CONVOLUTION, 2, 8, 8, 16, 16, 3, 1, 1, .bias = false},
        {"128 channels", LETHE__CONVOLUTION, 1, 8, 8, 128, 128, 3, 1, 1, .bias = false},
        {"256 channels", LETHE__CONVOLUTION, 1, 4, 4, 256, 256, 3, 1, 1, .bias = false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double direct = error_of(&cases[i], &lethe__native_convolution),
               small = error_of(&cases[i], &lethe__native_winograd),
               large = error_of(&cases[i], &lethe__native_winograd_4);
        print_message("%s: %.2g direct, %.2g of small tiles, %.2g of large ones\n", cases[i].name, direct,
                      small, large);
        assert_true(small < direct);
        assert_true(large < (cases[i].c < 128 ? 1e-6 : 1.4 * direct));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winograd_rounds_its_points),
        cmocka_unit_test(winograd_is_about_as_exact_as_the_direct_sum_in_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
