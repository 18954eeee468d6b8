/* test_evaluate.c - predictions and the evaluation of a model.
 *
 * The head of a model with fc.weight = 0 answers fc.bias for every image, so every metric has a closed form
 * in the labels alone; a model with random weights shows that each sample gets its own logits. */
#include "base/memory.h"
#include "data/dataset.h"
#include "evaluate/mia.h"
#include "fixture.h"
#include "models/model.h"
#include <string.h>

enum { CLASSES = 4, TRAIN = 60, TEST_SET = 24 };

static const float head[CLASSES] = {0.5f, 2, -1, 1}; /* the largest is class 1's */

typedef struct stage {
    lethe_dataset *dataset;
    lethe_split *split;
    lethe_model *model;
    lethe_runtime runtime;
    lethe_evaluate_options options;
} stage;

static void must(lethe_status status) {
    if (status != LETHE_OK)
        fail_msg("%s", lethe_last_message());
}

static lethe_dataset *open_dataset(int classes, int size, size_t n_train, size_t n_test) {
    lethe_dataset_options options;
    lethe_dataset *dataset = NULL;
    memset(&options, 0, sizeof options);
    must(lethe_options_defaults(lethe_dataset_option_table, &options));
    options.name = "synthetic";
    options.synthetic_classes = classes;
    options.synthetic_train = n_train;
    options.synthetic_test = n_test;
    options.synthetic_size = size;
    options.synthetic_channels = 1;
    must(lethe_dataset_open(&options, &dataset));
    return dataset;
}

/* forget: a specification, or NULL for none. */
static void open_scene_of(stage *scene, size_t n_train, size_t n_test, const char *forget) {
    memset(scene, 0, sizeof *scene);
    scene->dataset = open_dataset(CLASSES, 28, n_train, n_test);
    must(lethe_split_create(scene->dataset, 0.2, 7, &scene->split));
    if (forget != NULL)
        must(lethe_split_forget(scene->split, scene->dataset, forget, 3));
    lethe_model_info info;
    must(lethe_model_info_for(lethe_dataset_get_info(scene->dataset), "resnet20s", &info));
    must(lethe_model_create(&info, &scene->model));
    must(lethe_model_initialise(scene->model, 5));
    must(lethe_runtime_defaults(&scene->runtime));
    scene->runtime.threads = 1;
    scene->runtime.precision = LETHE_PRECISION_F32;
    must(lethe_options_defaults(lethe_evaluate_option_table, &scene->options));
}

static void open_scene(stage *scene, const char *forget) {
    open_scene_of(scene, TRAIN, TEST_SET, forget);
}

static void close_scene(stage *scene) {
    lethe_model_destroy(&scene->model);
    lethe_split_destroy(&scene->split);
    lethe_dataset_destroy(&scene->dataset);
}

static lethe_tensor_view find_tensor(lethe_model *model, const char *name) {
    for (size_t i = 0; i < lethe_model_tensor_count(model); i++) {
        lethe_tensor_view view = lethe_model_tensor(model, i);
        if (strcmp(view.name, name) == 0)
            return view;
    }
    fail_msg("the model has no tensor '%s'", name);
    return (lethe_tensor_view){0};
}

/* The model answers `head` for every image from now on. */
static void make_constant(lethe_model *model) {
    lethe_tensor_view weight = find_tensor(model, "fc.weight"), bias = find_tensor(model, "fc.bias");
    memset(weight.values, 0, weight.size * sizeof(float));
    memcpy(bias.values, head, sizeof head);
    model->weights.version++;
}

static lethe_evaluation evaluate(stage *scene) {
    lethe_evaluation result;
    must(lethe_evaluate(scene->model, scene->dataset, scene->split, &scene->options, &scene->runtime,
                        &result));
    return result;
}

/* What is known of a part of the data when every answer is `head`. */
typedef struct constant_part {
    size_t n;
    double accuracy, loss;
    float probabilities[TRAIN * CLASSES];
    int32_t labels[TRAIN];
} constant_part;

static void expect_part(const stage *scene, lethe_part part, int left_out, constant_part *out) {
    lethe_samples samples = lethe_split_samples(scene->split, scene->dataset, part);
    double sum = 0, n_correct = 0, loss = 0;
    out->n = 0;
    for (int k = 0; k < CLASSES; k++)
        sum += exp(head[k]);
    for (size_t i = 0; i < samples.n; i++) {
        int32_t label = samples.labels[samples.ids[i]];
        if (label == left_out)
            continue;
        n_correct += label == 1;
        loss += log(sum) - head[label];
        for (int k = 0; k < CLASSES; k++)
            out->probabilities[out->n * CLASSES + (size_t)k] = (float)(exp(head[k]) / sum);
        out->labels[out->n++] = label;
    }
    assert_true(out->n > 0);
    out->accuracy = 100 * n_correct / (double)out->n;
    out->loss = loss / (double)out->n;
}

static lethe__predictions predictions_of(const constant_part *part) {
    return (lethe__predictions){part->probabilities, part->labels, part->n, CLASSES};
}

#define assert_near(actual, expected, tolerance)                                                             \
    do {                                                                                                     \
        if (!(fabs((actual) - (expected)) <= (tolerance)))                                                   \
            fail_msg("%s = %.9g, expected %.9g", #actual, (double)(actual), (double)(expected));             \
    } while (0)

/* Every number of an evaluation of the constant model; left_out: class that the test set lacks, and unless
 * `compat` is official the validation set, or -1. */
static void check_constant_model(const char *forget, int left_out, lethe_compat compat) {
    stage scene;
    static constant_part retained, forgotten, validation, test;
    open_scene(&scene, forget);
    make_constant(scene.model);
    scene.options.mia = LETHE_MIA_BOTH;
    scene.options.all_features = 1;
    scene.runtime.compat = compat;
    lethe_evaluation result = evaluate(&scene), mia;
    expect_part(&scene, LETHE_PART_RETAIN, -1, &retained);
    expect_part(&scene, LETHE_PART_FORGET, -1, &forgotten);
    expect_part(&scene, LETHE_PART_VAL, compat == LETHE_COMPAT_OFFICIAL ? -1 : left_out, &validation);
    expect_part(&scene, LETHE_PART_TEST, left_out, &test);
    assert_int_equal(result.n_retain, retained.n);
    assert_int_equal(result.n_forget, forgotten.n);
    assert_int_equal(result.n_val, validation.n);
    assert_int_equal(result.n_test, test.n);
    assert_near(result.ua, 100 - forgotten.accuracy, 1e-12);
    assert_near(result.ra, retained.accuracy, 1e-12);
    assert_near(result.va, validation.accuracy, 1e-12);
    assert_near(result.ta, test.accuracy, 1e-12);
    assert_near(result.loss_forget, forgotten.loss, 1e-6);
    assert_near(result.loss_retain, retained.loss, 1e-6);
    assert_near(result.loss_test, test.loss, 1e-6);
    assert_true(result.sparsity == 0);
    assert_true(result.predict_seconds > 0 && result.mia_seconds > 0);

    lethe__mia_sets sets = {
        predictions_of(&retained), predictions_of(&test), predictions_of(&forgotten), {0}};
    must(lethe__mia_measure(&sets, &scene.options, &scene.runtime, &mia));
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        assert_near(result.mia_efficacy[f], mia.mia_efficacy[f], 0);
        assert_near(result.mia_privacy[f], mia.mia_privacy[f], 0);
        if (f == LETHE_MIA_PROBABILITY)
            continue;
        assert_near(result.mia_efficacy_threshold[f], mia.mia_efficacy_threshold[f], 0);
        assert_near(result.mia_privacy_threshold[f], mia.mia_privacy_threshold[f], 0);
    }
    close_scene(&scene);
}

static void random_forgetting_has_the_closed_form(void **state) {
    (void)state;
    check_constant_model("random=0.25", -1, LETHE_COMPAT_NONE);
}

static void whole_class_is_left_out_of_test_and_validation(void **state) {
    (void)state;
    check_constant_model("class=1", 1, LETHE_COMPAT_NONE);
    check_constant_model("class=3", 3, LETHE_COMPAT_NONE);
}

static void the_official_validation_set_keeps_the_class(void **state) {
    (void)state;
    check_constant_model("class=1", 1, LETHE_COMPAT_OFFICIAL);
}

static void part_of_a_class_keeps_the_test_set_whole(void **state) {
    (void)state;
    check_constant_model("class=1,random=0.5", -1, LETHE_COMPAT_NONE);
}

static void nothing_forgotten_is_nothing_measured(void **state) {
    (void)state;
    stage scene;
    static constant_part train;
    open_scene(&scene, NULL);
    make_constant(scene.model);
    lethe_evaluation result = evaluate(&scene);
    expect_part(&scene, LETHE_PART_TRAIN, -1, &train);
    assert_int_equal(result.n_forget, 0);
    assert_int_equal(result.n_retain, train.n);
    assert_true(isnan(result.ua) && isnan(result.loss_forget) && isnan(result.mia_efficacy[0]));
    assert_near(result.ra, train.accuracy, 1e-12);
    assert_true(result.mia_privacy[0] >= 0 && isnan(result.mia_privacy[1]));
    assert_true(isnan(result.mia_privacy_threshold[0]));
    close_scene(&scene);
}

/* A sample's logits stand at its own place, whatever the batch, the order asked for and the part. */
static void predictions_keep_the_order_of_samples(void **state) {
    (void)state;
    stage scene;
    static float together[TRAIN * CLASSES], reversed[TRAIN * CLASSES];
    uint32_t ids[TRAIN];
    open_scene(&scene, NULL);
    lethe_samples samples = lethe_split_samples(scene.split, scene.dataset, LETHE_PART_TRAIN);
    size_t n = samples.n;
    must(lethe_model_predict(scene.model, samples, 1000, &scene.runtime, together));
    for (size_t i = 0; i < n; i++)
        ids[i] = samples.ids[n - 1 - i];
    samples.ids = ids;
    must(lethe_model_predict(scene.model, samples, 7, &scene.runtime, reversed));
    double largest_difference = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < CLASSES; k++) {
            assert_near(reversed[(n - 1 - i) * CLASSES + k], together[i * CLASSES + k],
                        1e-4 * (1 + fabs((double)together[i * CLASSES + k])));
            largest_difference =
                fmax(largest_difference, fabs((double)together[i * CLASSES + k] - (double)together[k]));
        }
    assert_true(largest_difference > 0.01); /* the images do not all get the same answer */
    close_scene(&scene);
}

static void threads_change_nothing(void **state) {
    (void)state;
    stage scene;
    open_scene(&scene, "random=0.25");
    scene.options.mia = LETHE_MIA_BOTH;
    lethe_evaluation one = evaluate(&scene);
    scene.runtime.threads = 2;
    lethe_evaluation two = evaluate(&scene);
    assert_near(one.ua, two.ua, 0);
    assert_near(one.ra, two.ra, 0);
    assert_near(one.ta, two.ta, 0);
    assert_near(one.va, two.va, 0);
    assert_near(one.loss_forget, two.loss_forget, 1e-5 * one.loss_forget);
    assert_near(one.loss_retain, two.loss_retain, 1e-5 * one.loss_retain);
    assert_near(one.loss_test, two.loss_test, 1e-5 * one.loss_test);
    assert_near(one.mia_efficacy[0], two.mia_efficacy[0], 0);
    assert_near(one.mia_privacy[0], two.mia_privacy[0], 0);
    close_scene(&scene);
}

typedef struct heard_progress {
    size_t n_calls, step, n_steps;
} heard_progress;

static void listen(void *user, const lethe_progress *progress) {
    heard_progress *heard = user;
    assert_true(progress->step > heard->step && progress->step <= progress->n_steps);
    assert_true(isnan(progress->loss) && isnan(progress->accuracy));
    heard->n_calls++;
    heard->step = progress->step;
    heard->n_steps = progress->n_steps;
}

static void progress_covers_every_sample(void **state) {
    (void)state;
    stage scene;
    heard_progress heard = {0};
    open_scene(&scene, "random=0.25");
    scene.options.batch = 10;
    scene.runtime.progress = listen;
    scene.runtime.user = &heard;
    lethe_evaluation result = evaluate(&scene);
    assert_int_equal(heard.n_steps, result.n_retain + result.n_forget + result.n_val + result.n_test);
    assert_int_equal(heard.n_steps, TRAIN + TEST_SET);
    assert_int_equal(heard.step, heard.n_steps);
    assert_int_equal(heard.n_calls, (result.n_retain + 9) / 10 + (result.n_forget + 9) / 10 +
                                        (result.n_val + 9) / 10 + (result.n_test + 9) / 10);
    close_scene(&scene);
}

/* The evaluation fails with this status and a sentence that contains `part`; the result stays as it was. */
static void expect_failure(stage *scene, lethe_status status, const char *part) {
    lethe_evaluation result, before;
    memset(&result, 0x5a, sizeof result);
    memcpy(&before, &result, sizeof result);
    assert_int_equal(
        lethe_evaluate(scene->model, scene->dataset, scene->split, &scene->options, &scene->runtime, &result),
        status);
    if (strstr(lethe_last_message(), part) == NULL)
        fail_msg("'%s' does not contain '%s'", lethe_last_message(), part);
    assert_memory_equal(&result, &before, sizeof result);
}

static void failures_say_what_is_wrong(void **state) {
    (void)state;
    stage scene;
    open_scene(&scene, "random=0.25");
    make_constant(scene.model);

    volatile sig_atomic_t stop = 1;
    scene.runtime.stop = &stop;
    expect_failure(&scene, LETHE_STOPPED, "0 of 84");
    scene.runtime.stop = NULL;

    scene.options.batch = 0;
    expect_failure(&scene, LETHE_USAGE, "batch");
    scene.options.batch = 256;

    find_tensor(scene.model, "fc.bias").values[2] = NAN;
    scene.model->weights.version++;
    expect_failure(&scene, LETHE_DIVERGED, "class 2 of sample");
    find_tensor(scene.model, "fc.bias").values[2] = INFINITY;
    scene.model->weights.version++;
    expect_failure(&scene, LETHE_DIVERGED, "inf");
    make_constant(scene.model);

    lethe_dataset *own = scene.dataset;
    scene.dataset = open_dataset(CLASSES, 32, TRAIN, TEST_SET);
    expect_failure(&scene, LETHE_INPUT, "28x28x1");
    lethe_dataset_destroy(&scene.dataset);
    scene.dataset = open_dataset(CLASSES + 1, 28, TRAIN, TEST_SET);
    expect_failure(&scene, LETHE_INPUT, "4 classes");
    lethe_dataset_destroy(&scene.dataset);
    scene.dataset = own;
    evaluate(&scene);
    close_scene(&scene);
}

static void failing_allocations_are_reported(void **state) {
    (void)state;
    stage scene;
    lethe_evaluation result;
    open_scene_of(&scene, 8, 4, "class=1");
    int64_t live = lethe__memory_live_blocks();
    lethe_status status = LETHE_MEMORY;
    uint64_t nth = 0;
    while (status != LETHE_OK) {
        lethe__memory_fail_nth(++nth);
        status =
            lethe_evaluate(scene.model, scene.dataset, scene.split, &scene.options, &scene.runtime, &result);
        assert_true(status == LETHE_OK || status == LETHE_MEMORY);
        assert_int_equal(lethe__memory_live_blocks(), live);
    }
    lethe__memory_fail_nth(0);
    assert_true(nth > 20);
    close_scene(&scene);
}

static void gaps_are_absolute_and_averaged(void **state) {
    (void)state;
    lethe_evaluation model = {.ua = 10, .ra = 99, .ta = 90, .mia_efficacy = {20}};
    lethe_evaluation reference = {.ua = 12, .ra = 100, .ta = 87, .mia_efficacy = {14}};
    lethe_gaps gaps = lethe_evaluation_gaps(&model, &reference);
    assert_true(gaps.ua == 2 && gaps.ra == 1 && gaps.ta == 3 && gaps.mia_efficacy == 6);
    assert_true(gaps.disparity_average == 3);
    model.ua = NAN;
    gaps = lethe_evaluation_gaps(&model, &reference);
    assert_true(isnan(gaps.ua) && isnan(gaps.disparity_average) && gaps.ta == 3);
}

static void options_are_what_the_table_says(void **state) {
    (void)state;
    lethe_evaluate_options options;
    const lethe_option *table = lethe_evaluate_option_table;
    must(lethe_options_defaults(table, &options));
    assert_int_equal(options.batch, 256);
    assert_int_equal(options.mia, LETHE_MIA_SVC);
    assert_int_equal(options.all_features, 0);
    assert_int_equal(options.mia_samples, 0);
    must(lethe_options_set(table, &options, "mia", "both"));
    must(lethe_options_set(table, &options, "mia-features", "all"));
    must(lethe_options_set(table, &options, "mia-samples", "2000"));
    assert_int_equal(options.mia, LETHE_MIA_BOTH);
    assert_int_equal(options.all_features, 1);
    assert_int_equal(options.mia_samples, 2000);
    assert_int_equal(lethe_options_set(table, &options, "mia", "svm"), LETHE_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_what_the_table_says),
        cmocka_unit_test(gaps_are_absolute_and_averaged),
        cmocka_unit_test(random_forgetting_has_the_closed_form),
        cmocka_unit_test(whole_class_is_left_out_of_test_and_validation),
        cmocka_unit_test(the_official_validation_set_keeps_the_class),
        cmocka_unit_test(part_of_a_class_keeps_the_test_set_whole),
        cmocka_unit_test(nothing_forgotten_is_nothing_measured),
        cmocka_unit_test(predictions_keep_the_order_of_samples),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(progress_covers_every_sample),
        cmocka_unit_test(failures_say_what_is_wrong),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
