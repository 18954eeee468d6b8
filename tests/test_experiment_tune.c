/* test_experiment_tune.c - which values a search tries, on curves whose best value is known; and a search of
 * tiny runs that measures its reference once. */
#include "base/fail.h"
#include "experiment/tune_search.h"
#include "test_base.h"
#include <lethe/lethe.h>
#include <math.h>
#include <string.h>

static const lethe_tune_job by_disparity = {.reference = "retrain", .least_va = -1, .trials = 12};

static lethe__tune_range read_range(const char *text) {
    const lethe_unlearn_method *ft;
    lethe__tune_range range = {0};
    assert_int_equal(lethe_unlearn_find("ft", &ft), LETHE_OK);
    assert_int_equal(lethe__tune_range_read(text, ft, &range), LETHE_OK);
    return range;
}

/* Searches for `target`: the disparity is the distance on the log scale, UA grows with the value, VA falls
 * from 100 by 10 for each factor of ten, and values above `limit` diverge. */
static lethe_tune_result play(const lethe_tune_job *job, const lethe__tune_range *range, double target,
                              double limit) {
    lethe_tune_result result = {.best = -1};
    double value;
    while (lethe__tune_next(job, range, &result, &value)) {
        double way = log10(value / range->low);
        lethe_tune_trial trial = {.value = value,
                                  .diverged = value > limit,
                                  .ua = way,
                                  .va = 100 - 10 * way,
                                  .disparity_average = fabs(log10(value / target))};
        assert_true(result.n < job->trials);
        assert_true(value >= range->low && value <= range->high);
        trial.admissible = lethe__tune_admissible(job, &trial);
        lethe__tune_add(job, &trial, &result);
    }
    for (int i = 1; i < result.n; i++) /* in order, none twice */
        assert_true(result.trials[i - 1].value < result.trials[i].value);
    return result;
}

/* Six values on the grid leave gaps of a fifth of the range, and six more halve each side of the best three
 * times, to a fortieth. */
static void test_narrows_down(void **state) {
    (void)state;
    lethe__tune_range range = read_range("lr=0.0001..1");
    for (double target = 1e-4; target <= 1; target *= 1.37) {
        lethe_tune_result result = play(&by_disparity, &range, target, INFINITY);
        assert_int_equal(result.n, by_disparity.trials);
        assert_true(result.trials[0].value == range.low);
        assert_true(result.trials[result.n - 1].value == range.high);
        assert_true(result.trials[result.best].disparity_average < 4.0 / 40 + 0.01);
    }
}

/* What diverges is never the best, and says on which side to look. */
static void test_goes_round_divergence(void **state) {
    (void)state;
    lethe__tune_range range = read_range("lr=0.0001..1");
    lethe_tune_result result = play(&by_disparity, &range, 1, 0.03);
    assert_true(result.trials[result.best].value <= 0.03 && result.trials[result.best].value > 0.02);
    result = play(&by_disparity, &range, 1, 0);
    assert_int_equal(result.best, -1);
    assert_int_equal(result.n, 6); /* the grid alone */
}

/* The highest UA that keeps a VA of 75 lies 2.5 powers of ten above the low end. */
static void test_keeps_the_bound(void **state) {
    (void)state;
    lethe__tune_range range = read_range("lr=0.0001..1");
    lethe_tune_job job = {.least_va = 75, .trials = 14};
    lethe_tune_result result = play(&job, &range, 1, INFINITY);
    const lethe_tune_trial *best = &result.trials[result.best];
    assert_true(best->va >= 75 && best->ua <= 2.5 && best->ua > 2.35);
    job.least_va = 101;
    result = play(&job, &range, 1, INFINITY);
    assert_int_equal(result.best, -1);
    assert_int_equal(result.n, job.trials);
}

/* Not the best, though its disparity is the least; and the search goes on beside one that is not wrecked. */
static void test_a_wrecked_model_never_wins(void **state) {
    (void)state;
    lethe__tune_range range = read_range("lr=0.0001..1");
    lethe_tune_result result = {.best = -1};
    lethe_tune_trial trials[] = {{.value = 0.001, .disparity_average = 9, .va = NAN},
                                 {.value = 0.01, .disparity_average = 1, .va = NAN, .wrecked = true}};
    for (int i = 1; i >= 0; i--) {
        trials[i].admissible = lethe__tune_admissible(&by_disparity, &trials[i]);
        assert_true(trials[i].admissible == !trials[i].wrecked);
        lethe__tune_add(&by_disparity, &trials[i], &result);
    }
    assert_int_equal(result.best, 0);
    lethe_tune_job by_bound = {.least_va = 50,
                               .trials = 6}; /* none keeps it: the search follows what has a model */
    trials[0].va = 10;
    trials[1].va = 20;
    result = (lethe_tune_result){.best = -1};
    for (int i = 1; i >= 0; i--) {
        trials[i].admissible = lethe__tune_admissible(&by_bound, &trials[i]);
        lethe__tune_add(&by_bound, &trials[i], &result);
    }
    lethe_tune_trial ends[] = {{.value = range.low, .diverged = true},
                               {.value = range.high, .diverged = true}};
    lethe__tune_add(&by_bound, &ends[0], &result);
    lethe__tune_add(&by_bound, &ends[1], &result);
    double next;
    assert_int_equal(result.best, -1);
    assert_true(lethe__tune_next(&by_bound, &range, &result, &next));
    assert_true(next < 0.01);
}

/* Whole numbers: each is tried once, and the search ends when none is left beside the best. */
static void test_integers(void **state) {
    (void)state;
    lethe__tune_range range = read_range("epochs=1..9");
    lethe_tune_result result = play(&by_disparity, &range, 5, INFINITY);
    assert_true(result.n <= 9);
    for (int i = 0; i < result.n; i++)
        assert_true(result.trials[i].value == floor(result.trials[i].value));
    assert_true(result.trials[result.best].value == 5);
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "lr",         "lr=1",          "lr=2..1",   "lr=0.1..0.1",     "lr=-1..1",
        "lr=0..1",    "lr=x..1",       "lr=1..",    "momentum=0.5..2", "shuffle=1..2",
        "gamma=1..2", "epochs=0.5..2", "lr=1..2..3"};
    const lethe_unlearn_method *ft;
    lethe__tune_range range;
    assert_int_equal(lethe_unlearn_find("ft", &ft), LETHE_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(lethe__tune_range_read(wrong[i], ft, &range), LETHE_USAGE);
    assert_int_equal(lethe__tune_range_read("gamma=1..2", ft, &range), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "weight-decay"));
}

/* --- a search of runs --- */

static lethe_runtime make_runtime(void) {
    lethe_runtime runtime;
    assert_done(lethe_runtime_defaults(&runtime));
    runtime.threads = 1;
    return runtime;
}

static void train_tiny(const lethe_runtime *runtime) {
    lethe_train_job job;
    lethe_run_result result;
    assert_done(lethe_train_job_defaults(&job));
    job.data.name = "synthetic";
    job.data.synthetic_train = 40;
    job.data.synthetic_test = 20;
    job.data.synthetic_classes = 4;
    job.model.arch = "resnet20s";
    job.run.out = "dense";
    job.fit.epochs = 1;
    job.fit.batch = 16;
    job.keep_epoch = -1;
    assert_done(lethe_train_job_run(&job, runtime, &result));
}

static lethe_unlearn_job make_ga(const char *out) {
    lethe_unlearn_job job;
    assert_done(lethe_unlearn_job_defaults(&job));
    job.data.name = NULL;
    job.model.model = "dense";
    job.forget = "class=1";
    job.method = "ga";
    job.run.out = out;
    return job;
}

/* Takes the reference away as soon as the first trial has been measured. */
static void hide_reference(void *user, lethe_log_level level, const char *sentence) {
    (void)level;
    if (strncmp(sentence, "trial 2 of", 10) == 0)
        *(int *)user = rename("reference", "hidden");
}

static void test_measures_the_reference_once(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_run_result run;
    lethe_tune_job job;
    lethe_tune_result result;
    int renamed = -1;
    train_tiny(&runtime);
    lethe_unlearn_job reference = make_ga("reference");
    assert_done(lethe_unlearn_job_run(&reference, &runtime, &run));
    assert_done(lethe_tune_job_defaults(&job));
    job.trial = make_ga("search");
    job.search = "lr=0.01..0.1";
    job.reference = "reference";
    job.trials = 3;
    runtime.log = hide_reference;
    runtime.user = &renamed;
    assert_done(lethe_tune_job_run(&job, &runtime, &result));
    assert_int_equal(renamed, 0);
    assert_int_equal(result.n, 3);
    runtime.log = NULL;
    for (int i = 0; i < result.n; i++) { /* what evaluations by themselves measure */
        char path[128];
        lethe_evaluate_job alone;
        lethe_evaluation_result expected;
        snprintf(path, sizeof path, "search/%s", result.trials[i].run);
        assert_done(lethe_evaluate_job_defaults(&alone));
        alone.data.name = NULL;
        alone.model.model = path;
        alone.reference = "hidden";
        alone.out = "alone.evaluation.json";
        assert_done(lethe_evaluate_job_run(&alone, &runtime, &expected));
        assert_true(isfinite(expected.gaps.disparity_average));
        assert_true(result.trials[i].disparity_average == expected.gaps.disparity_average);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrows_down),
        cmocka_unit_test(test_goes_round_divergence),
        cmocka_unit_test(test_keeps_the_bound),
        cmocka_unit_test(test_a_wrecked_model_never_wins),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test_setup_teardown(test_measures_the_reference_once, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
