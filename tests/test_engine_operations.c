/* test_engine_operations.c - every implementation of every operation against the reference, on the list of
 * operation_cases.h, in both types, with one and two threads, with batch and with running statistics; and the
 * reference's gradients against finite differences of its forward pass. */
#include "operation_cases.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const lethe__mode modes[] = {LETHE__MODE_TRAIN, LETHE__MODE_GRADIENT};
static const lethe__dtype dtypes[] = {LETHE__F32, LETHE__BF16};

/* --- one way of running one case --- */

typedef struct setting {
    const operation_case *c;
    const lethe__implementation *implementation;
    lethe__dtype dtype;
    int threads;
    lethe__mode mode;
} setting;

static const char *text(const setting *s) {
    static char line[200];
    snprintf(line, sizeof line, "%s: %s, %s, %d threads, %s statistics", s->c->name, s->implementation->name,
             s->dtype == LETHE__F32 ? "f32" : "bf16", s->threads,
             s->mode == LETHE__MODE_TRAIN ? "batch" : "running");
    return line;
}

static const lethe__implementation *reference(lethe__op_kind kind) {
    const lethe__implementation *const *each = lethe__implementations(kind);
    while (each[1] != NULL)
        each++;
    return *each;
}

static void must(lethe_status status, const setting *s) {
    if (status != LETHE_OK)
        fail_msg("%s: %s", text(s), lethe_last_message());
}

/* A rig ready to run; false where the implementation does not support the case on this machine. */
static bool open_rig(operation_rig *rig, const setting *s) {
    omp_set_num_threads(s->threads);
    rig_describe(rig, s->c, s->dtype, s->threads);
    must(rig_create(rig, s->implementation), s);
    if (rig->operation.implementation != NULL)
        return true;
    rig_destroy(rig);
    return false;
}

static void run_rig(operation_rig *rig, const setting *s) {
    must(rig_forward(rig, s->mode), s);
    if (s->c->kind != LETHE__NORMALISE)
        must(rig_backward(rig, s->mode), s);
}

/* Whether a setting occurs: the head is always f32, and the reference has one thread. */
static bool occurs(const setting *s) {
    return !(s->c->kind == LETHE__LINEAR && s->dtype == LETHE__BF16) &&
           !(s->implementation == reference(s->c->kind) && s->threads > 1);
}

/* Calls `check` for every supported setting of every implementation. */
static void for_each_setting(void (*check)(operation_rig *rig, const setting *s)) {
    for (int i = 0; i < N_OPERATION_CASES; i++)
        for (const lethe__implementation *const *each = lethe__implementations(operation_cases[i].kind);
             *each != NULL; each++)
            for (int k = 0; k < 8; k++) {
                setting s = {&operation_cases[i], *each, dtypes[k & 1], 1 + (k >> 1 & 1), modes[k >> 2]};
                operation_rig rig;
                if (!occurs(&s) || !open_rig(&rig, &s))
                    continue;
                check(&rig, &s);
                rig_destroy(&rig);
            }
}

/* --- comparing --- */

static lethe__dtype block_dtype(const operation_rig *rig, int block) {
    switch (block) {
    case RIG_SRC:
    case RIG_RESIDUAL:
    case RIG_DIFF_SRC:
    case RIG_DIFF_RESIDUAL:
        return rig->operation.src.dtype;
    case RIG_DST:
        return rig->operation.dst.dtype;
    default:
        return LETHE__F32;
    }
}

static size_t block_size(const operation_rig *rig, int block) {
    return rig->bytes[block] / lethe__dtype_bytes(block_dtype(rig, block));
}

/* |a - b| <= tolerance |b| in the Euclidean norm; a NaN anywhere fails. Values a .. a+n of a block. */
static void assert_close(const operation_rig *rig, const operation_rig *expected, int block, size_t first,
                         size_t n, double tolerance, const char *what, const setting *s) {
    lethe__dtype dtype = block_dtype(rig, block), expected_dtype = block_dtype(expected, block);
    double error = 0, norm = 0, worst = -1;
    size_t worst_at = 0;
    for (size_t i = first; i < first + n; i++) {
        double b = (double)value_get(expected->blocks[block], expected_dtype, i);
        double difference = fabs((double)value_get(rig->blocks[block], dtype, i) - b);
        error += difference * difference;
        norm += b * b;
        if (!(difference <= worst)) {
            worst = difference;
            worst_at = i;
        }
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm)))
        fail_msg("%s: %s differs by %.3g of its norm; most at %zu of %zu: %.9g, should be %.9g", text(s),
                 what, sqrt(error / norm), worst_at, first + n,
                 (double)value_get(rig->blocks[block], dtype, worst_at),
                 (double)value_get(expected->blocks[block], expected_dtype, worst_at));
}

/* Everything that forward and backward write. `stored` is the tolerance of activations and their gradients,
 * `summed` that of f32 sums over them. */
static void assert_same_results(const operation_rig *rig, const operation_rig *expected, double stored,
                                double summed, const setting *s) {
    const lethe__operation *operation = &rig->operation;
    assert_close(rig, expected, RIG_DST, 0, block_size(rig, RIG_DST), stored, "dst", s);
    if (operation->running_mean != NULL) {
        size_t channels = (size_t)operation->src.c;
        assert_close(rig, expected, RIG_BUFFERS, 0, channels, summed, "running_mean", s);
        assert_close(rig, expected, RIG_BUFFERS, channels, channels, summed, "running_var", s);
    }
    if (operation->diff_src != NULL)
        assert_close(rig, expected, RIG_DIFF_SRC, 0, block_size(rig, RIG_DIFF_SRC), stored, "diff_src", s);
    if (operation->diff_residual != NULL)
        assert_close(rig, expected, RIG_DIFF_RESIDUAL, 0, block_size(rig, RIG_DIFF_RESIDUAL), stored,
                     "diff_residual", s);
    assert_close(rig, expected, RIG_GRADIENTS, 0, rig->weight_size, summed, "diff_weight", s);
    assert_close(rig, expected, RIG_GRADIENTS, rig->weight_size, rig->bias_size, summed, "diff_bias", s);
}

/* Half a unit in the last place of bf16 is 2^-9: two correct roundings may lie twice that apart. */
static double stored_tolerance(lethe__dtype dtype) {
    return dtype == LETHE__F32 ? 1e-5 : 1.0 / 256;
}
static double summed_tolerance(lethe__dtype dtype) {
    return dtype == LETHE__F32 ? 1e-5 : 1e-4;
}

/* --- the checks --- */

static void check_against_reference(operation_rig *rig, const setting *s) {
    static const int inputs[] = {RIG_PARAMETERS, RIG_SRC, RIG_RESIDUAL, RIG_DIFF_DST};
    setting oracle = {s->c, reference(s->c->kind), s->dtype, 1, s->mode};
    operation_rig expected;
    assert_true(open_rig(&expected, &oracle));
    run_rig(&expected, &oracle);
    run_rig(rig, s);
    assert_same_results(rig, &expected, stored_tolerance(s->dtype), summed_tolerance(s->dtype), s);
    rig_fill(&expected);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        assert_memory_equal(rig->blocks[inputs[i]], expected.blocks[inputs[i]], rig->bytes[inputs[i]]);
    if (s->mode == LETHE__MODE_GRADIENT)
        assert_memory_equal(rig->blocks[RIG_BUFFERS], expected.blocks[RIG_BUFFERS], rig->bytes[RIG_BUFFERS]);
    rig_destroy(&expected);
}

static void implementations_agree_with_the_reference(void **state) {
    (void)state;
    for_each_setting(check_against_reference);
}

/* In bf16 the reference reads the same numbers (they are exact in both types) and differs by rounding only.
 */
static void check_bf16_reference(operation_rig *rig, const setting *s) {
    if (s->dtype == LETHE__F32 || s->implementation != reference(s->c->kind))
        return;
    setting exact = {s->c, s->implementation, LETHE__F32, 1, s->mode};
    operation_rig expected;
    assert_true(open_rig(&expected, &exact));
    run_rig(&expected, &exact);
    run_rig(rig, s);
    assert_same_results(rig, &expected, stored_tolerance(LETHE__BF16), summed_tolerance(LETHE__BF16), s);
    rig_destroy(&expected);
}

static void reference_in_bf16_follows_f32(void **state) {
    (void)state;
    for_each_setting(check_bf16_reference);
}

static void check_repeats(operation_rig *rig, const setting *s) {
    if (s->mode != LETHE__MODE_TRAIN)
        return;
    static const int results[] = {RIG_DST, RIG_BUFFERS, RIG_DIFF_SRC, RIG_DIFF_RESIDUAL, RIG_GRADIENTS};
    operation_rig again;
    setting other = *s; /* our own kernels promise the same bits for any number of threads */
    const char *name = s->implementation->name;
    if (strcmp(name, "native") == 0 || strcmp(name, "winograd") == 0 || strcmp(name, "winograd4") == 0 ||
        strcmp(name, "amx") == 0)
        other.threads = 3 - s->threads;
    assert_true(open_rig(&again, &other));
    run_rig(rig, s);
    run_rig(&again, s);
    rig_fill(&again); /* the running statistics are back where they were */
    run_rig(&again, s);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (memcmp(rig->blocks[results[i]], again.blocks[results[i]], rig->bytes[results[i]]) != 0)
            fail_msg("%s: repeated, block %d is not the same bit for bit", text(s), results[i]);
    rig_destroy(&again);
}

static void results_repeat_bit_for_bit(void **state) {
    (void)state;
    for_each_setting(check_repeats);
}

static void check_second_gradient(operation_rig *rig, const setting *s) {
    if (s->c->kind != LETHE__BATCHNORM)
        return;
    operation_rig expected;
    assert_true(open_rig(&expected, s));
    lethe__dtype dtype = s->dtype;
    for (size_t i = 0; i < view_size(&rig->operation.dst); i++)
        value_set(expected.blocks[RIG_DIFF_DST], dtype, i,
                  value_get(rig->blocks[RIG_DIFF_DST], dtype, i) +
                      value_get(rig->blocks[RIG_DIFF_DST_2], dtype, i));
    rig->operation.diff_dst_2 = rig->blocks[RIG_DIFF_DST_2];
    run_rig(&expected, s);
    run_rig(rig, s);
    assert_same_results(rig, &expected, stored_tolerance(dtype), summed_tolerance(dtype), s);
    rig_destroy(&expected);
}

static void second_gradient_is_added(void **state) {
    (void)state;
    for_each_setting(check_second_gradient);
}

/* Behind the network's input nobody asks for diff_src or diff_residual. */
static void check_parameters_only(operation_rig *expected, const setting *s) {
    operation_rig rig;
    rig_describe(&rig, s->c, s->dtype, s->threads);
    rig.operation.wants_diff_src = false;
    must(rig_create(&rig, s->implementation), s);
    if (rig.operation.implementation != NULL) {
        run_rig(expected, s);
        run_rig(&rig, s);
        assert_same_results(&rig, expected, stored_tolerance(s->dtype), summed_tolerance(s->dtype), s);
    }
    rig_destroy(&rig);
}

static void parameter_gradients_do_not_need_diff_src(void **state) {
    (void)state;
    for_each_setting(check_parameters_only);
}

static void check_prediction(operation_rig *expected, const setting *s) {
    if (s->mode == LETHE__MODE_TRAIN)
        return;
    operation_rig rig;
    rig_describe(&rig, s->c, s->dtype, s->threads);
    rig.operation.with_gradients = rig.operation.wants_diff_src = false;
    must(rig_create(&rig, s->implementation), s);
    if (rig.operation.implementation != NULL) {
        must(rig_forward(expected, LETHE__MODE_GRADIENT), s);
        must(rig_forward(&rig, LETHE__MODE_PREDICT), s);
        assert_close(&rig, expected, RIG_DST, 0, block_size(&rig, RIG_DST), stored_tolerance(s->dtype), "dst",
                     s);
    }
    rig_destroy(&rig);
}

static void prediction_is_the_forward_pass_with_running_statistics(void **state) {
    (void)state;
    for_each_setting(check_prediction);
}

static void check_new_weights(operation_rig *rig, const setting *s) {
    setting oracle = {s->c, reference(s->c->kind), s->dtype, 1, s->mode};
    operation_rig expected;
    assert_true(open_rig(&expected, &oracle));
    run_rig(rig, s);
    rig_fill(rig);
    operation_rig *const both[] = {rig, &expected};
    for (int k = 0; k < 2; k++) {
        fill_random(both[k]->blocks[RIG_PARAMETERS], LETHE__F32, both[k]->weight_size + both[k]->bias_size,
                    7);
        both[k]->weights.version++;
    }
    run_rig(&expected, &oracle);
    run_rig(rig, s);
    assert_same_results(rig, &expected, stored_tolerance(s->dtype), summed_tolerance(s->dtype), s);
    rig_destroy(&expected);
}

static void changed_weights_are_noticed(void **state) {
    (void)state;
    for_each_setting(check_new_weights);
}

static void check_allocation_failures(operation_rig *rig, const setting *s) {
    (void)rig;
    for (uint64_t nth = 1; s->mode == LETHE__MODE_TRAIN; nth++) {
        operation_rig fragile;
        rig_describe(&fragile, s->c, s->dtype, s->threads);
        int64_t live = lethe__memory_live_blocks();
        lethe__memory_fail_nth(nth);
        lethe_status status = rig_create(&fragile, s->implementation);
        lethe__memory_fail_nth(0);
        rig_destroy(&fragile);
        assert_int_equal(lethe__memory_live_blocks(), live);
        if (status == LETHE_OK)
            return;
        assert_int_equal(status, LETHE_MEMORY);
    }
}

/* A diverged network must not look healthy behind a ReLU or a maximum. */
static void not_a_number_stays_so(void **state) {
    (void)state;
    static const operation_case cases[] = {
        {"relu", LETHE__BATCHNORM, 2, 3, 3, 16, .relu = true},
        {"residual relu", LETHE__BATCHNORM, 2, 3, 3, 16, .residual = true, .relu = true},
        {"maximum", LETHE__MAX_POOL, 2, 3, 3, 16, .kernel = 3, .stride = 3}};
    for (int k = 0; k < 6; k++)
        for (const lethe__implementation *const *each = lethe__implementations(cases[k / 2].kind);
             *each != NULL; each++) {
            setting s = {&cases[k / 2], *each, dtypes[k % 2], 1, LETHE__MODE_GRADIENT};
            operation_rig rig;
            if (!open_rig(&rig, &s))
                continue;
            value_set(rig.blocks[RIG_SRC], s.dtype, 5, NAN); /* channel 5 of the first pixel */
            must(rig_forward(&rig, s.mode), &s);
            for (size_t i = 0; i < view_size(&rig.operation.dst); i++)
                if ((isnan(value_get(rig.blocks[RIG_DST], s.dtype, i)) != 0) != (i == 5))
                    fail_msg("%s: value %zu", text(&s), i);
            rig_destroy(&rig);
        }
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    for_each_setting(check_allocation_failures);
}

static void training_batchnorm_on_one_value_is_refused(void **state) {
    (void)state;
    static const operation_case lonely = {"one value", LETHE__BATCHNORM, 1, 1, 1, 16, .relu = true};
    for (const lethe__implementation *const *each = lethe__implementations(LETHE__BATCHNORM); *each != NULL;
         each++) {
        setting s = {&lonely, *each, LETHE__F32, 1, LETHE__MODE_TRAIN};
        operation_rig rig;
        if (!open_rig(&rig, &s))
            continue;
        assert_int_equal(rig_forward(&rig, LETHE__MODE_TRAIN), LETHE_USAGE);
        assert_non_null(strstr(lethe_last_message(), "BatchNorm"));
        assert_non_null(strstr(lethe_last_message(), "more than 1 value"));
        assert_int_equal(rig_forward(&rig, LETHE__MODE_GRADIENT), LETHE_OK);
        rig_destroy(&rig);
    }
}

/* --- the reference against finite differences --- */

/* The loss whose gradient by dst is diff_dst. */
static double loss(operation_rig *rig, const setting *s) {
    must(rig_forward(rig, s->mode), s);
    const float *dst = rig->blocks[RIG_DST], *diff_dst = rig->blocks[RIG_DIFF_DST];
    double sum = 0;
    for (size_t i = 0; i < view_size(&rig->operation.dst); i++)
        sum += (double)dst[i] * (double)diff_dst[i];
    return sum;
}

/* Central differences at some forty values of `block`, against the gradient in `diff_block`. Where the slopes
 * to the left and to the right differ, a ReLU or a maximum has a corner: such values are left out, but must
 * be few. */
static void check_block(operation_rig *rig, int block, int diff_block, size_t n, const setting *s) {
    const float h = 1.0f / 512;
    float *values = rig->blocks[block];
    const float *gradient = rig->blocks[diff_block];
    const double tolerance = 5e-3;
    double centre = loss(rig, s), scale = 0;
    for (size_t i = 0; i < n; i++)
        scale = fmax(scale, fabs((double)gradient[i]));
    size_t step = n / 40 + 1, tried = 0, corners = 0;
    for (size_t i = 0; i < n; i += step, tried++) {
        float value = values[i];
        values[i] = value + h;
        double right = (loss(rig, s) - centre) / (double)h;
        values[i] = value - h;
        double left = (centre - loss(rig, s)) / (double)h;
        values[i] = value;
        if (fabs(right - left) > 2 * tolerance * scale)
            corners++;
        else if (!(fabs((left + right) / 2 - (double)gradient[i]) <= tolerance * scale))
            fail_msg("%s: gradient %zu of block %d is %.9g, finite differences say %.9g", text(s), i,
                     diff_block, (double)gradient[i], (left + right) / 2);
    }
    assert_true(corners <= tried / 4);
}

static void check_gradients(operation_rig *rig, const setting *s) {
    if (s->implementation != reference(s->c->kind) || s->dtype != LETHE__F32 ||
        s->c->kind == LETHE__NORMALISE)
        return;
    run_rig(rig, s);
    check_block(rig, RIG_SRC, RIG_DIFF_SRC, view_size(&rig->operation.src), s);
    check_block(rig, RIG_PARAMETERS, RIG_GRADIENTS, rig->weight_size + rig->bias_size, s);
    if (s->c->residual)
        check_block(rig, RIG_RESIDUAL, RIG_DIFF_RESIDUAL, view_size(&rig->operation.residual), s);
}

static void reference_gradients_are_finite_differences(void **state) {
    (void)state;
    for_each_setting(check_gradients);
}

/* --- the reference against formulas --- */

static void normalised_bytes_are_what_the_formula_says(void **state) {
    (void)state;
    setting s = {&operation_cases[0], reference(LETHE__NORMALISE), LETHE__F32, 1, LETHE__MODE_GRADIENT};
    operation_rig rig;
    assert_true(open_rig(&rig, &s));
    run_rig(&rig, &s);
    const uint8_t *src = rig.blocks[RIG_SRC];
    const float *dst = rig.blocks[RIG_DST];
    for (size_t i = 0; i < view_size(&rig.operation.src); i++) {
        const double mean[] = {0.5, 0.25, 0.125}, std[] = {0.25, 0.5, 0.75};
        assert_true(fabs((double)dst[i] - (src[i] / 255.0 - mean[i % 3]) / std[i % 3]) < 1e-6);
    }
    rig_destroy(&rig);
}

/* Direct sums in double over the definition, with nothing packed or reordered. */
static double convolution_at(const operation_rig *rig, int n, int y, int x, int o) {
    const lethe__operation *operation = &rig->operation;
    const lethe__node *node = operation->node;
    const lethe__view *src = &operation->src;
    double sum = operation->bias != NULL ? (double)operation->bias[o] : 0;
    for (int ky = 0; ky < node->kernel; ky++)
        for (int kx = 0; kx < node->kernel; kx++)
            for (int i = 0; i < src->c; i++) {
                int sy = y * node->stride - node->padding + ky, sx = x * node->stride - node->padding + kx;
                if (sy >= 0 && sx >= 0 && sy < src->h && sx < src->w)
                    sum +=
                        (double)((const float *)src->data)[((n * src->h + sy) * src->w + sx) * src->c + i] *
                        (double)operation->weight[((o * src->c + i) * node->kernel + ky) * node->kernel + kx];
            }
    return sum;
}

static void reference_convolution_is_its_definition(void **state) {
    (void)state;
    for (int k = 0; k < N_OPERATION_CASES; k++) {
        if (operation_cases[k].kind != LETHE__CONVOLUTION)
            continue;
        setting s = {&operation_cases[k], reference(LETHE__CONVOLUTION), LETHE__F32, 1, LETHE__MODE_GRADIENT};
        operation_rig rig;
        assert_true(open_rig(&rig, &s));
        run_rig(&rig, &s);
        const lethe__view *dst = &rig.operation.dst;
        size_t at = 0;
        for (int n = 0; n < dst->n; n++)
            for (int y = 0; y < dst->h; y++)
                for (int x = 0; x < dst->w; x++)
                    for (int o = 0; o < dst->c; o++, at++)
                        if (!(fabs((double)((const float *)dst->data)[at] -
                                   convolution_at(&rig, n, y, x, o)) < 1e-4))
                            fail_msg("%s: value %zu", text(&s), at);
        rig_destroy(&rig);
    }
}

/* Two values a channel: mean 2, biased variance 1, unbiased 2. */
static void running_statistics_move_by_a_tenth(void **state) {
    (void)state;
    static const operation_case two = {"two values", LETHE__BATCHNORM, 2, 1, 1, 1, .relu = false};
    for (const lethe__implementation *const *each = lethe__implementations(LETHE__BATCHNORM); *each != NULL;
         each++) {
        setting s = {&two, *each, LETHE__F32, 1, LETHE__MODE_TRAIN};
        operation_rig rig;
        if (!open_rig(&rig, &s))
            continue;
        float *src = rig.blocks[RIG_SRC], *dst = rig.blocks[RIG_DST];
        src[0] = 1;
        src[1] = 3;
        rig.operation.running_mean[0] = 1;
        rig.operation.running_var[0] = 4;
        rig.weights.parameters[0] = 3;
        rig.weights.parameters[1] = 0.5f;
        assert_int_equal(rig_forward(&rig, LETHE__MODE_TRAIN), LETHE_OK);
        assert_true(fabs((double)rig.operation.running_mean[0] - 1.1) < 1e-6);
        assert_true(fabs((double)rig.operation.running_var[0] - 3.8) < 1e-6);
        assert_true(fabs((double)dst[0] - (0.5 - 3 / sqrt(1 + 1e-5))) < 1e-6);
        assert_true(fabs((double)dst[1] - (0.5 + 3 / sqrt(1 + 1e-5))) < 1e-6);
        rig_destroy(&rig);
    }
}

static void the_first_of_equal_maxima_gets_the_gradient(void **state) {
    (void)state;
    static const operation_case window = {"one window", LETHE__MAX_POOL, 1, 2, 2, 1,
                                          .kernel = 2,  .stride = 2};
    for (const lethe__implementation *const *each = lethe__implementations(LETHE__MAX_POOL); *each != NULL;
         each++) {
        setting s = {&window, *each, LETHE__F32, 1, LETHE__MODE_GRADIENT};
        operation_rig rig;
        if (!open_rig(&rig, &s))
            continue;
        const float src[] = {-3, -1, -1, -2}, diff_src[] = {0, 5, 0, 0};
        memcpy(rig.blocks[RIG_SRC], src, sizeof src);
        ((float *)rig.blocks[RIG_DIFF_DST])[0] = 5;
        run_rig(&rig, &s);
        assert_true(((const float *)rig.blocks[RIG_DST])[0] == -1);
        assert_memory_equal(rig.blocks[RIG_DIFF_SRC], diff_src, sizeof diff_src);
        rig_destroy(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalised_bytes_are_what_the_formula_says),
        cmocka_unit_test(reference_convolution_is_its_definition),
        cmocka_unit_test(reference_gradients_are_finite_differences),
        cmocka_unit_test(reference_in_bf16_follows_f32),
        cmocka_unit_test(implementations_agree_with_the_reference),
        cmocka_unit_test(results_repeat_bit_for_bit),
        cmocka_unit_test(second_gradient_is_added),
        cmocka_unit_test(parameter_gradients_do_not_need_diff_src),
        cmocka_unit_test(prediction_is_the_forward_pass_with_running_statistics),
        cmocka_unit_test(changed_weights_are_noticed),
        cmocka_unit_test(running_statistics_move_by_a_tenth),
        cmocka_unit_test(training_batchnorm_on_one_value_is_refused),
        cmocka_unit_test(the_first_of_equal_maxima_gets_the_gradient),
        cmocka_unit_test(not_a_number_stays_so),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
