/* test_checkpoint_training.c - a frozen training run: every bit comes back, a file of another run or model is
 * refused, a hostile one too, and a failure leaves the state as it was. */
#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/training_state.h"
#include "fixture_model.h"
#include <float.h>
#include <limits.h>
#include <unistd.h>

static const char path[] = "test_checkpoint_training.tmp", made_path[] = "test_checkpoint_training.made";

static void check(lethe_status status) {
    if (status != LETHE_OK)
        fail_msg("%s", lethe_last_message());
}

/* A state of numbers that text would spoil: NaNs, denormals, thirds. */
static lethe__training_state make_state(bool full) {
    lethe__training_state state = {.model = fixture_model("resnet20s", 3),
                                   .stage = 2,
                                   .epoch = 17,
                                   .step = 123456,
                                   .loss_sum = 1.0 / 3,
                                   .n_correct = 99,
                                   .n_seen = 128,
                                   .epoch_seconds = DBL_TRUE_MIN,
                                   .total_seconds = 1e300,
                                   .identity = "seed 1\xff, lr 0.1"};
    size_t n = state.model->graph->parameter_size, n_buffers = state.model->graph->buffer_size;
    state.model->num_batches_tracked = INT64_MAX;
    state.model->weights.parameters[0] = FLT_TRUE_MIN;
    state.model->weights.parameters[1] = NAN;
    check(lethe__allocate(n, sizeof(float), &state.velocity));
    for (size_t i = 0; i < n; i++)
        state.velocity[i] = 1.0f / (float)(i + 1);
    if (!full)
        return state;
    check(lethe__model_make_mask(state.model));
    state.model->mask[5] = 0;
    check(lethe__allocate(n, sizeof(float), &state.kept_parameters));
    check(lethe__allocate(n_buffers, sizeof(float), &state.kept_buffers));
    state.kept_parameters[n - 1] = -0.0f;
    state.kept_buffers[n_buffers - 1] = 7;
    check(lethe__grow(&state.history, &state.history_capacity, 3, sizeof *state.history));
    state.n_history = 3;
    for (int i = 0; i < 3; i++)
        state.history[i] =
            (lethe_epoch_record){i, INT_MAX - i, 0.1 * i, 1e-310, 1.0 / 7, INFINITY, 99.9, NAN, 0.9};
    return state;
}

static void destroy_state(lethe__training_state *state) {
    lethe_model_destroy(&state->model);
    lethe__free(state->velocity);
    lethe__free(state->kept_parameters);
    lethe__free(state->kept_buffers);
    lethe__free(state->history);
}

static void assert_same_bytes(const void *a, const void *b, size_t n) {
    assert_int_equal(a != NULL, b != NULL);
    if (a != NULL)
        assert_memory_equal(a, b, n);
}

static void assert_same_state(const lethe__training_state *a, const lethe__training_state *b) {
    size_t n = a->model->graph->parameter_size, n_buffers = a->model->graph->buffer_size;
    assert_same_bytes(a->model->weights.parameters, b->model->weights.parameters, n * sizeof(float));
    assert_same_bytes(a->model->weights.buffers, b->model->weights.buffers, n_buffers * sizeof(float));
    assert_same_bytes(a->model->mask, b->model->mask, n);
    assert_int_equal(a->model->num_batches_tracked, b->model->num_batches_tracked);
    assert_same_bytes(a->velocity, b->velocity, n * sizeof(float));
    assert_same_bytes(a->kept_parameters, b->kept_parameters, n * sizeof(float));
    assert_same_bytes(a->kept_buffers, b->kept_buffers, n_buffers * sizeof(float));
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->n_correct, b->n_correct);
    assert_int_equal(a->n_seen, b->n_seen);
    assert_memory_equal(&a->loss_sum, &b->loss_sum, sizeof a->loss_sum);
    assert_memory_equal(&a->epoch_seconds, &b->epoch_seconds, sizeof a->epoch_seconds);
    assert_memory_equal(&a->total_seconds, &b->total_seconds, sizeof a->total_seconds);
    assert_int_equal(a->n_history, b->n_history);
    if (a->n_history > 0)
        assert_memory_equal(a->history, b->history, a->n_history * sizeof *a->history);
}

/* Into a fresh state and into one that holds everything already; a full file and a lean one. */
static void every_bit_comes_back(void **unused) {
    (void)unused;
    for (int full = 0; full < 2; full++)
        for (int target_full = 0; target_full < 2; target_full++) {
            lethe__training_state saved = make_state(full), loaded = make_state(target_full);
            loaded.stage = loaded.epoch = 0;
            loaded.loss_sum = 5;
            memset(loaded.velocity, 0, saved.model->graph->parameter_size * sizeof(float));
            memset(loaded.model->weights.buffers, 0, saved.model->graph->buffer_size * sizeof(float));
            uint64_t version = loaded.model->weights.version;
            check(lethe__training_state_save(&saved, path));
            check(lethe__training_state_load(&loaded, path));
            assert_same_state(&saved, &loaded);
            assert_true(loaded.model->weights.version > version);
            assert_true(loaded.history_capacity >= loaded.n_history);
            destroy_state(&saved);
            destroy_state(&loaded);
        }
}

/* Loading into `target` must fail, say `reason` and the file, and change nothing. */
static void expect_refused(lethe__training_state *target, const char *file, const char *reason) {
    lethe__training_state before = make_state(target->kept_parameters != NULL);
    if (lethe__training_state_load(target, file) != LETHE_INPUT)
        fail_msg("accepted, although: %s", reason);
    if (strstr(lethe_last_message(), reason) == NULL || strstr(lethe_last_message(), file) == NULL)
        fail_msg("'%s' does not say '%s'", lethe_last_message(), reason);
    if (strcmp(target->model->info.arch, before.model->info.arch) == 0)
        assert_same_state(&before, target);
    destroy_state(&before);
}

static void other_runs_and_models_are_refused(void **unused) {
    (void)unused;
    lethe__training_state state = make_state(true);
    check(lethe__training_state_save(&state, path));
    static const char *const identities[] = {"", "seed 1", "seed 2\xff, lr 0.1", "seed 1\xff, lr 0.1, more"};
    for (size_t i = 0; i < 4; i++) {
        state.identity = identities[i];
        expect_refused(&state, path, "belongs to a run with other options, data or model");
    }
    destroy_state(&state);

    lethe__training_state other = {.model = fixture_model("resnet44s", 3), .identity = "seed 1\xff, lr 0.1"};
    check(lethe__allocate(other.model->graph->parameter_size, sizeof(float), &other.velocity));
    expect_refused(&other, path, "belongs to another model");
    destroy_state(&other);
}

/* One tensor of a good file replaced, or left out (dtype LETHE__ST_DTYPES). */
static void write_with(const lethe__st_tensor *replacement, const char *schema) {
    lethe__st_file file;
    lethe__st_tensor tensors[16];
    size_t n = 0;
    check(lethe__st_read(path, &file));
    for (size_t i = 0; i < file.n_tensors; i++) {
        bool replaced = strcmp(file.tensors[i].name, replacement->name) == 0;
        if (!replaced || replacement->dtype != LETHE__ST_DTYPES)
            tensors[n++] = replaced ? *replacement : file.tensors[i];
    }
    const lethe__st_metadata metadata = {"schema", schema};
    check(lethe__st_write(made_path, tensors, n, &metadata, 1));
    lethe__st_fini(&file);
}

static void hostile_files_are_refused(void **unused) {
    (void)unused;
    static const int64_t negative[6] = {0, 0, -1, 0, 0, 0}, large[6] = {0, (int64_t)INT_MAX + 1, 0, 0, 0, 0};
    static const double zeros[9], no_epoch[9] = {0, 1e10}, no_stage[9] = {NAN};
    const lethe__st_dtype absent = LETHE__ST_DTYPES, f64 = LETHE__ST_F64, i64 = LETHE__ST_I64,
                          u8 = LETHE__ST_U8;
    lethe__training_state state = make_state(true);
    check(lethe__training_state_save(&state, path));
    size_t n = state.model->graph->parameter_size;
    uint8_t *mask;
    check(lethe__allocate(n, 1, &mask));
    mask[n - 1] = 2;
    const struct {
        lethe__st_tensor tensor;
        const char *reason;
    } cases[] = {
        {{.name = "parameters", .dtype = absent}, "'parameters' is missing"},
        {{.name = "buffers", .dtype = absent}, "'buffers' is missing"},
        {{.name = "velocity", .dtype = absent}, "'velocity' is missing"},
        {{.name = "kept_buffers", .dtype = absent}, "'kept_buffers' is missing"},
        {{.name = "position", .dtype = absent}, "'position' is missing"},
        {{.name = "sums", .dtype = absent}, "'sums' is missing"},
        {{.name = "history", .dtype = absent}, "'history' is missing"},
        {{.name = "identity", .dtype = absent}, "other options"},
        {{"mask", u8, 1, {n}, n, mask}, "'mask' holds neither 0 nor 1"},
        {{"mask", u8, 1, {n - 1}, n - 1, mask}, "'mask' is not U8"},
        {{"velocity", u8, 1, {n}, n, mask}, "'velocity' is not F32"},
        {{"sums", f64, 2, {1, 3}, 24, zeros}, "'sums' is not F64 [3]"},
        {{"position", i64, 1, {6}, 48, negative}, "'position' holds -1 at element 2"},
        {{"position", i64, 1, {6}, 48, large}, "'position' holds 2147483648 at element 1"},
        {{"position", f64, 1, {6}, 48, zeros}, "'position' is not I64 [6]"},
        {{"history", f64, 2, {1, 8}, 64, zeros}, "'history' is missing or not F64 [epochs, 9]"},
        {{"history", f64, 1, {9}, 72, zeros}, "'history' is missing or not F64 [epochs, 9]"},
        {{"history", f64, 2, {1, 9}, 72, no_epoch}, "row 0 that is no count"},
        {{"history", f64, 2, {1, 9}, 72, no_stage}, "row 0 that is no count"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_with(&cases[i].tensor, "lethe.training_state/1");
        expect_refused(&state, made_path, cases[i].reason);
    }
    write_with(&cases[0].tensor, "lethe.training_state/9");
    expect_refused(&state, made_path, "its schema is 'lethe.training_state/9'");
    check(lethe_model_save(state.model, made_path)); /* a model is no checkpoint */
    expect_refused(&state, made_path, "its schema is ''");
    check(lethe__file_write(made_path, "garbage", 7));
    expect_refused(&state, made_path, "holds 7 bytes");
    lethe__free(mask);
    destroy_state(&state);
}

static void every_allocation_failure_is_clean(void **unused) {
    (void)unused;
    lethe__training_state full = make_state(true), lean = make_state(false), untouched = make_state(false);
    int64_t live = lethe__memory_live_blocks();
    uint64_t nth = 0;
    lethe_status status;
    do {
        lethe__memory_fail_nth(++nth);
        status = lethe__training_state_save(&full, path);
        lethe__memory_fail_nth(0);
        assert_true(status == LETHE_OK || status == LETHE_MEMORY);
        assert_int_equal(lethe__memory_live_blocks(), live);
    } while (status != LETHE_OK);
    for (nth = 1;; nth++) {
        lethe__memory_fail_nth(nth);
        status = lethe__training_state_load(&lean, path);
        lethe__memory_fail_nth(0);
        if (status == LETHE_OK)
            break;
        assert_int_equal(status, LETHE_MEMORY);
        assert_int_equal(lethe__memory_live_blocks(), live);
        assert_same_state(&untouched, &lean);
    }
    assert_same_state(&full, &lean);
    destroy_state(&full);
    destroy_state(&lean);
    destroy_state(&untouched);
}

static int remove_scratch(void **unused) {
    (void)unused;
    unlink(path);
    unlink(made_path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_comes_back),
        cmocka_unit_test(other_runs_and_models_are_refused),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(every_allocation_failure_is_clean),
    };
    return cmocka_run_group_tests_name("training states", tests, NULL, remove_scratch);
}
