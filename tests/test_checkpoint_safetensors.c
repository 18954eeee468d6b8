/* test_checkpoint_safetensors.c - the safetensors format: every rule that a file can break, what is allowed
 * although it looks odd, the writer's bytes, and running out of memory. */
#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char scratch_path[] = "test_checkpoint_safetensors.tmp";

/* A file of `header` and n_data bytes 0, 1, 2, ...; freed by lethe__free. */
static size_t make_file(const char *header, size_t n_header, size_t n_data, uint8_t **bytes) {
    uint64_t length = n_header;
    assert_int_equal(lethe__allocate(8 + n_header + n_data, 1, bytes), LETHE_OK);
    memcpy(*bytes, &length, 8);
    memcpy(*bytes + 8, header, n_header);
    for (size_t i = 0; i < n_data; i++)
        (*bytes)[8 + n_header + i] = (uint8_t)i;
    return 8 + n_header + n_data;
}

/* The bytes must be refused, with the place and `reason` in the message and nothing left behind. */
static void expect_refused(const uint8_t *bytes, size_t n, const char *reason) {
    lethe__st_file file = {.n_tensors = 77};
    int64_t live = lethe__memory_live_blocks();
    lethe_status status = lethe__st_parse(bytes, n, "a.safetensors", &file);
    if (status == LETHE_OK)
        fail_msg("accepted, although: %s", reason);
    assert_int_equal(status, LETHE_INPUT);
    assert_int_equal(file.n_tensors, 77);
    assert_int_equal(lethe__memory_live_blocks(), live);
    if (strstr(lethe_last_message(), reason) == NULL ||
        strstr(lethe_last_message(), "a.safetensors: ") == NULL)
        fail_msg("'%s' does not say '%s'", lethe_last_message(), reason);
}

typedef struct bad_header {
    const char *header;
    size_t n_data;
    const char *reason;
} bad_header;

#define ENTRY(dtype, shape, offsets)                                                                         \
    "{\"x\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const bad_header bad_headers[] = {
    /* JSON */
    {"", 0, "does not begin with '{'"},
    {" {}", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {"{\"x\":", 0, "not valid JSON"},
    {"{}x", 0, "not valid JSON"},
    {"{\"\xff\":{}}", 0, "not valid JSON"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"x\":{\"dtype\":\"U8\",\"shape\":[0],"
     "\"data_offsets\":[0,0]}}",
     0, "duplicate object key"},
    {"{\"x\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "duplicate"},
    {"{\"x\\u0000y\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "\\u0000"},
    /* metadata */
    {"{\"__metadata__\":[]}", 0, "'__metadata__' must be an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: 'a' must be a text"},
    {"{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "__metadata__: 'a' must be a text"},
    /* entries */
    {"{\"x\":3}", 0, "x: 'dtype' is missing"},
    {"{\"x\":{\"shape\":[],\"data_offsets\":[0,0]}}", 0, "x: 'dtype' is missing"},
    {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "x: 'shape' is missing"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "x: 'data_offsets' is missing"},
    {"{\"x\":{\"dtype\":5,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "x: 'dtype' must be a text"},
    {ENTRY("F31", "[]", "[0,4]"), 4, "dtype 'F31'"},
    {ENTRY("f32", "[]", "[0,4]"), 4, "dtype 'f32'"},
    {ENTRY("F32", "1", "[0,4]"), 4, "x: 'shape' must be an array"},
    {ENTRY("F32", "[1.0]", "[0,4]"), 4, "x: 'shape'[0] is not an integer"},
    {ENTRY("F32", "[1,-1]", "[0,4]"), 4, "x: 'shape'[1] is not an integer"},
    {ENTRY("F32", "[\"1\"]", "[0,4]"), 4, "x: 'shape'[0] is not an integer"},
    {ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "x: 'shape' has 9 entries"},
    {ENTRY("F32", "[99999999999999999999]", "[0,4]"), 4, "not valid JSON"},
    {ENTRY("F32", "[1]", "[0]"), 4, "'data_offsets' must be two integers"},
    {ENTRY("F32", "[1]", "[0,4,4]"), 4, "'data_offsets' has 3 entries"},
    {ENTRY("F32", "[1]", "[-4,0]"), 4, "'data_offsets'[0] is not an integer"},
    {ENTRY("F32", "[1]", "[4,0]"), 4, "data_offsets [4, 0] do not lie in 4 bytes"},
    {ENTRY("F32", "[1]", "[0,4]"), 3, "data_offsets [0, 4] do not lie in 3 bytes"},
    {ENTRY("F32", "[0]", "[9223372036854775807,9223372036854775807]"), 3, "do not lie in 3 bytes"},
    /* sizes */
    {ENTRY("F32", "[2]", "[0,4]"), 4, "F32 takes 64 bits, but data_offsets enclose 4 bytes"},
    {ENTRY("F4", "[3]", "[0,2]"), 2, "F4 takes 12 bits"},
    {ENTRY("F6_E2M3", "[2]", "[0,1]"), 1, "F6_E2M3 takes 12 bits"},
    {ENTRY("U8", "[4294967296,4294967296]", "[0,0]"), 0, "more elements than can be counted"},
    {ENTRY("F64", "[2305843009213693952]", "[0,0]"), 0, "more elements than can be counted"},
    {ENTRY("F32", "[4611686018427387904,2]", "[0,0]"), 0, "more elements than can be counted"},
    /* tiling */
    {"{}", 1, "1 bytes follow the last tensor"},
    {ENTRY("F32", "[1]", "[0,4]"), 6, "2 bytes follow the last tensor"},
    {ENTRY("F32", "[1]", "[4,8]"), 8, "x: begins at byte 4 of the data, but what lies before ends at 0"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],"
     "\"data_offsets\":[2,6]}}",
     6, "y: begins at byte 2 of the data, but what lies before ends at 4"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],"
     "\"data_offsets\":[0,4]}}",
     4, "y: begins at byte 0"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[0],"
     "\"data_offsets\":[2,2]}}",
     4, "y: begins at byte 2"},
};

static void every_broken_rule_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        const bad_header *bad = &bad_headers[i];
        uint8_t *bytes;
        size_t n = make_file(bad->header, strlen(bad->header), bad->n_data, &bytes);
        expect_refused(bytes, n, bad->reason);
        lethe__free(bytes);
    }
}

static void lying_header_lengths_are_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t length;
        const char *reason;
    } cases[] = {
        {3, "only 2 follow"},
        {100000000, "only 2 follow"},
        {100000001, "more than 100000000"},
        {UINT64_MAX, "more than 100000000"},
        {1, "not valid JSON"},
        {0, "does not begin with '{'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[10] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
        memcpy(bytes, &cases[i].length, 8);
        expect_refused(bytes, sizeof bytes, cases[i].reason);
    }
    const uint8_t none[8] = {0};
    for (size_t n = 0; n < 8; n++)
        expect_refused(none, n, "too few for the 8-byte header length");
    expect_refused(none, 8, "does not begin with '{'");
}

/* Whatever is cut off a valid file, nobody can read the rest. */
static void every_truncation_is_refused(void **state) {
    (void)state;
    const char header[] = ENTRY("F32", "[2,2]", "[0,16]");
    uint8_t *bytes;
    size_t n = make_file(header, strlen(header), 16, &bytes);
    for (size_t cut = 0; cut < n; cut++)
        expect_refused(bytes, cut, "");
    lethe__free(bytes);
}

static void odd_but_allowed_files_are_read(void **state) {
    (void)state;
    const char header[] =
        "{\"empty\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[4,4]},"
        "\"scalar\":{\"shape\":[],\"data_offsets\":[4,6],\"dtype\":\"BF16\",\"note\":[1]},"
        "\"__metadata__\":{\"k\\u00e9\":\"\",\"b\":\"c\"},"
        "\"six\":{\"dtype\":\"F6_E3M2\",\"shape\":[4],\"data_offsets\":[6,9]},"
        "\"first \\\"1\\\"\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}} \n\t";
    uint8_t *bytes;
    size_t n = make_file(header, strlen(header), 9, &bytes);
    lethe__st_file file;
    if (lethe__st_parse(bytes, n, "odd", &file) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    static const char *const names[] = {"first \"1\"", "empty", "scalar", "six"};
    assert_int_equal(file.n_tensors, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(file.tensors[i].name, names[i]);
    const lethe__st_tensor *scalar = lethe__st_find(&file, "scalar");
    assert_int_equal(scalar->n_dims, 0);
    assert_int_equal(scalar->dtype, LETHE__ST_BF16);
    assert_memory_equal(scalar->bytes, "\4\5", 2);
    assert_int_equal(lethe__st_find(&file, "empty")->n_bytes, 0);
    assert_int_equal(lethe__st_find(&file, "empty")->shape[0], 3);
    assert_null(lethe__st_find(&file, "__metadata__"));
    assert_string_equal(lethe__st_get_metadata(&file, "k\xc3\xa9"), "");
    assert_string_equal(lethe__st_get_metadata(&file, "b"), "c");
    assert_null(lethe__st_get_metadata(&file, "c"));
    lethe__st_fini(&file);
    lethe__free(bytes);

    n = make_file("{}", 2, 0, &bytes);
    assert_int_equal(lethe__st_parse(bytes, n, "nothing", &file), LETHE_OK);
    assert_int_equal(file.n_tensors, 0);
    lethe__st_fini(&file);
    lethe__free(bytes);
}

/* Three tensors in no order, and what the official writer makes of them. */
static const int64_t sample_count = 77;
static const float sample_weight[2] = {1.5f, -INFINITY};
static const uint8_t sample_mask[3] = {1, 0, 1};
static const lethe__st_tensor sample[] = {
    {"mask", LETHE__ST_U8, 1, {3}, 3, sample_mask},
    {"b", LETHE__ST_F32, 2, {1, 2}, 8, sample_weight},
    {"a", LETHE__ST_F32, 1, {0}, 0, sample_weight},
    {"count", LETHE__ST_I64, 0, {0}, 8, &sample_count},
};
static const lethe__st_metadata sample_metadata[] = {{"format", "pt"}, {"quoted", "{\"a\":\"\\n\xc3\xa9\"}"}};

static lethe_status write_sample(void) {
    return lethe__st_write(scratch_path, sample, sizeof sample / sizeof *sample, sample_metadata, 2);
}

static void the_writer_makes_the_official_bytes(void **state) {
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"quoted\":\"{\\\"a\\\":\\\"\\\\n\xc3\xa9\\\"}\"},"
        "\"count\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
        "\"mask\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}";
    size_t n_header = sizeof header - 1, n_padded = (n_header + 7) / 8 * 8, n;
    uint8_t *bytes;
    uint64_t length;
    assert_int_equal(write_sample(), LETHE_OK);
    assert_int_equal(lethe__file_read(scratch_path, 4096, &bytes, &n), LETHE_OK);
    memcpy(&length, bytes, 8);
    assert_int_equal(length, n_padded);
    assert_memory_equal(bytes + 8, header, n_header);
    for (size_t i = n_header; i < n_padded; i++)
        assert_int_equal(bytes[8 + i], ' ');
    assert_int_equal(n, 8 + n_padded + 19);
    assert_memory_equal(bytes + 8 + n_padded, &sample_count, 8);
    assert_memory_equal(bytes + 8 + n_padded + 8, sample_weight, 8);
    assert_memory_equal(bytes + 8 + n_padded + 16, sample_mask, 3);
    lethe__free(bytes);
}

static void what_was_written_is_read(void **state) {
    (void)state;
    lethe__st_file file;
    assert_int_equal(write_sample(), LETHE_OK);
    assert_int_equal(lethe__st_read(scratch_path, &file), LETHE_OK);
    assert_int_equal(file.n_tensors, 4);
    for (size_t i = 0; i < 4; i++) {
        const lethe__st_tensor *wanted = &sample[i], *found = lethe__st_find(&file, wanted->name);
        assert_non_null(found);
        assert_int_equal(found->dtype, wanted->dtype);
        assert_int_equal(found->n_dims, wanted->n_dims);
        assert_memory_equal(found->shape, wanted->shape, sizeof wanted->shape);
        assert_int_equal(found->n_bytes, wanted->n_bytes);
        assert_memory_equal(found->bytes, wanted->bytes, (size_t)wanted->n_bytes);
    }
    assert_string_equal(lethe__st_get_metadata(&file, "quoted"), sample_metadata[1].value);
    lethe__st_fini(&file);
    assert_null(file.tensors);
}

static void files_without_tensors_or_metadata_are_written(void **state) {
    (void)state;
    static const uint8_t bytes[] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
    uint8_t *found;
    size_t n;
    assert_int_equal(lethe__st_write(scratch_path, NULL, 0, NULL, 0), LETHE_OK);
    assert_int_equal(lethe__file_read(scratch_path, 4096, &found, &n), LETHE_OK);
    assert_int_equal(n, sizeof bytes);
    assert_memory_equal(found, bytes, n);
    lethe__free(found);
}

static void unreadable_and_unwritable_paths_are_named(void **state) {
    (void)state;
    lethe__st_file file;
    assert_int_equal(lethe__st_read("no/such/file", &file), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "no/such/file"));
    assert_int_equal(lethe__st_write("no/such/file", sample, 1, NULL, 0), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "no/such/file"));
}

/* Runs `attempt` with its nth allocation failing, until it passes. */
static void check_memory(lethe_status (*attempt)(void)) {
    for (uint64_t nth = 1;; nth++) {
        int64_t live = lethe__memory_live_blocks();
        lethe__memory_fail_nth(nth);
        lethe_status status = attempt();
        lethe__memory_fail_nth(0);
        assert_int_equal(lethe__memory_live_blocks(), live);
        if (status == LETHE_OK)
            break;
        assert_int_equal(status, LETHE_MEMORY);
    }
}

static lethe_status read_sample(void) {
    lethe__st_file file;
    lethe_status status = lethe__st_read(scratch_path, &file);
    if (status == LETHE_OK)
        lethe__st_fini(&file);
    return status;
}

static void every_allocation_failure_is_clean(void **state) {
    (void)state;
    check_memory(write_sample);
    check_memory(read_sample);
}

static int remove_scratch(void **state) {
    (void)state;
    unlink(scratch_path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_rule_is_named),
        cmocka_unit_test(lying_header_lengths_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(odd_but_allowed_files_are_read),
        cmocka_unit_test(the_writer_makes_the_official_bytes),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(files_without_tensors_or_metadata_are_written),
        cmocka_unit_test(unreadable_and_unwritable_paths_are_named),
        cmocka_unit_test(every_allocation_failure_is_clean),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, remove_scratch);
}
