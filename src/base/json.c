/* json.c - jansson with lethe's errors, allocator and number format.
 *
 * jansson's memory comes through our door from before main() on: values are also made by jansson's own
 * functions, and every one of them must be freed by the allocator that made it. When memory runs out jansson
 * reports whatever it was doing, often a syntax error, or even goes on without the letter that it had no room
 * for; so the allocator itself leaves a note, and a value read or written meanwhile counts as failed.
 *
 * Values are written by a walk of our own, because jansson 2.14 prints 0.1 as 0.10000000000000001; texts and
 * integers are left to jansson. */
#include "base/json.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { JSON_FILE_LIMIT = 1 << 28 };

static _Thread_local bool memory_ran_out;

static void *allocate(size_t n) {
    void *block;
    if (lethe__allocate(n, 1, &block) == LETHE_OK)
        return block;
    memory_ran_out = true;
    return NULL;
}

__attribute__((constructor)) static void use_our_allocator(void) {
    json_set_alloc_funcs(allocate, lethe__free);
}

lethe_status lethe__json_parse(const char *text, size_t n, const char *place, json_t **out) {
    json_error_t error;
    memory_ran_out = false;
    json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (memory_ran_out) {
        json_decref(value);
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for its JSON", place);
    }
    if (value == NULL)
        LETHE_FAIL(LETHE_INPUT, "%s:%d: is not valid JSON: %s", place, error.line, error.text);
    *out = value;
    return LETHE_OK;
}

lethe_status lethe__json_read(const char *path, json_t **out) {
    uint8_t *bytes;
    size_t n;
    LETHE_TRY(lethe__file_read(path, JSON_FILE_LIMIT, &bytes, &n));
    lethe_status status = lethe__json_parse((const char *)bytes, n, path, out);
    lethe__free(bytes);
    return status;
}

static bool dump_value(const json_t *value, FILE *stream, int depth);

/* A new line inside a container; false when writing failed. */
static bool dump_line(FILE *stream, bool first, int depth) {
    return fprintf(stream, "%s\n%*s", first ? "" : ",", 2 * depth, "") > 0;
}

static bool dump_text(const char *text, FILE *stream) {
    json_t *value = json_string(text);
    bool done = value != NULL && json_dumpf(value, stream, JSON_ENCODE_ANY) == 0;
    json_decref(value);
    return done;
}

static bool dump_object(const json_t *object, FILE *stream, int depth) {
    bool first = true;
    fputc('{', stream);
    for (void *at = json_object_iter((json_t *)object); at != NULL;
         at = json_object_iter_next((json_t *)object, at)) {
        if (!dump_line(stream, first, depth + 1) || !dump_text(json_object_iter_key(at), stream) ||
            fputs(": ", stream) < 0 || !dump_value(json_object_iter_value(at), stream, depth + 1))
            return false;
        first = false;
    }
    return (first || dump_line(stream, true, depth)) && fputc('}', stream) != EOF;
}

/* An array of numbers, texts and other scalars stays on one line; one that holds containers has a line for
 * each. */
static bool dump_array(const json_t *array, FILE *stream, int depth) {
    bool nested = json_is_object(json_array_get(array, 0)) || json_is_array(json_array_get(array, 0));
    fputc('[', stream);
    for (size_t i = 0; i < json_array_size(array); i++) {
        bool separated = nested ? dump_line(stream, i == 0, depth + 1) : i == 0 || fputs(", ", stream) >= 0;
        if (!separated || !dump_value(json_array_get(array, i), stream, depth + 1))
            return false;
    }
    return (!nested || dump_line(stream, true, depth)) && fputc(']', stream) != EOF;
}

static bool dump_value(const json_t *value, FILE *stream, int depth) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return dump_object(value, stream, depth);
    case JSON_ARRAY:
        return dump_array(value, stream, depth);
    case JSON_REAL: {
        char text[LETHE__NUMBER_TEXT];
        lethe__number_format(json_real_value(value), text);
        bool integral =
            text[strspn(text, "-0123456789")] == 0; /* without a point it would read as an integer */
        return fprintf(stream, "%s%s", text, integral ? ".0" : "") > 0;
    }
    default:
        return json_dumpf(value, stream, JSON_ENCODE_ANY) == 0;
    }
}

lethe_status lethe__json_dump(const json_t *value, FILE *stream) {
    memory_ran_out = false;
    bool written = dump_value(value, stream, 0) && fputc('\n', stream) != EOF;
    if (memory_ran_out)
        LETHE_FAIL(LETHE_MEMORY, "out of memory for writing JSON");
    if (!written)
        LETHE_FAIL(LETHE_FAILED, "JSON cannot be written: %s", strerror(errno));
    return LETHE_OK;
}

lethe_status lethe__json_write(const char *path, const json_t *value) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    lethe_status status = lethe__json_dump(value, lethe__writer_stream(writer));
    if (status == LETHE_OK)
        return lethe__writer_commit(&writer);
    lethe__writer_abandon(&writer);
    return lethe__fail_in(status, path);
}

lethe_status lethe__json_compact(const json_t *value, char **out) {
    memory_ran_out = false;
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text == NULL || memory_ran_out) { /* jansson overlooks failures to make room for a key */
        lethe__free(text);
        LETHE_FAIL(LETHE_MEMORY, "out of memory for writing JSON");
    }
    *out = text;
    return LETHE_OK;
}

/* Looks `key` up and checks its type. */
static lethe_status get(const json_t *object, const char *key, const char *place, json_type type,
                        const char *wanted, json_t **out) {
    json_t *value = json_object_get(object, key);
    if (value == NULL)
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' is missing; it must be %s", place, key, wanted);
    if (json_typeof(value) != type)
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' must be %s", place, key, wanted);
    *out = value;
    return LETHE_OK;
}

lethe_status lethe__json_get_text(const json_t *object, const char *key, const char *place,
                                  const char **out) {
    json_t *value = NULL;
    LETHE_TRY(get(object, key, place, JSON_STRING, "a text", &value));
    *out = json_string_value(value);
    return LETHE_OK;
}

lethe_status lethe__json_get_integer(const json_t *object, const char *key, const char *place,
                                     int64_t minimum, int64_t maximum, int64_t *out) {
    json_t *value = NULL;
    LETHE_TRY(get(object, key, place, JSON_INTEGER, "an integer", &value));
    int64_t number = json_integer_value(value);
    if (number < minimum || number > maximum)
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' is %" PRId64 ", but must be from %" PRId64 " to %" PRId64, place,
                   key, number, minimum, maximum);
    *out = number;
    return LETHE_OK;
}

lethe_status lethe__json_get_real(const json_t *object, const char *key, const char *place, double *out) {
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        LETHE_TRY(get(object, key, place, JSON_REAL, "a number", &value));
    *out = json_number_value(value);
    return LETHE_OK;
}

lethe_status lethe__json_get_array(const json_t *object, const char *key, const char *place, json_t **out) {
    return get(object, key, place, JSON_ARRAY, "an array", out);
}

lethe_status lethe__json_get_object(const json_t *object, const char *key, const char *place, json_t **out) {
    return get(object, key, place, JSON_OBJECT, "an object", out);
}

json_t *lethe__json_real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}
