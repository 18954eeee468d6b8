/* test_unlearn_fisher.c - Fisher forgetting as a whole: every parameter against mean and noise put together
 * by hand; which rows of the head --compat official replaces, and that the default replaces none. */
#include "tiny_training.h"

#include "base/random.h"
#include "models/model.h"
#include "unlearn/fisher.h"
#include "unlearn/unlearn.h"
#include <lethe/unlearn.h>

enum { CLASSES = 10, MOST_FORGET = 4500, ALL_CLASSES = -1, NO_ROW = -1 };

typedef struct fisher_case {
    const char *data;
    size_t n_forget;
    int forget; /* class, or ALL_CLASSES */
    bool official;
    int row; /* of the head that is replaced */
} fisher_case;

static const fisher_case cases[] = {
    {"cifar10", 4500, 2, true, 2},
    {"cifar100", 450, 1, true, 1},
    {"cifar10", 4500, ALL_CLASSES, true, CLASSES - 1}, /* its error: class -1 is the last row */
    {"cifar10", 4499, 2, true, NO_ROW},
    {"cifar100", 4500, 2, true, NO_ROW},
    {"fashion-mnist", 4500, 2, true, NO_ROW},
    {"cifar10", 4500, 2, false, NO_ROW},
    {"cifar10", 4500, ALL_CLASSES, false, NO_ROW},
};

/* A model of ten classes without every other convolution weight. */
static lethe_model *make_model(const tiny_setup *tiny) {
    lethe_model *model = tiny_model(tiny, 1);
    assert_ok(lethe__model_make_mask(model));
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        for (size_t k = slot->offset; slot->prunable && k < slot->offset + slot->size; k++)
            model->mask[k] = k % 2;
    }
    lethe__model_apply_mask(model);
    return model;
}

/* The forget set names samples of its class again and again: only its labels and its size are read. */
static void choose(const tiny_setup *tiny, const fisher_case *now, lethe_samples *retain,
                   lethe_samples *forget) {
    static uint32_t retained[TINY_N], forgotten[MOST_FORGET];
    *retain = *forget = tiny_samples(tiny, 0, 0);
    retain->ids = retained;
    forget->ids = forgotten;
    for (uint32_t id = 0; id < TINY_N; id++)
        if (tiny->labels[id] != now->forget)
            retained[retain->n++] = id;
    for (uint32_t id = 0; forget->n < now->n_forget; id = (id + 1) % TINY_N)
        if (now->forget == ALL_CLASSES || tiny->labels[id] == now->forget)
            forgotten[forget->n++] = id;
}

static bool in_row(const lethe__slot *slot, size_t k, int row) {
    size_t size = slot->size / slot->shape[0];
    bool head = strcmp(slot->name, "fc.weight") == 0 || strcmp(slot->name, "fc.bias") == 0;
    return head && row != NO_ROW && k / size == (size_t)row;
}

/* theta + sqrt(variance) z, where a replaced row has mean 0 and variance 1e-3. */
static void forget_by_hand(lethe_trainer *trainer, lethe_samples retain, const lethe__ff_options *ff,
                           const fisher_case *now) {
    lethe_model *model = lethe_trainer_model(trainer);
    size_t n = model->graph->parameter_size;
    float *diagonal, *variance;
    lethe__measurement measurement;
    assert_ok(lethe__allocate(n, sizeof *diagonal, &diagonal));
    assert_ok(lethe__allocate(n, sizeof *variance, &variance));
    assert_ok(
        lethe__measurement_open(&measurement, trainer, "test", now->official ? 32 : ff->batch, retain.n));
    assert_ok(now->official ? lethe__fisher_diagonal_official(&measurement, retain, diagonal)
                            : lethe__fisher_diagonal(&measurement, retain, ff->labels, diagonal));
    lethe__measurement_close(&measurement);
    lethe__ff_variance(model, ff, now->official, diagonal, variance);
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        lethe__random random = lethe__random_open(trainer->runtime->seed, LETHE__RANDOM_METHOD,
                                                  LETHE__METHOD_NOISE, (uint32_t)s);
        for (size_t k = 0; k < slot->size; k++) {
            float *at = &model->weights.parameters[slot->offset + k], noise = lethe__random_normal(&random);
            bool replaced = in_row(slot, k, now->row);
            *at = (replaced ? 0 : *at) + sqrtf(replaced ? 1e-3f : variance[slot->offset + k]) * noise;
        }
    }
    lethe__free(diagonal);
    lethe__free(variance);
}

static void check_case(tiny_setup *tiny, const fisher_case *now) {
    const lethe_unlearn_method *method;
    lethe__ff_options ff = {0};
    lethe_samples retain, forget;
    lethe_trainer *trainer;
    lethe_model *actual = make_model(tiny), *expected = make_model(tiny);
    snprintf(tiny->dataset.info.name, sizeof tiny->dataset.info.name, "%s", now->data);
    tiny->runtime.compat = now->official ? LETHE_COMPAT_OFFICIAL : LETHE_COMPAT_NONE;
    choose(tiny, now, &retain, &forget);
    assert_ok(lethe_unlearn_find("ff", &method));
    assert_ok(lethe_options_defaults(method->options, &ff));

    assert_ok(lethe_trainer_create(actual, tiny_samples(tiny, 0, 0), &tiny->runtime, "test", &trainer));
    assert_ok(lethe_unlearn(method, &ff, trainer, retain, forget));
    lethe_trainer_destroy(&trainer);
    assert_ok(lethe_trainer_create(expected, tiny_samples(tiny, 0, 0), &tiny->runtime, "test", &trainer));
    forget_by_hand(trainer, retain, &ff, now);
    lethe_trainer_destroy(&trainer);

    for (size_t k = 0; k < actual->graph->parameter_size; k++)
        if (!(fabsf(actual->weights.parameters[k] - expected->weights.parameters[k]) <= 1e-7f))
            fail_msg("%s, %zu of class %d: parameter %zu is %.9g, not %.9g", now->data, now->n_forget,
                     now->forget, k, (double)actual->weights.parameters[k],
                     (double)expected->weights.parameters[k]);
    assert_mask_kept(actual);
    lethe_model_destroy(&actual);
    lethe_model_destroy(&expected);
}

static void noise_and_replaced_rows_are_those_of_the_rules(void **state) {
    static tiny_setup tiny;
    (void)state;
    tiny_open(&tiny);
    tiny.dataset.info.classes = CLASSES;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&tiny, &cases[i]);
    tiny_close(&tiny);
}

/* What the official code's F has no place for is refused, and the model is left alone. */
static void official_forgetting_refuses_options_of_the_default(void **state) {
    static const char *const settings[][2] = {{"labels", "exact"}, {"batch", "64"}};
    static tiny_setup tiny;
    (void)state;
    tiny_open(&tiny);
    tiny.runtime.compat = LETHE_COMPAT_OFFICIAL;
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find("ff", &method));
    for (size_t i = 0; i < 2; i++) {
        lethe__ff_options ff = {0};
        lethe_trainer *trainer;
        lethe_model *model = tiny_model(&tiny, 1), *untouched = tiny_model(&tiny, 1);
        assert_ok(lethe_options_defaults(method->options, &ff));
        assert_ok(lethe_options_set(method->options, &ff, settings[i][0], settings[i][1]));
        assert_ok(lethe_trainer_create(model, tiny_samples(&tiny, 0, 0), &tiny.runtime, "test", &trainer));
        assert_int_equal(
            lethe_unlearn(method, &ff, trainer, tiny_samples(&tiny, 0, 8), tiny_samples(&tiny, 8, 4)),
            LETHE_USAGE);
        assert_non_null(strstr(lethe_last_message(), settings[i][0]));
        assert_non_null(strstr(lethe_last_message(), "--compat official"));
        assert_same_model(model, untouched);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
        lethe_model_destroy(&untouched);
    }
    tiny_close(&tiny);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(noise_and_replaced_rows_are_those_of_the_rules),
                                       cmocka_unit_test(official_forgetting_refuses_options_of_the_default)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
