/* test_engine_choices.c - implementations chosen by a file of measurements: written, read back, obeyed, and
 * refused where the file is damaged or another machine's. Nothing is measured here: the times are made up. */
#include "base/digest.h"
#include "base/file.h"
#include "small_network.h"
#include "test_base.h"

#include "engine/choices.h"
#include "engine/plan.h"

static const char path[] = "kernels.json";
static const lethe_runtime here = {.threads = 1, .precision = LETHE_PRECISION_F32, .kernels = path};

static int open_setup(void **state) {
    return enter_folder(state) != 0 || open_network(state) != 0 ? -1 : 0;
}

static int close_setup(void **state) {
    close_network(state);
    return leave_folder(state);
}

/* --- a file with made-up times --- */

enum { STEM = 1, CONV = 3 }; /* nodes of the graph; node 5 has the shape of node 3 */

static const lethe__implementation *by_name(lethe__op_kind kind, const char *name) {
    const lethe__implementation *const *each = lethe__implementations(kind);
    while (*each != NULL && strcmp((*each)->name, name) != 0)
        each++;
    assert_non_null(*each);
    return *each;
}

static lethe__plan *make_plan(const lethe__choices *choices, int n, bool training, bool samples) {
    lethe__plan *plan = NULL;
    lethe__plan_request request = {.graph = graph,
                                   .weights = &weights,
                                   .choices = choices,
                                   .precision = LETHE_PRECISION_F32,
                                   .threads = 1,
                                   .n = n,
                                   .with_gradients = training,
                                   .with_samples = samples};
    assert_done(lethe__plan_create(&request, &plan));
    return plan;
}

static lethe__shape shape_of(int node, bool training) {
    lethe__plan *plan = make_plan(NULL, 2, training, false);
    lethe__shape shape = lethe__shape_of(&plan->operations[node], LETHE_PRECISION_F32);
    lethe__plan_destroy(&plan);
    return shape;
}

static void note(lethe__choices *choices, int node, bool training, const char *name, double seconds) {
    lethe__shape shape = shape_of(node, training);
    assert_done(lethe__choices_note(choices, &shape, by_name(LETHE__CONVOLUTION, name), seconds));
}

/* The reference for the wider convolutions in training. */
static void write_file(void) {
    lethe__choices *choices = NULL;
    remove(path);
    assert_done(lethe__choices_open(path, &here, &choices));
    note(choices, CONV, true, "native", 0.002);
    note(choices, CONV, true, "ref", 0.001);
    note(choices, CONV, true, "onednn", 0.003);
    assert_done(lethe__choices_save(choices, path));
    lethe__choices_destroy(&choices);
}

static const char *taken(const lethe__choices *choices, int node, int n, bool training, bool samples) {
    lethe__plan *plan = make_plan(choices, n, training, samples);
    const char *name = plan->operations[node].implementation->name;
    lethe__plan_destroy(&plan);
    return name;
}

/* --- tests --- */

static void the_fastest_is_taken_where_it_was_measured(void **state) {
    (void)state;
    lethe__choices *choices = NULL;
    write_file();
    assert_done(lethe__choices_load(&here, &choices));
    for (int n = 1; n <= MOST; n++) /* whatever the batch */
        assert_string_equal(taken(choices, CONV, n, true, false), "ref");
    assert_string_not_equal(taken(NULL, CONV, MOST, true, false), "ref");
    assert_string_not_equal(taken(choices, CONV, MOST, false, false), "ref");
    assert_string_not_equal(taken(choices, CONV, MOST, true, true), "ref");
    assert_string_not_equal(taken(choices, STEM, MOST, true, false), "ref");
    lethe__choices_destroy(&choices);
}

static void what_is_measured_anew_replaces_the_old(void **state) {
    (void)state;
    lethe__choices *choices = NULL;
    write_file();
    assert_done(lethe__choices_open(path, &here, &choices));
    assert_string_equal(taken(choices, CONV, 2, true, false), "ref");
    note(choices, CONV, true, "native", 0.005); /* slower than what the file holds, but measured now */
    note(choices, CONV, true, "ref", 0.006);
    note(choices, STEM, false, "ref", 0.001);
    assert_done(lethe__choices_save(choices, path));
    lethe__choices_destroy(&choices);
    assert_done(lethe__choices_load(&here, &choices));
    assert_string_equal(taken(choices, CONV, 2, true, false), "native");
    assert_string_equal(taken(choices, STEM, 2, false, false), "ref");
    lethe__choices_destroy(&choices);
}

static void what_does_not_support_a_shape_is_passed_over(void **state) {
    (void)state;
    lethe__choices *choices = NULL;
    remove(path);
    assert_done(lethe__choices_open(path, &here, &choices));
    note(choices, CONV, true, "amx", 0.001); /* bf16 only */
    assert_string_equal(taken(choices, CONV, 2, true, false), taken(NULL, CONV, 2, true, false));
    lethe__choices_destroy(&choices);
}

static void read_choice(void *user, const char *line) {
    if (strncmp(line, "convolution", 11) == 0)
        strcat(user, strstr(line, " ref ") != NULL ? "r" : ".");
}

static void an_executor_obeys_and_repeats_its_bits(void **state) {
    (void)state;
    float first[MOST * CLASSES], diff[MOST * CLASSES] = {1, -1};
    float *gradients = NULL;
    write_file();
    assert_done(lethe__allocate(graph->parameter_size, sizeof *gradients, &gradients));
    for (int time = 0; time < 2; time++) {
        lethe__executor *executor = NULL;
        const float *logits = NULL;
        char chosen[8] = "";
        weights.version++;
        assert_done(lethe__executor_create(graph, &weights, LETHE_PRECISION_F32, &here, &executor));
        assert_done(lethe__executor_describe(executor, LETHE__MODE_TRAIN, MOST, read_choice, chosen));
        assert_string_equal(chosen, ".rr");
        assert_done(lethe__executor_forward(executor, LETHE__MODE_TRAIN, images, MOST, &logits));
        assert_done(lethe__executor_backward(executor, diff));
        if (time == 0) {
            memcpy(first, logits, sizeof first);
            memcpy(gradients, weights.gradients, graph->parameter_size * sizeof *gradients);
        }
        assert_memory_equal(logits, first, sizeof first);
        assert_memory_equal(weights.gradients, gradients, graph->parameter_size * sizeof *gradients);
        lethe__executor_destroy(&executor);
    }
    lethe__free(gradients);
}

/* Loading must fail with this sentence and leave nothing behind. */
static void refuses(const lethe_runtime *runtime, lethe_status status, const char *part) {
    int64_t live = lethe__memory_live_blocks();
    lethe__choices *choices = NULL;
    assert_fails(lethe__choices_load(runtime, &choices), status, part);
    assert_null(choices);
    assert_int_equal(lethe__memory_live_blocks(), live);
}

static void another_machine_is_refused(void **state) {
    (void)state;
    lethe_runtime other = here;
    write_file();
    other.threads = 2;
    refuses(&other, LETHE_INPUT, "another number of threads, '1' and not '2'");
    assert_non_null(strstr(lethe_last_message(), "lethe bench ops --arch NAME --threads 2 --precision f32"));
    other = here;
    other.precision = LETHE_PRECISION_BF16;
    refuses(&other, LETHE_INPUT, "no choice for the precision bf16");
    other = here;
    other.backend = LETHE_BACKEND_REF;
    refuses(&other, LETHE_USAGE, "--backend ref");
    other = here;
    other.kernels_digest = "another";
    refuses(&other, LETHE_INPUT, "has changed");
    other = here;
    other.kernels = "missing.json";
    refuses(&other, LETHE_INPUT, "missing.json");
    char digest[LETHE_DIGEST_TEXT];
    lethe__choices *choices = NULL;
    assert_done(lethe__digest_file(path, digest));
    other = here;
    other.kernels_digest = digest;
    assert_done(lethe__choices_load(&other, &choices));
    lethe__choices_destroy(&choices);
}

/* The file with the first `old` replaced by `new`. */
static void write_replaced(const char *text, const char *old, const char *new) {
    const char *at = strstr(text, old);
    assert_non_null(at);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fprintf(stream, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    fclose(stream);
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *message;
    } wrong[] = {
        {"lethe.kernels/1", "lethe.run/1", "its schema is 'lethe.run/1'"},
        {"\"cpu\": \"", "\"cpu\": \"not this ", "another CPU, 'not this "},
        {"\"isa\": \"", "\"isa\": \"x", "another instruction set, 'x"},
        {"\"lethe\": \"", "\"lethe\": \"0", "another version of lethe, '0"},
        {"\"oneDNN\": \"", "\"oneDNN\": \"9", "another version of oneDNN, '9"},
        {"\"threads\": 1", "\"threads\": \"1\"", "'threads' must be an integer"},
        {"\"choices\": [", "\"choices\": [7, ", "choice 1: 'kind' is missing"},
        {"\"choices\": ", "\"other\": ", "'choices' is missing"},
        {"\"convolution\"", "\"attention\"", "unknown kind 'attention'"},
        {"\"f32\"", "\"f16\"", "unknown precision 'f16'"},
        {"\"training\"", "null", "'pass' must be a text"},
        {"\"kernel\": 3", "\"kernel\": 3.5", "'kernel' must be an integer"},
        {"\"height\": 8", "\"height\": -8", "'height' is -8"},
        {"\"bias\": 0", "\"bias\": 2", "'bias' is 2"},
        {"\"ref\"", "\"magic\"", "choice 1: unknown implementation 'magic'"},
        {"\"milliseconds\": ", "\"milliseconds\": true, \"x\": ", "'milliseconds' must be a number"},
    };
    uint8_t *bytes = NULL;
    size_t n;
    write_file();
    assert_done(lethe__file_read(path, 1 << 20, &bytes, &n));
    const char *text = (const char *)bytes;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_replaced(text, wrong[i].old, wrong[i].new);
        refuses(&here, LETHE_INPUT, wrong[i].message);
    }
    for (size_t length = 0; length + 2 < n; length++) { /* without the last brace and newline at least */
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        fwrite(text, 1, length, stream);
        fclose(stream);
        refuses(&here, LETHE_INPUT, path);
    }
    const char *item = strchr(strstr(text, "\"choices\""), '{'), *end = strchr(item, '}') + 1;
    char twice[2048];
    snprintf(twice, sizeof twice, "%.*s, {", (int)(end - item), item);
    write_replaced(text, item, ""); /* what follows `item` is the rest of the file */
    FILE *stream = fopen(path, "a");
    assert_non_null(stream);
    fprintf(stream, "%s%s", twice, item + 1);
    fclose(stream);
    refuses(&here, LETHE_INPUT, "choice 2: has the shape of an earlier one");
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    refuses(&here, LETHE_INPUT, "holds more than");
    lethe__free(bytes);
}

static lethe_status load_and_save(void) {
    lethe__choices *choices = NULL;
    lethe_status status = lethe__choices_load(&here, &choices);
    if (status == LETHE_OK)
        status = lethe__choices_save(choices, "again.json");
    lethe__choices_destroy(&choices);
    return status;
}

static void no_memory_is_reported_and_the_file_repeats(void **state) {
    (void)state;
    uint8_t *one = NULL, *other = NULL;
    size_t n, n_other;
    write_file();
    assert_true(fail_each_allocation(load_and_save) > 10);
    assert_done(lethe__file_read(path, 1 << 20, &one, &n));
    assert_done(lethe__file_read("again.json", 1 << 20, &other, &n_other));
    assert_int_equal(n, n_other);
    assert_memory_equal(one, other, n);
    lethe__free(one);
    lethe__free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_taken_where_it_was_measured),
        cmocka_unit_test(what_is_measured_anew_replaces_the_old),
        cmocka_unit_test(what_does_not_support_a_shape_is_passed_over),
        cmocka_unit_test(an_executor_obeys_and_repeats_its_bits),
        cmocka_unit_test(another_machine_is_refused),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(no_memory_is_reported_and_the_file_repeats),
    };
    return cmocka_run_group_tests(tests, open_setup, close_setup);
}
