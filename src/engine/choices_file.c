/* choices_file.c - the file of implementations chosen by measurement: JSON, schema lethe.kernels/1.
 *
 *     {"schema": ..., "cpu": ..., "isa": ..., "lethe": ..., "oneDNN": ..., "threads": 2, "choices": [
 *       {"kind": "convolution", "precision": "f32", "pass": "training", "height": 32, ..., "relu": 0, ...,
 *        "implementation": "winograd", "milliseconds": 1.5}, ...]}
 *
 * The file comes from outside: every field is checked, and whatever is unknown is refused. An implementation
 * that does not support its shape does no harm, since the plan asks it first. */
#include "engine/choices_file.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "engine/cpu.h"
#include "engine/onednn/onednn_version.h"
#include <math.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, MOST_CHOICES = 4096, MOST_WORDS = 16, PLACE_SIZE = 512 };

static const char schema[] = "lethe.kernels/1";
static const char *const passes[] = {"prediction", "training"}, *const precisions[] = {"f32", "bf16"};

/* --- the key --- */

/* What has to be the same where a file is made and where it is used. */
typedef struct origin {
    const char *name, *title;
    char here[LETHE__CPU_TEXT];
} origin;

enum { N_KEYS = 4 };

static void list_keys(origin keys[N_KEYS]) {
    const origin all[N_KEYS] = {{"cpu", "CPU", ""},
                                {"isa", "instruction set", ""},
                                {"lethe", "version of lethe", ""},
                                {"oneDNN", "version of oneDNN", ""}};
    memcpy(keys, all, sizeof all);
    lethe__cpu_name(keys[0].here);
    snprintf(keys[1].here, sizeof keys[1].here, "%s", lethe__cpu_isa());
    snprintf(keys[2].here, sizeof keys[2].here, "%s", LETHE_VERSION);
    snprintf(keys[3].here, sizeof keys[3].here, "%s", lethe__onednn_version());
}

static lethe_status fail_elsewhere(const char *place, const lethe_runtime *runtime, const char *title,
                                   const char *there, const char *here) {
    LETHE_FAIL(LETHE_INPUT,
               "%s: was made with another %s, '%.64s' and not '%s'; make another file: lethe bench ops "
               "--arch NAME --threads %d --precision %s --save FILE",
               place, title, there, here, lethe_threads_resolve(runtime->threads),
               lethe_precision_name(lethe_precision_resolve(runtime->precision)));
}

static lethe_status check_key(const json_t *json, const char *place, const lethe_runtime *runtime) {
    origin keys[N_KEYS];
    const char *text = NULL;
    LETHE_TRY(lethe__json_get_text(json, "schema", place, &text));
    if (strcmp(text, schema) != 0)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: is not a file of 'lethe bench ops --save': its schema is '%.64s', not %s", place,
                   text, schema);
    list_keys(keys);
    for (int i = 0; i < N_KEYS; i++) {
        LETHE_TRY(lethe__json_get_text(json, keys[i].name, place, &text));
        if (strcmp(text, keys[i].here) != 0)
            return fail_elsewhere(place, runtime, keys[i].title, text, keys[i].here);
    }
    int64_t threads = 0;
    char there[24], here[24];
    LETHE_TRY(lethe__json_get_integer(json, "threads", place, 1, INT32_MAX, &threads));
    snprintf(there, sizeof there, "%d", (int)threads);
    snprintf(here, sizeof here, "%d", lethe_threads_resolve(runtime->threads));
    return strcmp(there, here) == 0 ? LETHE_OK
                                    : fail_elsewhere(place, runtime, "number of threads", there, here);
}

/* --- reading --- */

/* The index of the word under `key`. */
static lethe_status read_word(const json_t *item, const char *key, const char *place,
                              const char *const *words, size_t n, int *out) {
    const char *text = NULL;
    LETHE_TRY(lethe__json_get_text(item, key, place, &text));
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0) {
            *out = (int)i;
            return LETHE_OK;
        }
    lethe__fail_unknown(key, text, words, n);
    return lethe__fail_in(LETHE_INPUT, place);
}

static int *field_of(lethe__shape *shape, const lethe__shape_field *field) {
    return (int *)((char *)shape + field->offset);
}

static lethe_status read_shape(const json_t *item, const char *place, lethe__shape *out) {
    const char *kinds[LETHE__OP_KINDS];
    int kind = 0, precision = 0, pass = 0;
    for (int i = 0; i < LETHE__OP_KINDS; i++)
        kinds[i] = lethe__op_kind_name((lethe__op_kind)i);
    LETHE_TRY(read_word(item, "kind", place, kinds, LETHE__OP_KINDS, &kind));
    LETHE_TRY(read_word(item, "precision", place, precisions, 2, &precision));
    LETHE_TRY(read_word(item, "pass", place, passes, 2, &pass));
    out->kind = (lethe__op_kind)kind;
    out->precision = precision == 1 ? LETHE_PRECISION_BF16 : LETHE_PRECISION_F32;
    out->training = pass == 1;
    for (int i = 0; i < LETHE__SHAPE_FIELDS; i++) {
        const lethe__shape_field *field = &lethe__shape_fields[i];
        int64_t value = 0;
        LETHE_TRY(lethe__json_get_integer(item, field->key, place, field->minimum, field->maximum, &value));
        *field_of(out, field) = (int)value;
    }
    return LETHE_OK;
}

static lethe_status read_choice(const json_t *item, const char *place, lethe__choice *out) {
    const char *names[MOST_WORDS];
    size_t n = 0;
    int index = 0;
    *out = (lethe__choice){.fresh = false};
    LETHE_TRY(read_shape(item, place, &out->shape));
    const lethe__implementation *const *known = lethe__implementations(out->shape.kind);
    for (; n < MOST_WORDS && known[n] != NULL; n++)
        names[n] = known[n]->name;
    LETHE_TRY(read_word(item, "implementation", place, names, n, &index));
    out->implementation = known[index];
    return lethe__json_get_real(item, "milliseconds", place, &out->milliseconds);
}

static lethe_status read_choices(const json_t *json, const char *path, const lethe_runtime *runtime,
                                 lethe__choices *choices) {
    json_t *array = NULL;
    LETHE_TRY(check_key(json, path, runtime));
    LETHE_TRY(lethe__json_get_array(json, "choices", path, &array));
    size_t n = json_array_size(array);
    if (n > MOST_CHOICES)
        LETHE_FAIL(LETHE_INPUT, "%s: holds %zu choices; %d are possible", path, n, MOST_CHOICES);
    for (size_t i = 0; i < n; i++) {
        char place[PLACE_SIZE];
        lethe__choice read;
        snprintf(place, sizeof place, "%s: choice %zu", path, i + 1);
        LETHE_TRY(read_choice(json_array_get(array, i), place, &read));
        if (lethe__choices_find_shape(choices, &read.shape) != NULL)
            LETHE_FAIL(LETHE_INPUT, "%s: has the shape of an earlier one", place);
        LETHE_TRY(lethe__choices_add(choices, &read));
    }
    return LETHE_OK;
}

static lethe_status check_digest(const char *path, const uint8_t *bytes, size_t n, const char *expected) {
    char digest[LETHE_DIGEST_TEXT];
    LETHE_TRY(lethe__digest_memory(bytes, n, digest));
    if (strcmp(digest, expected) != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: has changed since the run began, whose bits depend on it", path);
    return LETHE_OK;
}

lethe_status lethe__choices_read(const char *path, const lethe_runtime *runtime, const char *digest,
                                 lethe__choices *choices) {
    uint8_t *bytes;
    size_t n;
    json_t *json = NULL;
    LETHE_TRY(lethe__file_read(path, FILE_LIMIT, &bytes, &n));
    lethe_status status = digest != NULL ? check_digest(path, bytes, n, digest) : LETHE_OK;
    if (status == LETHE_OK)
        status = lethe__json_parse((const char *)bytes, n, path, &json);
    if (status == LETHE_OK)
        status = read_choices(json, path, runtime, choices);
    json_decref(json);
    lethe__free(bytes);
    return status;
}

/* --- saving --- */

static json_t *choice_to_json(const lethe__choice *one) {
    const lethe__shape *shape = &one->shape;
    json_t *item = json_pack("{s:s, s:s, s:s}", "kind", lethe__op_kind_name(shape->kind), "precision",
                             lethe_precision_name(shape->precision), "pass", passes[shape->training]);
    for (int i = 0; i < LETHE__SHAPE_FIELDS; i++)
        json_object_set_new(item, lethe__shape_fields[i].key,
                            json_integer(lethe__shape_value(shape, &lethe__shape_fields[i])));
    json_object_set_new(item, "implementation", json_string(one->implementation->name));
    if (json_object_set_new(item, "milliseconds", lethe__json_real(round(1e6 * one->milliseconds) / 1e6)) !=
            0 ||
        json_object_size(item) != LETHE__SHAPE_FIELDS + 5) {
        json_decref(item);
        return NULL;
    }
    return item;
}

static json_t *choices_to_json(const lethe__choices *choices) {
    origin keys[N_KEYS];
    json_t *array = json_array();
    for (size_t i = 0; i < choices->n; i++)
        if (json_array_append_new(array, choice_to_json(&choices->all[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    list_keys(keys);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "schema", schema, keys[0].name, keys[0].here,
                     keys[1].name, keys[1].here, keys[2].name, keys[2].here, keys[3].name, keys[3].here,
                     "threads", choices->threads, "choices", array);
}

lethe_status lethe__choices_save(const lethe__choices *choices, const char *path) {
    json_t *json = choices_to_json(choices);
    if (json == NULL)
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for the choices", path);
    lethe_status status = lethe__json_write(path, json);
    json_decref(json);
    return status;
}
