/* test_analyze.c - the quantities of Proposition 2 by other ways: a Hessian written out, differences of
 * weights, and the orders in the learning rate that theory gives the error of GA. */
#include "tiny_training.h"

#include "analyze/replay.h"

enum { USED = 8, FEW = 4 }; /* images of trainings and of Hessians */

typedef struct analyze_setup {
    tiny_setup tiny;
    lethe_samples samples;
    lethe_model *model; /* its statistics settled */
} analyze_setup;

static void open_setup(analyze_setup *setup) {
    tiny_open(&setup->tiny);
    setup->samples = tiny_samples(&setup->tiny, 0, USED);
    setup->model = tiny_model(&setup->tiny, 3);
    assert_ok(lethe__settle_statistics(setup->model, setup->samples, &setup->tiny.runtime));
}

static void close_setup(analyze_setup *setup) {
    lethe_model_destroy(&setup->model);
    tiny_close(&setup->tiny);
}

static lethe_eigenvalue_options eigenvalue_options(size_t batch, int iterations, double tolerance) {
    return (lethe_eigenvalue_options){
        .samples = FEW, .batch = batch, .iterations = iterations, .tolerance = tolerance};
}

static lethe_ga_error_options error_options(const char *sparsities, double lr) {
    return (lethe_ga_error_options){
        .sparsities = sparsities, .images = USED, .batch = 4, .epochs = 1, .lr = lr, .forgotten = 1};
}

/* Masks all but the head's bias, over which H = mean of diag p - p p'. */
static void keep_head_bias(lethe_model *model) {
    assert_ok(lethe__model_make_mask(model));
    int bias = lethe__graph_find_parameter(model->graph, "fc.bias");
    memset(model->mask, 0, model->graph->parameters[bias].offset);
}

/* --- the eigenvalue --- */

static void fill_bias_hessian(const analyze_setup *setup, double h[TINY_CLASSES][TINY_CLASSES]) {
    float logits[FEW * TINY_CLASSES];
    memset(h, 0, sizeof(double[TINY_CLASSES][TINY_CLASSES]));
    assert_ok(lethe_model_predict(setup->model, setup->samples, FEW, &setup->tiny.runtime, logits));
    for (int i = 0; i < FEW; i++) {
        double p[TINY_CLASSES], sum = 0;
        for (int k = 0; k < TINY_CLASSES; k++)
            sum += p[k] = exp((double)logits[i * TINY_CLASSES + k]);
        for (int k = 0; k < TINY_CLASSES; k++)
            for (int j = 0; j < TINY_CLASSES; j++)
                h[k][j] += ((k == j) * p[k] / sum - p[k] * p[j] / (sum * sum)) / FEW;
    }
}

/* By repeated squaring: trace(H^p)^(1/p). */
static double largest_eigenvalue(double h[TINY_CLASSES][TINY_CLASSES]) {
    double logarithm = 0, power = 1;
    for (int round = 0; round < 40; round++, power *= 2) {
        double square[TINY_CLASSES][TINY_CLASSES] = {{0}}, trace = 0;
        for (int k = 0; k < TINY_CLASSES; k++)
            trace += h[k][k];
        logarithm += log(trace) / power;
        for (int k = 0; k < TINY_CLASSES; k++)
            for (int j = 0; j < TINY_CLASSES; j++)
                for (int l = 0; l < TINY_CLASSES; l++)
                    square[k][j] += h[k][l] / trace * h[l][j] / trace;
        memcpy(h, square, sizeof square);
    }
    return exp(logarithm);
}

static void test_eigenvalue_of_a_hessian_written_out(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_eigenvalue found;
    double h[TINY_CLASSES][TINY_CLASSES];
    open_setup(&setup);
    setup.samples.n = FEW;
    fill_bias_hessian(&setup, h);
    keep_head_bias(setup.model); /* the masked weights stay as they are here: only directions are masked */
    lethe_eigenvalue_options options = eigenvalue_options(FEW, 60, 1e-4);
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &options, &setup.tiny.runtime, &found));
    double expected = largest_eigenvalue(h);
    assert_true(found.residual <= 1e-4);
    assert_int_equal(found.samples, FEW);
    if (!(fabs(found.value - expected) <= 1e-5 * expected))
        fail_msg("eigenvalue %.9g, by the matrix %.9g", found.value, expected);
    close_setup(&setup);
}

/* Batches that do not divide the samples add up to the same mean, and other starts find the same value. */
static void test_eigenvalue_of_batches_and_seeds(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_eigenvalue one, again, other;
    open_setup(&setup);
    setup.samples.n = FEW;
    keep_head_bias(setup.model);
    lethe_eigenvalue_options whole = eigenvalue_options(FEW, 3, 0), parts = eigenvalue_options(3, 3, 0);
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &whole, &setup.tiny.runtime, &one));
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &whole, &setup.tiny.runtime, &again));
    assert_memory_equal(&one, &again, sizeof one);
    assert_int_equal(one.iterations, 3);
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &parts, &setup.tiny.runtime, &other));
    assert_true(fabs(one.value - other.value) <= 1e-12 * one.value);
    whole = eigenvalue_options(FEW, 60, 1e-4);
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &whole, &setup.tiny.runtime, &one));
    setup.tiny.runtime.seed = 77;
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &whole, &setup.tiny.runtime, &other));
    assert_true(one.value != other.value);
    assert_true(fabs(one.value - other.value) <= 1e-6 * one.value);
    close_setup(&setup);
}

static void test_eigenvalue_can_be_left_out_or_stopped(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_eigenvalue found;
    open_setup(&setup);
    lethe_eigenvalue_options options = eigenvalue_options(FEW, 3, 0);
    options.samples = 0;
    assert_ok(lethe_hessian_eigenvalue(setup.model, setup.samples, &options, &setup.tiny.runtime, &found));
    assert_true(isnan(found.value));
    options.samples = FEW;
    setup.tiny.runtime.stop = &setup.tiny.stop;
    setup.tiny.stop = 1;
    assert_int_equal(
        lethe_hessian_eigenvalue(setup.model, setup.samples, &options, &setup.tiny.runtime, &found),
        LETHE_STOPPED);
    options.iterations = 0;
    assert_int_equal(
        lethe_hessian_eigenvalue(setup.model, setup.samples, &options, &setup.tiny.runtime, &found),
        LETHE_USAGE);
    close_setup(&setup);
}

/* --- the distance --- */

static void test_distance(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_model *moved;
    double distance;
    open_setup(&setup);
    assert_ok(lethe_model_copy(setup.model, &moved));
    assert_ok(lethe__model_make_mask(moved));
    float *weights = moved->weights.parameters;
    const float *start = setup.model->weights.parameters;
    weights[3] = start[3] + 3;
    weights[700] = start[700] - 4;
    weights[9] = start[9] + 100;
    moved->mask[9] = 0; /* does not count */
    assert_ok(lethe_model_distance(moved, setup.model, &distance));
    assert_true(fabs(distance - 5) < 1e-5);
    lethe_model_destroy(&moved);
    lethe_model_info info = setup.model->info;
    info.classes++;
    assert_ok(lethe_model_create(&info, &moved));
    assert_int_equal(lethe_model_distance(moved, setup.model, &distance), LETHE_USAGE);
    lethe_model_destroy(&moved);
    close_setup(&setup);
}

/* --- the error of GA --- */

static double *train(const analyze_setup *setup, double lr, int64_t left_out) {
    lethe__replay replay;
    lethe_ga_error_options options = error_options("", lr);
    double *trained;
    assert_ok(lethe__allocate(setup->model->graph->parameter_size, sizeof(double), &trained));
    assert_ok(lethe__replay_open(setup->model, setup->samples, &options, &setup->tiny.runtime, &replay));
    assert_ok(lethe__replay_train(&replay, left_out, trained));
    lethe__replay_close(&replay);
    return trained;
}

/* A sample that is left out leaves no trace, not even by its label; one that is not does. */
static void test_a_sample_left_out(void **state) {
    (void)state;
    analyze_setup setup;
    open_setup(&setup);
    size_t bytes = setup.model->graph->parameter_size * sizeof(double);
    double *whole = train(&setup, 0.01, LETHE__NOBODY), *without = train(&setup, 0.01, 6);
    assert_memory_not_equal(whole, without, bytes);
    setup.tiny.labels[6] = (setup.tiny.labels[6] + 1) % TINY_CLASSES;
    setup.tiny.images[6 * TINY_PIXELS + 300] ^= 0x7f;
    double *again = train(&setup, 0.01, 6), *other = train(&setup, 0.01, LETHE__NOBODY);
    assert_memory_equal(without, again, bytes);
    assert_memory_not_equal(whole, other, bytes);
    lethe__free(whole);
    lethe__free(without);
    lethe__free(again);
    lethe__free(other);
    close_setup(&setup);
}

/* To leave a sample out moves the weights in the first order of the rate, and GA takes that back: what is
 * left is of a higher order, the second but for the ReLUs that flip on the way. */
static void test_orders_in_the_rate(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_ga_error rows[2][LETHE_ANALYZE_MOST_SPARSITIES];
    const double rates[] = {2e-5, 1e-6}, first_order = rates[0] / rates[1];
    size_t n;
    open_setup(&setup);
    lethe_eigenvalue_options eigenvalue = eigenvalue_options(FEW, 1, 0);
    for (int i = 0; i < 2; i++) {
        lethe_ga_error_options options = error_options("0,0.9", rates[i]);
        assert_ok(lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue,
                                         &setup.tiny.runtime, rows[i], &n));
        assert_int_equal(n, 2);
    }
    for (size_t i = 0; i < n; i++) {
        const lethe_ga_error *fast = &rows[0][i], *slow = &rows[1][i];
        assert_true(fabs(fast->untouched / slow->untouched - first_order) < 0.05 * first_order);
        assert_true(fabs(fast->distance / slow->distance - first_order) < 0.05 * first_order);
        if (!(fast->error_mean / slow->error_mean > 2 * first_order))
            fail_msg("the error is %g and %g: of the first order", fast->error_mean, slow->error_mean);
        assert_true(slow->error_mean < 0.2 * slow->untouched);
        assert_int_equal(slow->steps, 2);
        double bound = 1e-6 * 1e-6 * 2 * slow->distance * fabs(slow->eigenvalue.value);
        assert_true(fabs(slow->bound - bound) <= 1e-12 * bound);
        assert_true(slow->loss_after < slow->loss_before);
        assert_true(slow->error_largest == slow->error_mean);
    }
    assert_true(rows[0][0].sparsity == 0 && fabs(rows[0][1].sparsity - 0.9) < 1e-4);
    assert_int_equal(rows[0][0].kept, setup.model->graph->parameter_size);
    assert_true(rows[0][1].kept < rows[0][0].kept / 5);
    close_setup(&setup);
}

static void test_refusals(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_ga_error rows[LETHE_ANALYZE_MOST_SPARSITIES];
    size_t n;
    open_setup(&setup);
    const char *const lists[] = {"0,1", "-0.5", "0,,0.5", "0.5,", "half", "0.9 0.5", "nan"};
    lethe_eigenvalue_options eigenvalue = eigenvalue_options(FEW, 1, 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        lethe_ga_error_options options = error_options(lists[i], 0.01);
        if (lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue, &setup.tiny.runtime,
                                   rows, &n) != LETHE_USAGE)
            fail_msg("'%s' was taken", lists[i]);
    }
    lethe_ga_error_options options = error_options("0", 0.01);
    options.batch = USED + 1;
    assert_int_equal(lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue,
                                            &setup.tiny.runtime, rows, &n),
                     LETHE_USAGE);
    options = error_options("0", 0.01);
    options.forgotten = USED + 1;
    assert_int_equal(lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue,
                                            &setup.tiny.runtime, rows, &n),
                     LETHE_USAGE);
    options = error_options("0", 1e38);
    assert_int_equal(lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue,
                                            &setup.tiny.runtime, rows, &n),
                     LETHE_DIVERGED);
    options = error_options(NULL, 0.01);
    assert_ok(lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue, &setup.tiny.runtime,
                                     rows, &n));
    assert_int_equal(n, 0);
    close_setup(&setup);
}

static void test_a_failing_allocation_is_clean(void **state) {
    (void)state;
    analyze_setup setup;
    lethe_ga_error rows[LETHE_ANALYZE_MOST_SPARSITIES];
    size_t n;
    open_setup(&setup);
    setup.samples.n = 2;
    lethe_eigenvalue_options eigenvalue = eigenvalue_options(2, 1, 0);
    lethe_ga_error_options options = error_options("0.5", 0.01);
    options.batch = 2;
    lethe_status status = LETHE_MEMORY;
    /* the statistics' forward passes are most of the time: a few places of each part will do */
    for (uint64_t nth = 1; status == LETHE_MEMORY; nth += nth < 8 ? 1 : nth / 2) {
        int64_t before = lethe__memory_live_blocks();
        lethe__memory_fail_nth(nth);
        status = lethe_ga_error_measure(setup.model, setup.samples, &options, &eigenvalue,
                                        &setup.tiny.runtime, rows, &n);
        lethe__memory_fail_nth(0);
        assert_int_equal(lethe__memory_live_blocks(), before);
    }
    assert_int_equal(status, LETHE_OK);
    close_setup(&setup);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigenvalue_of_a_hessian_written_out),
        cmocka_unit_test(test_eigenvalue_of_batches_and_seeds),
        cmocka_unit_test(test_eigenvalue_can_be_left_out_or_stopped),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_a_sample_left_out),
        cmocka_unit_test(test_orders_in_the_rate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_failing_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
