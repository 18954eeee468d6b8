/* test_engine_amx.c - the AMX convolution with its instructions in plain C, on any machine: the arithmetic of
 * a product, the packing, and whole operations against the reference on random shapes. Where the machine has
 * AMX, the instructions themselves are tried on the same shapes. */
#define LETHE__TILE_EMULATED
#include "engine/amx/amx_convolution.h"
#include "engine/amx/tile.h"
#include "operation_cases.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const lethe__amx_kernels *const kernels = &lethe__amx_kernels_emulated;

/* --- tiles --- */

static void a_product_is_its_definition(void **state) {
    (void)state;
    uint16_t a[16][32], b[16][16][2];
    float before[16][16], c[16][16];
    fill_random(a, LETHE__BF16, 16 * 32, 1);
    fill_random(b, LETHE__BF16, 16 * 32, 2);
    fill_random(before, LETHE__F32, 16 * 16, 3);
    lethe__tiles_open();
    TILE_LOAD(2, before);
    TILE_LOAD(5, a);
    TILE_LOAD(7, b);
    TILE_PRODUCT(2, 5, 7);
    TILE_STORE(2, c);
    lethe__tiles_close();
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float sum = before[m][n]; /* exact in any order: fill_random */
            for (int k = 0; k < 32; k++)
                sum += lethe__bf16_to_f32(a[m][k]) * lethe__bf16_to_f32(b[k / 2][n][k % 2]);
            assert_true(c[m][n] == sum);
        }
}

/* --- packing: what every value of a block is, by the definitions of amx_kernels.h --- */

enum { PITCH = 77, MAPS = LETHE__AMX_SIDE * PITCH };

static uint16_t value_or_zero(const lethe__amx_pixel *pixel, int image, int channel) {
    return image < pixel->images && channel < pixel->channels
               ? pixel->data[(size_t)image * pixel->pitch + (size_t)channel]
               : 0;
}

static void check_packing(const lethe__amx_pixel *pixel) {
    _Alignas(64) uint16_t images[LETHE__AMX_BLOCK], pairs[LETHE__AMX_BLOCK], transposed[LETHE__AMX_BLOCK];
    memset(images, 0xff, sizeof images);
    memset(pairs, 0xff, sizeof pairs);
    memset(transposed, 0xff, sizeof transposed);
    kernels->pack_images(pixel, images);
    kernels->pack_pairs(pixel, pairs);
    kernels->pack_transposed(pixel, transposed);
    for (int image = 0; image < LETHE__AMX_SIDE; image++)
        for (int c = 0; c < LETHE__AMX_SIDE; c++) {
            uint16_t value = value_or_zero(pixel, image, c);
            assert_int_equal(images[image * 32 + c], value);
            assert_int_equal(pairs[((c / 16 * 16 + image / 2) * 16 + c % 16) * 2 + image % 2], value);
            assert_int_equal(transposed[c * 32 + image], value);
        }
}

static void blocks_are_packed_as_defined(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 15, 16, 17, 31, 32};
    enum { N = sizeof counts / sizeof counts[0] };
    uint16_t maps[MAPS];
    fill_random(maps, LETHE__BF16, MAPS, 4);
    for (int i = 0; i < N * N; i++)
        check_packing(&(lethe__amx_pixel){maps, PITCH, counts[i / N], counts[i % N]});
}

/* --- operations --- */

static const char *text(const operation_case *c, int threads) {
    static char line[200];
    snprintf(line, sizeof line,
             "%s [%d, %d, %d, %d] to %d channels, kernel %d, stride %d, padding %d, %d threads", c->name,
             c->n, c->h, c->w, c->c, c->channels, c->kernel, c->stride, c->padding, threads);
    return line;
}

static void must(lethe_status status, const operation_case *c, int threads) {
    if (status != LETHE_OK)
        fail_msg("%s: %s", text(c, threads), lethe_last_message());
}

/* The distance of two blocks of `n` values, relative to the second's norm. */
static double distance(const operation_rig *rig, const operation_rig *expected, int block,
                       lethe__dtype dtype) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < rig->bytes[block] / lethe__dtype_bytes(dtype); i++) {
        double b = (double)value_get(expected->blocks[block], dtype, i);
        double difference = (double)value_get(rig->blocks[block], dtype, i) - b;
        error += difference * difference;
        norm += b * b;
    }
    return sqrt(error / norm);
}

static void run(operation_rig *rig, const lethe__implementation *implementation, const operation_case *c,
                int threads) {
    omp_set_num_threads(threads);
    rig_describe(rig, c, LETHE__BF16, threads);
    must(rig_create(rig, implementation), c, threads);
    if (rig->operation.implementation == NULL)
        fail_msg("%s: not supported", text(c, threads));
    for (int step = 0; step < 2; step++) { /* with new weights in the second */
        fill_random(rig->blocks[RIG_PARAMETERS], LETHE__F32, rig->weight_size, 8 + (uint32_t)step);
        rig->weights.version++;
        must(rig_forward(rig, LETHE__MODE_TRAIN), c, threads);
        must(rig_backward(rig, LETHE__MODE_TRAIN), c, threads);
    }
}

/* Tolerances as in test_engine_operations.c. */
static void check(const operation_case *c, const lethe__implementation *implementation) {
    static const int results[] = {RIG_DST, RIG_DIFF_SRC, RIG_GRADIENTS};
    operation_rig expected, one, two;
    run(&expected, &lethe__ref_convolution, c, 1);
    run(&one, implementation, c, 1);
    run(&two, implementation, c, 2);
    for (int i = 0; i < 3; i++) {
        lethe__dtype dtype = results[i] == RIG_GRADIENTS ? LETHE__F32 : LETHE__BF16;
        double error = distance(&one, &expected, results[i], dtype);
        if (!(error <= (results[i] == RIG_GRADIENTS ? 1e-4 : 1.0 / 256)))
            fail_msg("%s: block %d differs by %.3g of its norm", text(c, 1), results[i], error);
        if (memcmp(one.blocks[results[i]], two.blocks[results[i]], one.bytes[results[i]]) != 0)
            fail_msg("%s: block %d is not the same bit for bit as with one", text(c, 2), results[i]);
    }
    rig_destroy(&expected);
    rig_destroy(&one);
    rig_destroy(&two);
}

static operation_case random_case(uint32_t i) {
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_SYNTHETIC, 0, 100 + i);
    operation_case c = {.name = "random", .kind = LETHE__CONVOLUTION};
    c.kernel = lethe__random_below(&random, 4) == 0 ? 1 : 3;
    c.stride = 1 + (int)lethe__random_below(&random, 2);
    c.padding = (int)lethe__random_below(&random, 2);
    c.n = 16 + (int)lethe__random_below(&random, 36);
    c.h = c.kernel + (int)lethe__random_below(&random, 4);
    c.w = c.kernel + (int)lethe__random_below(&random, 4);
    c.c = 32 + (int)lethe__random_below(&random, 40);
    c.channels = 32 + (int)lethe__random_below(&random, 40);
    return c;
}

/* Maps that need several bands, more than one task of outputs, and the smallest of everything. */
static const operation_case cases[] = {
    {"several bands", LETHE__CONVOLUTION, 16, 8, 40, 64, 32, 3, 1, 1, .bias = false},
    {"several bands, stride 2", LETHE__CONVOLUTION, 16, 9, 48, 64, 32, 3, 2, 1, .bias = false},
    {"two tasks of outputs", LETHE__CONVOLUTION, 32, 2, 2, 32, 160, 3, 1, 1, .bias = false},
    {"one pixel", LETHE__CONVOLUTION, 33, 1, 1, 32, 32, 3, 1, 1, .bias = false},
    {"shortcut", LETHE__CONVOLUTION, 32, 6, 6, 32, 64, 1, 2, 0, .bias = false},
};

static void check_all(const lethe__implementation *implementation) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i], implementation);
    for (uint32_t i = 0; i < 16; i++) {
        operation_case c = random_case(i);
        check(&c, implementation);
    }
}

static void emulated_kernels_agree_with_the_reference(void **state) {
    (void)state;
    check_all(&lethe__amx_convolution_emulated);
}

static void instructions_agree_with_the_reference(void **state) {
    (void)state;
    operation_rig rig;
    rig_describe(&rig, &cases[0], LETHE__BF16, 1);
    if (!lethe__amx_convolution.supports(&rig.operation))
        skip();
    check_all(&lethe__amx_convolution);
}

static void other_shapes_are_left_to_others(void **state) {
    (void)state;
    static const operation_case others[] = {
        {"few images", LETHE__CONVOLUTION, 15, 2, 2, 32, 32, 3, 1, 1, .bias = false},
        {"few inputs", LETHE__CONVOLUTION, 16, 2, 2, 16, 32, 3, 1, 1, .bias = false},
        {"few outputs", LETHE__CONVOLUTION, 16, 2, 2, 32, 16, 3, 1, 1, .bias = false},
        {"large filter", LETHE__CONVOLUTION, 16, 5, 5, 32, 32, 5, 1, 1, .bias = false},
        {"large stride", LETHE__CONVOLUTION, 16, 5, 5, 32, 32, 3, 3, 1, .bias = false},
        {"bias", LETHE__CONVOLUTION, 16, 2, 2, 32, 32, 3, 1, 1, .bias = true},
    };
    operation_rig rig;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        rig_describe(&rig, &others[i], LETHE__BF16, 1);
        assert_false(lethe__amx_convolution_emulated.supports(&rig.operation));
    }
    rig_describe(&rig, &cases[0], LETHE__F32, 1);
    assert_false(lethe__amx_convolution_emulated.supports(&rig.operation));
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        operation_rig rig;
        rig_describe(&rig, &cases[2], LETHE__BF16, 1);
        int64_t live = lethe__memory_live_blocks();
        lethe__memory_fail_nth(nth);
        lethe_status status = rig_create(&rig, &lethe__amx_convolution_emulated);
        lethe__memory_fail_nth(0);
        rig_destroy(&rig);
        assert_int_equal(lethe__memory_live_blocks(), live);
        if (status == LETHE_OK)
            return;
        assert_int_equal(status, LETHE_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_its_definition),
        cmocka_unit_test(blocks_are_packed_as_defined),
        cmocka_unit_test(emulated_kernels_agree_with_the_reference),
        cmocka_unit_test(instructions_agree_with_the_reference),
        cmocka_unit_test(other_shapes_are_left_to_others),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
