/* test_unlearn.c - the contract that every registered unlearning method keeps, dense and sparse: same seed
 * same bits, mask kept, divergence caught, stopped and resumed to the same bits, clean after a failed
 * allocation, empty sets refused, sets of one sample taken. And what each method of the paper computes,
 * against the same training put together by hand. */
#include "tiny_training.h"

#include "base/random.h"
#include "models/model.h"
#include <lethe/unlearn.h>

enum { N_RETAIN = 8, N_FORGET = 4 };

/* A method that only measures has no epochs and no learning rate. */
static bool has_option(const lethe_unlearn_method *method, const char *name) {
    const lethe_option *each = method->options;
    while (each->name != NULL && strcmp(each->name, name) != 0)
        each++;
    return each->name != NULL;
}

/* A copy of the method's options for a short run: two epochs of a few batches. Freed by lethe__free. */
static void *short_options(const lethe_unlearn_method *method, const char *lr) {
    void *options;
    assert_ok(lethe__allocate(1, method->options_size, &options));
    assert_ok(lethe_options_defaults(method->options, options));
    static const char *const settings[][2] = {{"epochs", "2"}, {"batch", "4"}};
    for (size_t i = 0; i < 2; i++)
        if (has_option(method, settings[i][0]))
            assert_ok(lethe_options_set(method->options, options, settings[i][0], settings[i][1]));
    if (lr != NULL)
        assert_ok(lethe_options_set(method->options, options, "lr", lr));
    return options;
}

/* An original model: dense, or with the negative half of its convolution weights removed. */
static lethe_model *original_model(const tiny_setup *tiny, bool sparse) {
    lethe_model *model = tiny_model(tiny, 1);
    if (!sparse)
        return model;
    assert_ok(lethe__model_make_mask(model));
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        for (size_t k = slot->offset; slot->prunable && k < slot->offset + slot->size; k++)
            model->mask[k] = model->weights.parameters[k] > 0;
    }
    lethe__model_apply_mask(model);
    return model;
}

static lethe_trainer *open_trainer(tiny_setup *tiny, lethe_model *model) {
    lethe_trainer *trainer;
    assert_ok(lethe_trainer_create(model, tiny_samples(tiny, 0, 0), &tiny->runtime, "test", &trainer));
    return trainer;
}

static lethe_status run(tiny_setup *tiny, const lethe_unlearn_method *method, const void *options,
                        lethe_model *model) {
    lethe_trainer *trainer = open_trainer(tiny, model);
    lethe_status status = lethe_unlearn(method, options, trainer, tiny_samples(tiny, 0, N_RETAIN),
                                        tiny_samples(tiny, N_RETAIN, N_FORGET));
    lethe_trainer_destroy(&trainer);
    return status;
}

/* --- the contract --- */

static void stop_after_an_epoch(void *user, const lethe_progress *progress) {
    if (progress->step == progress->n_steps)
        ((tiny_setup *)user)->stop = 1;
}

/* One step to a sitting: the first step of a trainer is always told. */
static void stop_at_once(void *user, const lethe_progress *progress) {
    (void)progress;
    ((tiny_setup *)user)->stop = 1;
}

/* For methods that only measure and start over: stops at the first sign of life, once. */
static void stop_the_first_sitting(void *user, const lethe_progress *progress) {
    tiny_setup *tiny = user;
    (void)progress;
    tiny->stop = 1;
    tiny->runtime.progress = NULL;
}

/* Sittings until it is done, each as long as `progress` lets it. */
static lethe_model *run_in_sittings(tiny_setup *tiny, const lethe_unlearn_method *method, const void *options,
                                    bool sparse, lethe_progress_function *progress) {
    lethe_runtime before = tiny->runtime;
    lethe_status status = LETHE_STOPPED;
    lethe_model *model = NULL;
    int sittings = 0;
    tiny->runtime.checkpoint = tiny->checkpoint;
    tiny->runtime.resume = true;
    tiny->runtime.stop = &tiny->stop;
    tiny->runtime.progress = progress;
    tiny->runtime.user = tiny;
    while (status == LETHE_STOPPED && sittings++ < 9) {
        tiny->stop = 0;
        lethe_model_destroy(&model);
        model = original_model(tiny, sparse);
        status = run(tiny, method, options, model);
    }
    assert_ok(status);
    assert_true(sittings > 1);
    unlink(tiny->checkpoint);
    tiny->runtime = before;
    return model;
}

/* What was pruned stays so; only a method with a sparsity of its own prunes more. */
static void assert_mask_grown(const lethe_unlearn_method *method, const lethe_model *before,
                              const lethe_model *after) {
    bool prunes = false;
    for (const lethe_option *option = method->options; option->name != NULL; option++)
        prunes = prunes || strcmp(option->name, "sparsity") == 0;
    for (size_t i = 0; i < before->graph->parameter_size; i++)
        assert_true(prunes ? after->mask[i] <= before->mask[i] : after->mask[i] == before->mask[i]);
}

static void check_bits_and_mask(tiny_setup *tiny, const lethe_unlearn_method *method, bool sparse) {
    void *options = short_options(method, NULL);
    lethe_model *original = original_model(tiny, sparse), *first = original_model(tiny, sparse),
                *second = original_model(tiny, sparse);
    assert_ok(run(tiny, method, options, first));
    assert_ok(run(tiny, method, options, second));
    assert_same_model(first, second);
    assert_memory_not_equal(first->weights.parameters, original->weights.parameters,
                            first->graph->parameter_size * sizeof(float));
    if (sparse) {
        assert_mask_kept(first);
        assert_mask_grown(method, original, first);
    }
    lethe_model *resumed =
        run_in_sittings(tiny, method, options, sparse,
                        has_option(method, "epochs") ? stop_after_an_epoch : stop_the_first_sitting);
    assert_same_model(first, resumed);
    lethe_model_destroy(&original);
    lethe_model_destroy(&first);
    lethe_model_destroy(&second);
    lethe_model_destroy(&resumed);
    lethe__free(options);
}

static void check_divergence(tiny_setup *tiny, const lethe_unlearn_method *method) {
    bool trains = has_option(method, "lr");
    void *options = short_options(method, trains ? "1e30" : NULL);
    lethe_model *model = original_model(tiny, false);
    if (trains)
        assert_ok(lethe_options_set(method->options, options, "epochs", "9"));
    else
        model->weights.parameters[model->graph->parameter_size - 1] = NAN;
    assert_int_equal(run(tiny, method, options, model), LETHE_DIVERGED);
    assert_non_null(strstr(lethe_last_message(), trains ? "epoch" : "loss"));
    lethe_model_destroy(&model);
    lethe__free(options);
}

static void check_failing_allocations(tiny_setup *tiny, const lethe_unlearn_method *method) {
    void *options = short_options(method, NULL);
    bool failed = true;
    for (uint64_t n = 1; failed; n = n + 1 + n / 2) {
        int64_t blocks = lethe__memory_live_blocks();
        lethe_model *model = original_model(tiny, true);
        lethe_trainer *trainer = open_trainer(tiny, model);
        lethe__memory_fail_nth(n);
        lethe_status status = lethe_unlearn(method, options, trainer, tiny_samples(tiny, 0, N_RETAIN),
                                            tiny_samples(tiny, N_RETAIN, N_FORGET));
        lethe__memory_fail_nth(0);
        failed = status != LETHE_OK;
        if (failed)
            assert_int_equal(status, LETHE_MEMORY);
        assert_mask_kept(model);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
        assert_int_equal(lethe__memory_live_blocks(), blocks);
    }
    lethe__free(options);
}

static void check_empty_sets(tiny_setup *tiny, const lethe_unlearn_method *method) {
    void *options = short_options(method, NULL);
    lethe_samples some = tiny_samples(tiny, 0, 4), none = tiny_samples(tiny, 0, 0);
    lethe_model *model = original_model(tiny, false), *untouched = original_model(tiny, false);
    lethe_trainer *trainer = open_trainer(tiny, model);
    if ((method->needs & LETHE_NEEDS_RETAIN) != 0) {
        assert_int_equal(lethe_unlearn(method, options, trainer, none, some), LETHE_INPUT);
        assert_non_null(strstr(lethe_last_message(), "the forget set is everything"));
    }
    if ((method->needs & LETHE_NEEDS_FORGET) != 0) {
        assert_int_equal(lethe_unlearn(method, options, trainer, some, none), LETHE_INPUT);
        assert_non_null(strstr(lethe_last_message(), "class=0"));
    }
    assert_non_null(strstr(lethe_last_message(), method->name));
    assert_same_model(model, untouched);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe_model_destroy(&untouched);
    lethe__free(options);
}

/* A class of one sample, to forget or all there is to keep. */
static void check_single_samples(tiny_setup *tiny, const lethe_unlearn_method *method) {
    void *options = short_options(method, NULL);
    static const size_t sizes[][2] = {{N_RETAIN, 1}, {1, N_FORGET}, {1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        lethe_model *model = original_model(tiny, true);
        lethe_trainer *trainer = open_trainer(tiny, model);
        assert_ok(lethe_unlearn(method, options, trainer, tiny_samples(tiny, 0, sizes[i][0]),
                                tiny_samples(tiny, N_RETAIN, sizes[i][1])));
        for (size_t k = 0; k < model->graph->parameter_size; k++)
            assert_true(isfinite(model->weights.parameters[k]));
        assert_mask_kept(model);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
    }
    lethe__free(options);
}

static void test_every_method_keeps_the_contract(void **state) {
    tiny_setup *tiny = *state;
    size_t n_methods = 0;
    for (const lethe_unlearn_method *const *at = lethe_unlearn_methods(); *at != NULL; at++) {
        const lethe_unlearn_method *method = *at, *found = NULL;
        assert_ok(lethe_unlearn_find(method->name, &found));
        assert_ptr_equal(found, method);
        assert_true(method->title[0] && method->source[0] && method->summary[0] && method->needs != 0);
        check_bits_and_mask(tiny, method, false);
        check_bits_and_mask(tiny, method, true);
        check_divergence(tiny, method);
        check_failing_allocations(tiny, method);
        check_empty_sets(tiny, method);
        check_single_samples(tiny, method);
        n_methods++;
    }
    assert_true(n_methods >= 12);
}

/* --- what each method computes --- */

/* `expected` is the original after the training that the method should amount to. */
static void expect_training(tiny_setup *tiny, const char *name, const lethe_fit_options *fit,
                            lethe_samples samples, lethe_model *expected) {
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find(name, &method));
    void *options = short_options(method, NULL);
    lethe_model *actual = original_model(tiny, true);
    assert_ok(run(tiny, method, options, actual));
    lethe_trainer *trainer = open_trainer(tiny, expected);
    assert_ok(lethe_trainer_fit(trainer, "by hand", samples, fit));
    lethe_trainer_destroy(&trainer);
    assert_same_model(actual, expected);
    lethe_model_destroy(&actual);
    lethe__free(options);
}

static void test_methods_are_their_trainings(void **state) {
    tiny_setup *tiny = *state;
    lethe_samples retain = tiny_samples(tiny, 0, N_RETAIN), forget = tiny_samples(tiny, N_RETAIN, N_FORGET);
    lethe_fit_options fit = tiny_fit(2); /* momentum 0.9, weight decay 5e-4, multistep at 0.5 and 0.75 */
    lethe_model *expected = original_model(tiny, true);
    assert_ok(lethe_model_initialise(expected, tiny->runtime.seed));
    expect_training(tiny, "retrain", &fit, retain, expected);
    lethe_model_destroy(&expected);

    fit.lr_schedule = LETHE_LR_CONSTANT;
    fit.lr = 0.01;
    expected = original_model(tiny, true);
    expect_training(tiny, "ft", &fit, retain, expected);
    lethe_model_destroy(&expected);

    fit.gamma = 5e-4;
    fit.gamma_schedule = LETHE_L1_DECAYING;
    expected = original_model(tiny, true);
    expect_training(tiny, "l1-sparse", &fit, retain, expected);
    lethe_model_destroy(&expected);

    fit.gamma = 0;
    fit.ascend = true;
    fit.lr = 1e-4;
    expected = original_model(tiny, true);
    expect_training(tiny, "ga", &fit, forget, expected);
    lethe_model_destroy(&expected);
}

typedef struct random_labels {
    const tiny_setup *tiny;
    bool official;
    int32_t labels[TINY_N];
} random_labels;

/* A wrong class, the same in each epoch; or any class, and another one in each. */
static lethe_status draw_labels(void *user, lethe_model *model, int epoch) {
    random_labels *now = user;
    const tiny_setup *tiny = now->tiny;
    (void)model;
    for (uint32_t i = N_RETAIN; i < N_RETAIN + N_FORGET; i++) {
        lethe__random random = lethe__random_open(tiny->runtime.seed, LETHE__RANDOM_METHOD, 0, tiny->ids[i]);
        int32_t drawn = (int32_t)lethe__random_below(&random, TINY_CLASSES - !now->official);
        for (int e = 0; now->official && e < epoch; e++)
            drawn = (int32_t)lethe__random_below(&random, TINY_CLASSES);
        now->labels[i] = now->official ? drawn : drawn + (drawn >= tiny->labels[i]);
        assert_true(now->official || now->labels[i] != tiny->labels[i]);
    }
    return LETHE_OK;
}

/* Random labels are a training on both sets, the forget set under wrong labels that depend on the seed. */
static void test_random_labels(void **state) {
    tiny_setup *tiny = *state;
    lethe_fit_options fit = tiny_fit(2);
    fit.lr_schedule = LETHE_LR_CONSTANT;
    fit.lr = 0.01;
    for (int official = 0; official < 2; official++) {
        random_labels now = {.tiny = tiny, .official = official};
        memcpy(now.labels, tiny->labels, sizeof now.labels);
        fit.before_epoch = draw_labels;
        fit.user = &now;
        tiny->runtime.compat = official ? LETHE_COMPAT_OFFICIAL : LETHE_COMPAT_NONE;
        lethe_samples samples = tiny_samples(tiny, 0, N_RETAIN + N_FORGET);
        samples.labels = now.labels;
        lethe_model *expected = original_model(tiny, true);
        expect_training(tiny, "rl", &fit, samples, expected);
        lethe_model_destroy(&expected);
    }
}

/* The official labels of an epoch are there again when a run goes on in the middle of it. */
static void test_official_labels_after_a_resume(void **state) {
    tiny_setup *tiny = *state;
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find("rl", &method));
    void *options = short_options(method, NULL);
    tiny->runtime.compat = LETHE_COMPAT_OFFICIAL;
    lethe_model *unbroken = original_model(tiny, true);
    assert_ok(run(tiny, method, options, unbroken));
    lethe_model *resumed = run_in_sittings(tiny, method, options, true, stop_at_once);
    assert_same_model(unbroken, resumed);
    lethe_model_destroy(&unbroken);
    lethe_model_destroy(&resumed);
    lethe__free(options);
}

/* SalUn with every weight salient is random labels. */
static void test_salun_of_all_weights(void **state) {
    tiny_setup *tiny = *state;
    const lethe_unlearn_method *rl, *salun;
    assert_ok(lethe_unlearn_find("rl", &rl));
    assert_ok(lethe_unlearn_find("salun", &salun));
    void *rl_options = short_options(rl, NULL), *salun_options = short_options(salun, NULL);
    assert_ok(lethe_options_set(salun->options, salun_options, "saliency", "1"));
    lethe_model *expected = original_model(tiny, true), *actual = original_model(tiny, true);
    assert_ok(run(tiny, rl, rl_options, expected));
    assert_ok(run(tiny, salun, salun_options, actual));
    assert_same_model(expected, actual);
    lethe_model_destroy(&expected);
    lethe_model_destroy(&actual);
    lethe__free(rl_options);
    lethe__free(salun_options);
}

/* The rows that two models of different numbers of classes share. */
static void copy_rows(lethe_model *from, lethe_model *to) {
    for (size_t i = 0; i < lethe_model_tensor_count(to); i++) {
        lethe_tensor_view source = lethe_model_tensor(from, i), target = lethe_model_tensor(to, i);
        assert_string_equal(source.name, target.name);
        size_t n = source.size < target.size ? source.size : target.size;
        memcpy(target.values, source.values, n * sizeof(float));
        if (source.mask != NULL)
            memcpy(target.mask, source.mask, n);
    }
    memcpy(to->weights.buffers, from->weights.buffers, to->graph->buffer_size * sizeof(float));
    to->num_batches_tracked = from->num_batches_tracked;
    to->weights.version++;
}

/* Boundary expanding is the training of a model with a class more, all samples to forget in it, without the
 * row of that class; and the samples leave their classes. */
static void test_boundary_expand_is_a_training_with_a_shadow_class(void **state) {
    tiny_setup *tiny = *state;
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find("boundary-expand", &method));
    void *options = short_options(method, "0.05");
    lethe_model *original = original_model(tiny, true), *actual = original_model(tiny, true), *wide;
    lethe_model_info info = original->info;
    info.classes = TINY_CLASSES + 1;
    assert_ok(lethe_model_create(&info, &wide));
    assert_ok(lethe_model_initialise(wide, tiny->runtime.seed));
    assert_ok(lethe__model_make_mask(wide));
    copy_rows(original, wide);

    int32_t labels[TINY_N];
    for (size_t i = 0; i < TINY_N; i++)
        labels[i] = TINY_CLASSES;
    lethe_samples samples = tiny_samples(tiny, N_RETAIN, N_FORGET);
    samples.labels = labels;
    lethe_fit_options fit = tiny_fit(2);
    fit.lr_schedule = LETHE_LR_CONSTANT;
    fit.lr = 0.05;
    lethe_trainer *trainer = open_trainer(tiny, wide);
    assert_ok(lethe_trainer_fit(trainer, "by hand", samples, &fit));
    lethe_trainer_destroy(&trainer);
    copy_rows(wide, original);

    assert_ok(run(tiny, method, options, actual));
    assert_int_equal(lethe_model_get_info(actual)->classes, TINY_CLASSES);
    assert_same_model(original, actual);
    lethe_model_destroy(&original);
    lethe_model_destroy(&actual);
    lethe_model_destroy(&wide);
    lethe__free(options);
}

/* What the second trainer does is the first one's time and history, over all sittings, and leaves no file. */
static void test_boundary_expand_reports_its_training(void **state) {
    tiny_setup *tiny = *state;
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find("boundary-expand", &method));
    void *options = short_options(method, NULL);
    char expanded[128];
    snprintf(expanded, sizeof expanded, "%s.expanded", tiny->checkpoint);
    tiny->runtime.checkpoint = tiny->checkpoint;
    tiny->runtime.resume = true;
    tiny->runtime.stop = &tiny->stop;
    tiny->runtime.progress = stop_after_an_epoch;
    tiny->runtime.user = tiny;
    for (size_t sitting = 1; sitting <= 2; sitting++) {
        size_t n;
        tiny->stop = 0;
        lethe_model *model = original_model(tiny, false);
        lethe_trainer *trainer = open_trainer(tiny, model);
        double before = lethe_trainer_seconds(trainer);
        assert_true(sitting == 1 ? before == 0 : before > 0);
        lethe_status status = lethe_unlearn(method, options, trainer, tiny_samples(tiny, 0, 0),
                                            tiny_samples(tiny, N_RETAIN, N_FORGET));
        assert_int_equal(status, sitting == 1 ? LETHE_STOPPED : LETHE_OK);
        assert_int_equal(access(expanded, F_OK) == 0, sitting == 1);
        const lethe_epoch_record *records = lethe_trainer_history(trainer, &n);
        assert_int_equal(n, sitting);
        assert_int_equal(records[n - 1].epoch, n - 1);
        assert_true(lethe_trainer_seconds(trainer) > before);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
    }
    lethe__free(options);
}

/* With compat official, gamma is that code's alpha: gamma_t = alpha (1 - t/T). */
static void test_official_gamma(void **state) {
    tiny_setup *tiny = *state;
    lethe_fit_options fit = tiny_fit(2);
    fit.lr_schedule = LETHE_LR_CONSTANT;
    fit.lr = 0.01;
    fit.gamma = 2.5e-4; /* the default of l1-sparse is 5e-4 */
    fit.gamma_schedule = LETHE_L1_DECAYING;
    tiny->runtime.compat = LETHE_COMPAT_OFFICIAL;
    lethe_model *expected = original_model(tiny, true);
    expect_training(tiny, "l1-sparse", &fit, tiny_samples(tiny, 0, N_RETAIN), expected);
    lethe_model_destroy(&expected);
}

/* --- errors and messages --- */

static void test_unknown_names_and_values_are_refused(void **state) {
    tiny_setup *tiny = *state;
    const lethe_unlearn_method *method = NULL;
    assert_int_equal(lethe_unlearn_find("fft", &method), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "ft"));
    assert_null(method);
    assert_ok(lethe_unlearn_find("retrain", &method));
    lethe_model *model = original_model(tiny, false), *untouched = original_model(tiny, false);
    void *options = short_options(method, NULL);
    assert_ok(lethe_options_set(method->options, options, "milestones", "soon"));
    assert_int_equal(run(tiny, method, options, model), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "soon"));
    assert_same_model(model, untouched);
    lethe__free(options);
    lethe_model_destroy(&model);
    lethe_model_destroy(&untouched);
}

static void remember_sentence(void *user, lethe_log_level level, const char *sentence) {
    assert_int_equal(level, LETHE_LOG_INFO);
    snprintf(user, 64, "%s", sentence);
}

static lethe_status speak(lethe_unlearning *unlearning, const void *options) {
    (void)options;
    assert_int_equal(lethe_unlearning_retain(unlearning).n, N_RETAIN);
    assert_int_equal(lethe_unlearning_forget(unlearning).n, N_FORGET);
    assert_ptr_equal(lethe_unlearning_model(unlearning),
                     lethe_trainer_model(lethe_unlearning_trainer(unlearning)));
    lethe_unlearning_log(unlearning, LETHE_LOG_INFO, "%d samples to forget", N_FORGET);
    return LETHE_OK;
}

/* A method from outside the registry, with no options at all. */
static void test_context_of_a_foreign_method(void **state) {
    tiny_setup *tiny = *state;
    static const lethe_option no_options[] = {LETHE_OPTIONS_END};
    static const lethe_unlearn_method method = {.name = "speak", .options = no_options, .run = speak};
    char sentence[64] = "";
    tiny->runtime.log = remember_sentence;
    tiny->runtime.user = sentence;
    lethe_model *model = original_model(tiny, false);
    assert_ok(run(tiny, &method, NULL, model));
    assert_string_equal(sentence, "4 samples to forget");
    lethe_model_destroy(&model);
}

static int open_tiny(void **state) {
    static tiny_setup tiny;
    tiny_open(&tiny);
    *state = &tiny;
    return 0;
}

static int close_tiny(void **state) {
    tiny_close(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_tiny, close_tiny)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_method_keeps_the_contract),
        TEST(test_methods_are_their_trainings),
        TEST(test_random_labels),
        TEST(test_official_labels_after_a_resume),
        TEST(test_salun_of_all_weights),
        TEST(test_boundary_expand_is_a_training_with_a_shadow_class),
        TEST(test_boundary_expand_reports_its_training),
        TEST(test_official_gamma),
        TEST(test_unknown_names_and_values_are_refused),
        TEST(test_context_of_a_foreign_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
