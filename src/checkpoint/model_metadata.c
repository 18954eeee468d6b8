/* model_metadata.c - what a model file says about its model besides the tensors.
 *
 * One JSON object, stored as a text because safetensors' metadata maps texts to texts:
 *   {"schema":"lethe.model/1","arch":"resnet18","classes":10,"input":[3,32,32],"mean":[..],"std":[..],
 *    "data_digest":"..","parent_digest":"..","command":"train","versions":{"lethe":".."}}
 * Numbers have nine significant digits, which is what a float needs to read back exactly. The version says
 * who wrote the file; reading does not depend on it. */
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/model_file.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char schema[] = "lethe.model/1";
static const char place[] = "metadata '" LETHE__MODEL_KEY "'";

static bool is_printable(const char *text) {
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* --- writing --- */

static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

/* json_array_append_new fails for a missing array as well as for a missing value. */
static json_t *make_floats(const float *values, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        if (json_array_append_new(array, json_real((double)values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static bool put_all(json_t *object, const lethe_model_info *info) {
    return put(object, "schema", json_string(schema)) && put(object, "arch", json_string(info->arch)) &&
           put(object, "classes", json_integer(info->classes)) &&
           put(object, "input", json_pack("[i, i, i]", info->channels, info->height, info->width)) &&
           put(object, "mean", make_floats(info->mean, info->channels)) &&
           put(object, "std", make_floats(info->std, info->channels)) &&
           put(object, "data_digest", json_string(info->data_digest)) &&
           put(object, "parent_digest", json_string(info->parent_digest)) &&
           put(object, "command", json_string(info->command)) &&
           put(object, "versions", json_pack("{s:s}", "lethe", LETHE_VERSION));
}

lethe_status lethe__model_info_write(const lethe_model_info *info, char **json) {
    if (!is_printable(info->data_digest) || !is_printable(info->parent_digest) ||
        !is_printable(info->command))
        LETHE_FAIL(LETHE_USAGE, "the digests and the command of a model must be printable ASCII");
    json_t *object = json_object();
    lethe_status status = lethe__json_compact(put_all(object, info) ? object : NULL, json);
    json_decref(object);
    return status;
}

/* --- reading --- */

static lethe_status get_short_text(const json_t *object, const char *key, char *text, size_t size) {
    const char *value = NULL;
    LETHE_TRY(lethe__json_get_text(object, key, place, &value));
    if (strlen(value) >= size || !is_printable(value))
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' must be at most %zu printable characters", place, key, size - 1);
    snprintf(text, size, "%s", value);
    return LETHE_OK;
}

/* An array of exactly n numbers that are finite as floats. */
static lethe_status get_floats(const json_t *object, const char *key, int n, float *values) {
    json_t *array = NULL;
    LETHE_TRY(lethe__json_get_array(object, key, place, &array));
    if (json_array_size(array) != (size_t)n)
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' has %zu numbers for %d channels", place, key,
                   json_array_size(array), n);
    for (int i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, (size_t)i);
        values[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !isfinite(values[i]))
            LETHE_FAIL(LETHE_INPUT, "%s: '%s'[%d] is not a finite number", place, key, i);
    }
    return LETHE_OK;
}

/* [channels, height, width] */
static lethe_status get_input(const json_t *object, lethe_model_info *info) {
    json_t *array = NULL;
    LETHE_TRY(lethe__json_get_array(object, "input", place, &array));
    int *sizes[] = {&info->channels, &info->height, &info->width};
    for (size_t i = 0; i < 3; i++) {
        json_int_t size = json_integer_value(json_array_get(array, i));
        int most = i == 0 ? LETHE_MAX_CHANNELS : INT_MAX;
        if (json_array_size(array) != 3 || size < 1 || size > most)
            LETHE_FAIL(LETHE_INPUT, "%s: 'input' must be [channels, height, width], at most %d channels",
                       place, LETHE_MAX_CHANNELS);
        *sizes[i] = (int)size;
    }
    return LETHE_OK;
}

static lethe_status read_object(const json_t *object, lethe_model_info *info) {
    const char *found = NULL;
    int64_t classes = 0;
    LETHE_TRY(lethe__json_get_text(object, "schema", place, &found));
    if (strcmp(found, schema) != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its schema is '%s', this version of lethe reads '%s'", place, found,
                   schema);
    LETHE_TRY(get_short_text(object, "arch", info->arch, sizeof info->arch));
    LETHE_TRY(lethe__json_get_integer(object, "classes", place, 2, INT_MAX, &classes));
    info->classes = (int)classes;
    LETHE_TRY(get_input(object, info));
    LETHE_TRY(get_floats(object, "mean", info->channels, info->mean));
    LETHE_TRY(get_floats(object, "std", info->channels, info->std));
    LETHE_TRY(get_short_text(object, "data_digest", info->data_digest, sizeof info->data_digest));
    LETHE_TRY(get_short_text(object, "parent_digest", info->parent_digest, sizeof info->parent_digest));
    return get_short_text(object, "command", info->command, sizeof info->command);
}

lethe_status lethe__model_info_read(const char *json, lethe_model_info *out) {
    lethe_model_info info = {0};
    json_t *object = NULL;
    LETHE_TRY(lethe__json_parse(json, strlen(json), place, &object));
    lethe_status status = read_object(object, &info);
    json_decref(object);
    if (status == LETHE_OK)
        *out = info;
    return status;
}
