/* test_unlearn_parity.c - whole methods against the same trainings in PyTorch (float64), and the weights that
 * SalUn chooses against PyTorch's gradients; with the reference kernels and with those chosen for this
 * machine. */
#include "fixture_model.h"

#include "base/memory.h"
#include "base/number.h"
#include "data/dataset.h"
#include <lethe/unlearn.h>

enum { N = 24, N_RETAIN = 16, N_FORGET = 8, PIXELS = 32 * 32 * 3, CLASSES = 10 };

typedef struct setup {
    json_t *fixture;
    uint8_t images[N * PIXELS];
    int32_t labels[N];
    uint32_t ids[N];
    lethe_dataset dataset;
    lethe_runtime runtime;
} setup;

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != LETHE_OK)                                                                              \
            fail_msg("%s", lethe_last_message());                                                            \
    } while (0)

static int open_setup(void **state) {
    static setup s;
    s.fixture = fixture_load("methods_resnet20s");
    uint64_t seed = fixture_seed(s.fixture);
    fixture_images("methods.input", seed, N, 3, 32, 32, s.images);
    fixture_labels("methods.label", seed, N, CLASSES, s.labels);
    for (uint32_t i = 0; i < N; i++)
        s.ids[i] = i;
    s.dataset.info = (lethe_dataset_info){.name = "methods",
                                          .path = "",
                                          .classes = CLASSES,
                                          .height = 32,
                                          .width = 32,
                                          .channels = 3,
                                          .n_train = N};
    assert_ok(lethe_runtime_defaults(&s.runtime));
    s.runtime.precision = LETHE_PRECISION_F32;
    s.runtime.threads = 1;
    *state = &s;
    return 0;
}

static int close_setup(void **state) {
    json_decref(((setup *)*state)->fixture);
    return 0;
}

static void *make_options(const lethe_unlearn_method *method, const json_t *given) {
    static const char *const common[][2] = {
        {"epochs", "2"}, {"batch", "8"}, {"lr", "0.01"}, {"augment", "none"}, {"shuffle", "off"}};
    static char text[8][LETHE__NUMBER_TEXT];
    void *options;
    assert_ok(lethe__allocate(1, method->options_size, &options));
    assert_ok(lethe_options_defaults(method->options, options));
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        assert_ok(lethe_options_set(method->options, options, common[i][0], common[i][1]));
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)given, key, value) {
        lethe__number_format(json_number_value(value), text[n]);
        assert_ok(lethe_options_set(method->options, options, key, text[n++]));
    }
    return options;
}

static void run_method(setup *s, const lethe_unlearn_method *method, const void *options,
                       lethe_model *model) {
    lethe_samples none = {.dataset = &s->dataset}, retain = none;
    retain.images = s->images;
    retain.labels = s->labels;
    retain.ids = s->ids;
    retain.n = N_RETAIN;
    lethe_samples forget = retain;
    forget.ids += N_RETAIN;
    forget.n = N_FORGET;
    lethe_trainer *trainer;
    assert_ok(lethe_trainer_create(model, none, &s->runtime, "parity", &trainer));
    assert_ok(lethe_unlearn(method, options, trainer, retain, forget));
    assert_true(lethe_trainer_seconds(trainer) > 0);
    lethe_trainer_destroy(&trainer);
}

static void compare_case(setup *s, const json_t *item) {
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find(json_string_value(json_object_get(item, "method")), &method));
    void *options = make_options(method, json_object_get(item, "options"));
    bool official = json_is_true(json_object_get(item, "official"));
    s->runtime.compat = official ? LETHE_COMPAT_OFFICIAL : LETHE_COMPAT_NONE;
    if (strcmp(method->name, "l1-sparse") == 0)
        assert_ok(lethe_options_set(method->options, options, "l1", "proximal"));
    lethe_model *model = fixture_model("resnet20s", fixture_seed(s->fixture));
    run_method(s, method, options, model);
    double tolerance = fmax(1e-4, 4 * fixture_number(item, "pytorch_float32_error")), zeros = 0;
    const json_t *parameters = json_object_get(item, "parameters");
    fixture_compare_slots(parameters, model->graph->parameters, model->graph->n_parameters,
                          model->weights.parameters, tolerance, 1e-5 * fixture_largest_norm(parameters),
                          FIXTURE_TRAINED);
    fixture_compare_slots(json_object_get(item, "buffers"), model->graph->buffers, model->graph->n_buffers,
                          model->weights.buffers, fmax(1e-3, tolerance), 1e-4, FIXTURE_TRAINED);
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        zeros += model->weights.parameters[i] == 0;
    /* weights at the very threshold may fall to either side */
    assert_true(fabs(zeros - fixture_number(item, "zeros")) <= 0.002 * fixture_number(item, "zeros"));
    lethe_model_destroy(&model);
    lethe__free(options);
}

static void parity_methods(setup *s, lethe_backend backend) {
    size_t index, n = 0;
    json_t *item;
    s->runtime.backend = backend;
    json_array_foreach(json_object_get(s->fixture, "cases"), index, item) {
        compare_case(s, item);
        n++;
    }
    assert_true(n >= 7);
}

static void parity_with_reference_kernels(void **state) {
    parity_methods(*state, LETHE_BACKEND_REF);
}

static void parity_with_chosen_kernels(void **state) {
    parity_methods(*state, LETHE_BACKEND_AUTO);
}

/* The weights that SalUn leaves exactly as they were are those whose gradient is not among the largest. */
static void parity_salun_weights(void **state) {
    setup *s = *state;
    const lethe_unlearn_method *method;
    assert_ok(lethe_unlearn_find("salun", &method));
    void *options = make_options(method, NULL);
    assert_ok(lethe_options_set(method->options, options, "saliency", "0.3"));
    lethe_model *model = fixture_model("resnet20s", fixture_seed(s->fixture)),
                *original = fixture_model("resnet20s", fixture_seed(s->fixture));
    run_method(s, method, options, model);
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        double expected = fixture_number(json_object_get(s->fixture, "salient_30"), slot->name), changed = 0;
        for (size_t k = slot->offset; k < slot->offset + slot->size; k++)
            changed += model->weights.parameters[k] != original->weights.parameters[k];
        /* rounding moves weights at the threshold, and a step may be too small to show */
        if (!(fabs(changed - expected) <= 2 + 0.005 * (double)slot->size))
            fail_msg("%s: %g weights changed, %g are salient", slot->name, changed, expected);
    }
    lethe_model_destroy(&model);
    lethe_model_destroy(&original);
    lethe__free(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parity_with_reference_kernels),
                                       cmocka_unit_test(parity_with_chosen_kernels),
                                       cmocka_unit_test(parity_salun_weights)};
    return cmocka_run_group_tests(tests, open_setup, close_setup);
}
