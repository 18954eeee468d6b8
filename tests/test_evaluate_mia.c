/* test_evaluate_mia.c - membership inference against scikit-learn's numbers on tables made by formula, in
 * small cases that can be computed by hand, and in degenerate ones. */
#include "base/memory.h"
#include "evaluate/mia.h"
#include "fixture.h"
#include <string.h>

static const char *const feature_keys[] = {"confidence", "correctness", "entropy", "modified_entropy",
                                           "probability"};

typedef struct prediction_table {
    lethe__predictions predictions;
    float *probabilities;
    int32_t *labels;
} prediction_table;

static void create_table(prediction_table *table, size_t n, size_t classes) {
    assert_int_equal(lethe__allocate(n, classes * sizeof(float), &table->probabilities), LETHE_OK);
    assert_int_equal(lethe__allocate(n, sizeof(int32_t), &table->labels), LETHE_OK);
    table->predictions = (lethe__predictions){table->probabilities, table->labels, n, classes};
}

static void destroy_table(prediction_table *table) {
    lethe__free(table->probabilities);
    lethe__free(table->labels);
}

/* A table of tests/fixtures/README: logits and labels from streams, the label's logit raised. */
static void fill_table(prediction_table *table, const char *name, uint64_t seed, double boost) {
    char stream[3][32];
    const char *const leaves[] = {"logit", "label", "boost"};
    for (int i = 0; i < 3; i++)
        snprintf(stream[i], sizeof stream[i], "%s.%s", name, leaves[i]);
    uint64_t logit = fixture_key(stream[0], seed), raise = fixture_key(stream[2], seed);
    size_t classes = table->predictions.classes;
    fixture_labels(stream[1], seed, (int)table->predictions.n, (int)classes, table->labels);
    for (size_t i = 0; i < table->predictions.n; i++) {
        double row[16], largest = -1e9, sum = 0;
        for (size_t k = 0; k < classes; k++) {
            row[k] = 6 * (2 * fixture_stream(logit, i * classes + k) - 1);
            if (k == (size_t)table->labels[i])
                row[k] += boost * fixture_stream(raise, i);
            largest = fmax(largest, row[k]);
        }
        for (size_t k = 0; k < classes; k++)
            sum += row[k] = exp(row[k] - largest);
        for (size_t k = 0; k < classes; k++)
            table->probabilities[i * classes + k] = (float)(row[k] / sum);
    }
}

typedef struct parity_tables {
    json_t *fixture;
    prediction_table retain, test, forget;
} parity_tables;

static void open_tables(parity_tables *parity, const char *name) {
    parity->fixture = fixture_load(name);
    uint64_t seed = fixture_seed(parity->fixture);
    size_t classes = (size_t)fixture_number(parity->fixture, "classes");
    assert_in_range(classes, 2, 16);
    struct {
        const char *name;
        prediction_table *table;
    } tables[] = {{"retain", &parity->retain}, {"test", &parity->test}, {"forget", &parity->forget}};
    for (size_t i = 0; i < 3; i++) {
        double n = fixture_number(json_object_get(parity->fixture, "n"), tables[i].name);
        create_table(tables[i].table, (size_t)n, classes);
        fill_table(tables[i].table, tables[i].name, seed,
                   fixture_number(json_object_get(parity->fixture, "boost"), tables[i].name));
    }
}

static void open_parity(parity_tables *parity) {
    open_tables(parity, "mia");
}

static void close_parity(parity_tables *parity) {
    destroy_table(&parity->retain);
    destroy_table(&parity->test);
    destroy_table(&parity->forget);
    json_decref(parity->fixture);
}

static lethe_evaluation measure(const prediction_table *retain, const prediction_table *test,
                                const prediction_table *forget, const lethe_evaluate_options *options,
                                int threads) {
    lethe_evaluation result;
    lethe_runtime runtime = {.threads = threads};
    lethe__mia_sets sets = {retain->predictions, test->predictions, forget->predictions, {0}};
    if (lethe__mia_measure(&sets, options, &runtime, &result) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    return result;
}

static void check_feature_sums(const json_t *sums, const prediction_table *table) {
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        size_t n = table->predictions.n * lethe__mia_width(f, table->predictions.classes);
        double *values, sum = 0, expected = fixture_number(sums, feature_keys[f]);
        assert_int_equal(lethe__allocate(n, sizeof *values, &values), LETHE_OK);
        lethe__mia_features(f, LETHE_COMPAT_NONE, &table->predictions, values);
        for (size_t i = 0; i < n; i++)
            sum += values[i];
        lethe__free(values);
        if (!(fabs(sum - expected) <= 2e-8 * expected))
            fail_msg("sum of %s: %.9g, expected %.9g", feature_keys[f], sum, expected);
    }
}

static void features_equal_the_reference(void **state) {
    (void)state;
    parity_tables parity;
    open_parity(&parity);
    const json_t *sums = json_object_get(parity.fixture, "feature_sums");
    check_feature_sums(json_object_get(sums, "retain"), &parity.retain);
    check_feature_sums(json_object_get(sums, "test"), &parity.test);
    check_feature_sums(json_object_get(sums, "forget"), &parity.forget);
    close_parity(&parity);
}

/* Every key of `expected` is a feature; the file has nine digits. */
static void check_percentages(const json_t *expected, const double *actual, const char *what) {
    size_t n_checked = 0;
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        if (json_object_get(expected, feature_keys[f]) == NULL)
            continue;
        double value = fixture_number(expected, feature_keys[f]);
        if (!(fabs(actual[f] - value) <= 1e-6))
            fail_msg("%s of %s: %.9g, expected %.9g", what, feature_keys[f], actual[f], value);
        n_checked++;
    }
    assert_int_equal(n_checked, json_object_size(expected));
    assert_true(n_checked > 0);
}

static void predictors_equal_the_reference(void **state) {
    (void)state;
    parity_tables parity;
    open_parity(&parity);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1};
    lethe_evaluation result = measure(&parity.retain, &parity.test, &parity.forget, &options, 2);
    check_percentages(json_object_get(parity.fixture, "svc_efficacy"), result.mia_efficacy, "efficacy");
    check_percentages(json_object_get(parity.fixture, "svc_privacy"), result.mia_privacy, "privacy");
    check_percentages(json_object_get(parity.fixture, "threshold_efficacy"), result.mia_efficacy_threshold,
                      "threshold efficacy");
    close_parity(&parity);
}

/* The rows of a table whose label is `label`, or those whose label is not. */
static void select_rows(const prediction_table *from, bool of_label, int32_t label, prediction_table *to) {
    size_t classes = from->predictions.classes, n = 0;
    create_table(to, from->predictions.n, classes);
    for (size_t i = 0; i < from->predictions.n; i++) {
        if ((from->labels[i] == label) != of_label)
            continue;
        memcpy(to->probabilities + n * classes, from->probabilities + i * classes, classes * sizeof(float));
        to->labels[n++] = from->labels[i];
    }
    to->predictions.n = n;
}

static void check_official_sum(const json_t *one, const char *name, const prediction_table *table) {
    double *values, sum = 0;
    double expected = fixture_number(json_object_get(one, "modified_entropy_sums"), name);
    assert_int_equal(lethe__allocate(table->predictions.n, sizeof *values, &values), LETHE_OK);
    lethe__mia_features(LETHE_MIA_MODIFIED_ENTROPY, LETHE_COMPAT_OFFICIAL, &table->predictions, values);
    for (size_t i = 0; i < table->predictions.n; i++)
        sum += values[i];
    lethe__free(values);
    if (!(fabs(sum - expected) <= 2e-8 * fabs(expected)))
        fail_msg("sum of the official modified entropy of %s: %.9g, expected %.9g", name, sum, expected);
}

static void check_official(const parity_tables *parity, const char *name, const prediction_table *retain,
                           const prediction_table *test, const prediction_table *forget) {
    const json_t *one = json_object_get(json_object_get(parity->fixture, "cases"), name);
    lethe_evaluate_options options = {.mia = LETHE_MIA_SVC, .all_features = 1};
    lethe_runtime runtime = {.threads = 2, .compat = LETHE_COMPAT_OFFICIAL};
    lethe__mia_sets sets = {retain->predictions, test->predictions, forget->predictions, {0}};
    lethe_evaluation result;
    check_official_sum(one, "retain", retain);
    check_official_sum(one, "test", test);
    check_official_sum(one, "forget", forget);
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_OK);
    double efficacy = result.mia_efficacy[LETHE_MIA_MODIFIED_ENTROPY];
    double privacy = result.mia_privacy[LETHE_MIA_MODIFIED_ENTROPY];
    if (!(fabs(efficacy - fixture_number(one, "svc_efficacy")) <= 1e-6))
        fail_msg("%s: official efficacy %.9g, expected %.9g", name, efficacy,
                 fixture_number(one, "svc_efficacy"));
    if (json_is_null(json_object_get(one, "svc_privacy")))
        assert_true(isnan(privacy)); /* no member is left to judge */
    else if (!(fabs(privacy - fixture_number(one, "svc_privacy")) <= 1e-6))
        fail_msg("%s: official privacy %.9g, expected %.9g", name, privacy,
                 fixture_number(one, "svc_privacy"));
}

static void the_official_reading_equals_its_formula(void **state) {
    (void)state;
    parity_tables parity;
    prediction_table retain, test, forget;
    open_tables(&parity, "mia_official");
    check_official(&parity, "all", &parity.retain, &parity.test, &parity.forget);
    select_rows(&parity.retain, false, 3, &retain);
    select_rows(&parity.test, false, 3, &test);
    select_rows(&parity.forget, true, 3, &forget);
    check_official(&parity, "without_class_3", &retain, &test, &forget);
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&forget);
    retain = parity.retain; /* fewer members than non-members */
    retain.predictions.n = 150;
    check_official(&parity, "few_retained", &retain, &parity.test, &parity.forget);
    close_parity(&parity);
}

/* The solver takes the path of scikit-learn's: as many support vectors. */
static void support_vectors_equal_the_reference(void **state) {
    (void)state;
    parity_tables parity;
    open_parity(&parity);
    const json_t *expected = json_object_get(parity.fixture, "svc_support_vectors");
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        size_t n = parity.test.predictions.n, classes = parity.test.predictions.classes;
        size_t width = lethe__mia_width(f, classes);
        double *values;
        lethe__svc *svc;
        assert_true(n <= parity.retain.predictions.n);
        assert_int_equal(lethe__allocate(n + parity.retain.predictions.n, width * sizeof *values, &values),
                         LETHE_OK);
        lethe__mia_features(f, LETHE_COMPAT_NONE, &parity.test.predictions, values);
        lethe__mia_features(f, LETHE_COMPAT_NONE, &parity.retain.predictions, values + n * width);
        lethe__mia_task task = {.width = width,
                                .members = {.values = values + n * width, .n = n},
                                .non_members = {.values = values, .n = n}};
        assert_int_equal(lethe__svc_create(&task, &svc), LETHE_OK);
        assert_int_equal(lethe__svc_vector_count(svc), (size_t)fixture_number(expected, feature_keys[f]));
        lethe__svc_destroy(&svc);
        assert_null(svc);
        lethe__free(values);
    }
    close_parity(&parity);
}

static void threads_change_nothing(void **state) {
    (void)state;
    parity_tables parity;
    open_parity(&parity);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1, .mia_samples = 150};
    lethe_evaluation one = measure(&parity.retain, &parity.test, &parity.forget, &options, 1);
    lethe_evaluation three = measure(&parity.retain, &parity.test, &parity.forget, &options, 3);
    assert_memory_equal(one.mia_efficacy, three.mia_efficacy, sizeof one.mia_efficacy);
    assert_memory_equal(one.mia_privacy, three.mia_privacy, sizeof one.mia_privacy);
    assert_memory_equal(one.mia_privacy_threshold, three.mia_privacy_threshold,
                        sizeof one.mia_privacy_threshold);
    close_parity(&parity);
}

/* With mia_samples = N only the first N retain and test samples are learnt from. */
static void sample_limit_is_kept(void **state) {
    (void)state;
    parity_tables parity;
    open_parity(&parity);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1, .mia_samples = 120};
    lethe_evaluation limited = measure(&parity.retain, &parity.test, &parity.forget, &options, 2);
    prediction_table retain = parity.retain, test = parity.test;
    retain.predictions.n = test.predictions.n = 120;
    options.mia_samples = 0;
    lethe_evaluation cut = measure(&retain, &test, &parity.forget, &options, 2);
    assert_memory_equal(limited.mia_efficacy, cut.mia_efficacy, sizeof cut.mia_efficacy);
    assert_memory_equal(limited.mia_efficacy_threshold, cut.mia_efficacy_threshold,
                        sizeof(double) * LETHE_MIA_PROBABILITY);
    close_parity(&parity);
}

static void features_of_known_probabilities(void **state) {
    (void)state;
    float probabilities[] = {0.5f, 0.25f, 0.25f, 0, 1, 0, 0, 1, 0};
    int32_t labels[] = {1, 1, 2};
    lethe__predictions predictions = {probabilities, labels, 3, 3};
    double values[9];
    lethe__mia_features(LETHE_MIA_CONFIDENCE, LETHE_COMPAT_NONE, &predictions, values);
    assert_true(values[0] == 0.25 && values[1] == 1 && values[2] == 0);
    lethe__mia_features(LETHE_MIA_CORRECTNESS, LETHE_COMPAT_NONE, &predictions, values);
    assert_true(values[0] == 0 && values[1] == 1 && values[2] == 0);
    lethe__mia_features(LETHE_MIA_ENTROPY, LETHE_COMPAT_NONE, &predictions, values);
    assert_true(fabs(values[0] - 1.5 * log(2)) < 1e-15 && values[1] == 0 && values[2] == 0);
    lethe__mia_features(LETHE_MIA_MODIFIED_ENTROPY, LETHE_COMPAT_NONE, &predictions, values);
    double expected = -0.75 * log(0.25) - 0.5 * log(0.5) - 0.25 * log(0.75);
    assert_true(fabs(values[0] - expected) < 1e-15 && values[1] == 0);
    assert_true(fabs(values[2] + 2 * log(1e-30)) < 1e-12); /* sure and wrong: finite */
    lethe__mia_features(LETHE_MIA_PROBABILITY, LETHE_COMPAT_NONE, &predictions, values);
    assert_true(values[0] == 0.5 && values[4] == 1 && values[8] == 0);
}

/* Two classes; every sample of a table has the label and the confidence given. */
static void fill_constant(prediction_table *table, size_t n, int32_t label, float confidence) {
    create_table(table, n, 2);
    for (size_t i = 0; i < n; i++) {
        table->labels[i] = label;
        table->probabilities[2 * i + (size_t)label] = confidence;
        table->probabilities[2 * i + (size_t)(1 - label)] = 1 - confidence;
    }
}

static void separable_sets_are_told_apart(void **state) {
    (void)state;
    prediction_table retain, test, like_members, like_others;
    fill_constant(&retain, 40, 0, 1);
    fill_constant(&test, 20, 0, 0.25f);
    fill_constant(&like_members, 10, 0, 0.99f);
    fill_constant(&like_others, 10, 0, 0.125f);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1};
    lethe_evaluation kept = measure(&retain, &test, &like_members, &options, 2);
    lethe_evaluation forgotten = measure(&retain, &test, &like_others, &options, 2);
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        assert_true(kept.mia_privacy[f] == 100);
        assert_true(kept.mia_efficacy[f] == 0);
        if (f == LETHE_MIA_PROBABILITY) {
            assert_true(isnan(kept.mia_efficacy_threshold[f]) && isnan(kept.mia_privacy_threshold[f]));
            continue;
        }
        assert_true(kept.mia_privacy_threshold[f] == 100);
    }
    assert_true(forgotten.mia_efficacy[LETHE_MIA_CONFIDENCE] == 100);
    assert_true(forgotten.mia_efficacy_threshold[LETHE_MIA_CONFIDENCE] == 100);
    assert_true(kept.mia_efficacy_threshold[LETHE_MIA_CONFIDENCE] == 100); /* 0.99 does not reach 1 */
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&like_members);
    destroy_table(&like_others);
}

/* Class 0 is kept and sure; class 1 is forgotten, and the test images of it answer as its forget set does.
 * The paper's predictor sees class 0 alone. */
static void class_matched_predictor_learns_from_the_class(void **state) {
    (void)state;
    prediction_table retain, test, forget, class_test;
    fill_constant(&retain, 40, 0, 1);
    fill_constant(&test, 30, 0, 1);
    fill_constant(&forget, 20, 1, 0.25f);
    fill_constant(&class_test, 10, 1, 0.25f);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1};
    lethe_runtime runtime = {.threads = 2};
    lethe__mia_sets sets = {retain.predictions, test.predictions, forget.predictions, class_test.predictions};
    lethe_evaluation result;
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_OK);
    assert_true(result.mia_class_matched[LETHE_MIA_CONFIDENCE] == 100);
    assert_true(result.mia_class_matched_threshold[LETHE_MIA_CONFIDENCE] == 100);
    assert_true(result.interval.mia_class_matched[LETHE_MIA_CONFIDENCE].high == 100);
    /* the class is kept: its training images answer as members, the held-out ones as non-members */
    destroy_table(&forget);
    fill_constant(&forget, 20, 1, 1);
    sets.forget = forget.predictions;
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_OK);
    assert_true(result.mia_class_matched[LETHE_MIA_CONFIDENCE] == 0);
    assert_true(result.mia_class_matched_threshold[LETHE_MIA_CONFIDENCE] == 0);
    /* of one sample */
    sets.class_test.n = 1;
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_OK);
    assert_true(result.mia_class_matched[LETHE_MIA_CONFIDENCE] == 0);
    sets.class_test.n = 0;
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_OK);
    assert_true(isnan(result.mia_class_matched[0]) && isnan(result.interval.mia_class_matched[0].low));
    assert_false(isnan(result.mia_efficacy[0]));
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&forget);
    destroy_table(&class_test);
}

/* A forgotten class has no samples to learn its threshold from: it takes the one of all classes together. */
static void class_without_samples_takes_the_common_threshold(void **state) {
    (void)state;
    prediction_table retain, test, forget;
    fill_constant(&retain, 20, 0, 0.75f);
    fill_constant(&test, 20, 0, 0.25f);
    fill_constant(&forget, 10, 1, 0.75f);
    for (size_t i = 0; i < 3; i++)
        forget.probabilities[2 * i + 1] = 0.5f;
    lethe_evaluate_options options = {.mia = LETHE_MIA_THRESHOLD};
    lethe_evaluation result = measure(&retain, &test, &forget, &options, 1);
    assert_true(result.mia_efficacy_threshold[LETHE_MIA_CONFIDENCE] == 30);
    assert_true(isnan(result.mia_efficacy[LETHE_MIA_CONFIDENCE]));
    assert_true(isnan(result.mia_privacy[LETHE_MIA_CONFIDENCE]));
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&forget);
}

static bool is_percentage(double x) {
    return x >= 0 && x <= 100;
}

/* Members and non-members alike: whatever the predictors answer, it is the same for all. */
static void indistinguishable_sets_give_defined_values(void **state) {
    (void)state;
    prediction_table retain, test, forget;
    fill_constant(&retain, 30, 1, 1);
    fill_constant(&test, 20, 1, 1);
    fill_constant(&forget, 10, 1, 1);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1};
    lethe_evaluation result = measure(&retain, &test, &forget, &options, 2);
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        assert_true(result.mia_efficacy[f] == 0 || result.mia_efficacy[f] == 100);
        assert_true(result.mia_privacy[f] == 50);
    }
    assert_true(is_percentage(result.mia_efficacy_threshold[LETHE_MIA_CONFIDENCE]));
    assert_true(result.mia_privacy_threshold[LETHE_MIA_CONFIDENCE] == 50);
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&forget);
}

static void empty_sets_are_not_measured(void **state) {
    (void)state;
    prediction_table full, empty;
    fill_constant(&full, 8, 0, 0.5f);
    fill_constant(&empty, 0, 0, 0);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH};
    lethe_evaluation result = measure(&full, &full, &empty, &options, 1);
    assert_true(isnan(result.mia_efficacy[0]) && isnan(result.mia_efficacy_threshold[0]));
    assert_true(is_percentage(result.mia_privacy[0]) && is_percentage(result.mia_privacy_threshold[0]));
    assert_true(isnan(result.mia_privacy[1])); /* not asked for */
    result = measure(&empty, &full, &full, &options, 1);
    assert_true(isnan(result.mia_efficacy[0]) && isnan(result.mia_privacy[0]));
    result = measure(&full, &empty, &full, &options, 1);
    assert_true(isnan(result.mia_efficacy[0]) && isnan(result.mia_privacy_threshold[0]));
    prediction_table one = full;
    one.predictions.n = 1; /* enough for efficacy, not for halves */
    result = measure(&one, &one, &full, &options, 1);
    assert_true(is_percentage(result.mia_efficacy[0]) && isnan(result.mia_privacy[0]));
    destroy_table(&full);
    destroy_table(&empty);
}

static void failing_allocations_are_reported(void **state) {
    (void)state;
    prediction_table retain, test, forget;
    fill_constant(&retain, 8, 0, 0.75f);
    fill_constant(&test, 8, 1, 0.5f);
    fill_constant(&forget, 4, 0, 0.75f);
    lethe_evaluate_options options = {.mia = LETHE_MIA_BOTH, .all_features = 1};
    lethe_runtime runtime = {.threads = 1};
    lethe__mia_sets sets = {retain.predictions, test.predictions, forget.predictions, test.predictions};
    lethe_evaluation result;
    int64_t live = lethe__memory_live_blocks();
    lethe_status status = LETHE_MEMORY;
    uint64_t nth = 0;
    while (status != LETHE_OK) {
        lethe__memory_fail_nth(++nth);
        status = lethe__mia_measure(&sets, &options, &runtime, &result);
        assert_true(status == LETHE_OK || status == LETHE_MEMORY);
        assert_int_equal(lethe__memory_live_blocks(), live);
    }
    lethe__memory_fail_nth(0);
    assert_true(nth > 50);
    destroy_table(&retain);
    destroy_table(&test);
    destroy_table(&forget);
}

static void stopping_is_reported(void **state) {
    (void)state;
    prediction_table all;
    fill_constant(&all, 8, 0, 0.75f);
    volatile sig_atomic_t stop = 1;
    lethe_evaluate_options options = {.mia = LETHE_MIA_SVC};
    lethe_runtime runtime = {.threads = 2, .stop = &stop};
    lethe_evaluation result;
    lethe__mia_sets sets = {all.predictions, all.predictions, all.predictions, {0}};
    assert_int_equal(lethe__mia_measure(&sets, &options, &runtime, &result), LETHE_STOPPED);
    destroy_table(&all);
}

static void features_have_the_contract_names(void **state) {
    (void)state;
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++)
        assert_string_equal(lethe_mia_feature_name(f), feature_keys[f]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_have_the_contract_names),
        cmocka_unit_test(features_of_known_probabilities),
        cmocka_unit_test(features_equal_the_reference),
        cmocka_unit_test(predictors_equal_the_reference),
        cmocka_unit_test(the_official_reading_equals_its_formula),
        cmocka_unit_test(class_matched_predictor_learns_from_the_class),
        cmocka_unit_test(support_vectors_equal_the_reference),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(sample_limit_is_kept),
        cmocka_unit_test(separable_sets_are_told_apart),
        cmocka_unit_test(class_without_samples_takes_the_common_threshold),
        cmocka_unit_test(indistinguishable_sets_give_defined_values),
        cmocka_unit_test(empty_sets_are_not_measured),
        cmocka_unit_test(failing_allocations_are_reported),
        cmocka_unit_test(stopping_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
