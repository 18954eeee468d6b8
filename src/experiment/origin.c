/* origin.c - finding a model: a run directory is believed only if its record says that it finished.
 *
 * A run directory hands on more than its model: the data set and the division that the model was trained on.
 * They are inherited option by option from the run's stored configuration, so that a chain train - prune -
 * unlearn - evaluate names the data once. */
#include "experiment/origin.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/option.h"
#include "experiment/job.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static lethe_status check_record(const json_t *record, const char *path) {
    const char *schema = NULL, *outcome = NULL;
    json_t *config = NULL;
    LETHE_TRY(lethe__json_get_text(record, "schema", path, &schema));
    if (strcmp(schema, "lethe.run/1") != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its schema is '%.64s', but this lethe reads 'lethe.run/1'", path,
                   schema);
    LETHE_TRY(lethe__json_get_text(record, "outcome", path, &outcome));
    if (strcmp(outcome, "finished") != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: the run ended as '%.64s' and has no model", path, outcome);
    return lethe__json_get_object(record, "config", path, &config);
}

lethe_status lethe__run_record_read(const char *directory, json_t **out) {
    char *path;
    json_t *record = NULL;
    LETHE_TRY(lethe__path_join(directory, "run.json", &path));
    lethe_status status = LETHE_OK;
    if (!lethe__file_exists(path))
        status = lethe__fail(LETHE_INPUT,
                             "%s: holds no finished run (run.json is missing); give the directory of a run "
                             "that finished, or a .safetensors file",
                             directory);
    if (status == LETHE_OK)
        status = lethe__json_read(path, &record);
    if (status == LETHE_OK)
        status = check_record(record, path);
    lethe__free(path);
    if (status != LETHE_OK) {
        json_decref(record);
        return status;
    }
    *out = record;
    return LETHE_OK;
}

static lethe_status fill_origin(const char *path, lethe__origin *origin) {
    LETHE_TRY(lethe__copy_text(path, &origin->path));
    if (lethe__folder_exists(path)) {
        LETHE_TRY(lethe__run_record_read(path, &origin->record));
        LETHE_TRY(lethe__path_join(path, "model.safetensors", &origin->model_path));
    } else {
        LETHE_TRY(lethe__copy_text(path, &origin->model_path));
    }
    return lethe__digest_file(origin->model_path, origin->digest);
}

lethe_status lethe__origin_open(const char *path, lethe__origin *out) {
    lethe__origin origin = {0};
    lethe_status status = fill_origin(path, &origin);
    if (status != LETHE_OK) {
        lethe__origin_fini(&origin);
        return status;
    }
    *out = origin;
    return LETHE_OK;
}

void lethe__origin_fini(lethe__origin *origin) {
    lethe__free(origin->path);
    lethe__free(origin->model_path);
    json_decref(origin->record);
    memset(origin, 0, sizeof *origin);
}

/* Is there a file or folder `path` at the real path `place`, or below it? */
static bool lies_in(const char *path, const char *place) {
    char *whole = realpath(path, NULL);
    size_t length = strlen(place);
    bool lies = whole != NULL && strncmp(whole, place, length) == 0 &&
                (place[length - 1] == '/' || whole[length] == '/' || whole[length] == 0);
    free(whole);
    return lies;
}

/* A run is its folder; what a model is read from may be links to files elsewhere. */
static lethe_status spare(const char *input, const char *out, const char *place) {
    static const char *const parts[] = {"model.safetensors", "run.json", "split.json"};
    bool meets = lies_in(input, place);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !meets; i++) {
        char *part;
        LETHE_TRY(lethe__path_join(input, parts[i], &part));
        meets = lies_in(part, place);
        lethe__free(part);
    }
    if (meets)
        LETHE_FAIL(LETHE_USAGE,
                   "%s: writing there would replace %s, which is read; choose another place (--force is no "
                   "way round)",
                   out, input);
    return LETHE_OK;
}

lethe_status lethe__origin_spare(const char *input, const char *out) {
    char *place = input != NULL && out != NULL ? realpath(out, NULL) : NULL;
    lethe_status status = place != NULL ? spare(input, out, place) : LETHE_OK;
    free(place);
    return status;
}

static double number_or_nan(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

lethe__unlearned lethe__origin_unlearned(const lethe__origin *origin) {
    const json_t *record = origin->record;
    const char *command = json_string_value(json_object_get(record, "command"));
    lethe__unlearned unlearned = {.method = NULL, .rte_seconds = NAN, .parent_sparsity = NAN};
    if (command == NULL || strcmp(command, "unlearn") != 0)
        return unlearned;
    unlearned.method = json_string_value(json_object_get(json_object_get(record, "config"), "method"));
    unlearned.rte_seconds = number_or_nan(json_object_get(record, "rte_seconds"));
    unlearned.parent_sparsity = number_or_nan(json_object_get(json_object_get(record, "parent"), "sparsity"));
    return unlearned;
}

static bool initial_seed_of_parent(const json_t *parent, uint64_t *seed) {
    const char *path = json_string_value(json_object_get(parent, "path"));
    const char *digest = json_string_value(json_object_get(parent, "digest"));
    lethe__origin origin;
    if (path == NULL || digest == NULL || lethe__origin_open(path, &origin) != LETHE_OK)
        return false;
    bool known = strcmp(digest, origin.digest) == 0 && lethe__origin_initial_seed(origin.record, seed);
    lethe__origin_fini(&origin);
    return known;
}

bool lethe__origin_initial_seed(const json_t *record, uint64_t *seed) {
    const json_t *parent = json_object_get(record, "parent"), *value = json_object_get(record, "seed");
    if (json_is_object(parent))
        return initial_seed_of_parent(parent, seed);
    if (!json_is_null(parent) || !(json_is_integer(value) || json_is_string(value)))
        return false;
    *seed = json_is_integer(value) ? (uint64_t)json_integer_value(value) /* beyond 63 bits it is text */
                                   : strtoull(json_string_value(value), NULL, 10);
    return true;
}

/* --- inheriting --- */

/* A value of a stored configuration as the text of a command line, in the set's memory. */
static lethe_status value_text(const json_t *value, lethe__arena *texts, const char **out) {
    char number[LETHE__NUMBER_TEXT];
    switch (json_typeof(value)) {
    case JSON_STRING:
        return lethe__arena_format(texts, out, "%s", json_string_value(value));
    case JSON_INTEGER:
        return lethe__arena_format(texts, out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        lethe__number_format(json_real_value(value), number);
        return lethe__arena_format(texts, out, "%s", number);
    default:
        return lethe__arena_format(texts, out, "%s", json_is_true(value) ? "on" : "off");
    }
}

/* Unless the user gave it. */
static lethe_status inherit_option(lethe__option_set *set, const char *name, const json_t *config) {
    lethe__option_at at = lethe__option_set_find(set, name);
    const json_t *value = json_object_get(config, name);
    const char *text;
    if (at.option == NULL || value == NULL || set->given[at.position] != LETHE__GIVEN_NOT)
        return LETHE_OK;
    if (set->texts == NULL)
        LETHE_TRY(lethe__arena_create(&set->texts));
    LETHE_TRY(value_text(value, set->texts, &text));
    return lethe__option_read(at.option, at.values, text);
}

static lethe_status inherit_table(lethe__option_set *set, const lethe_option *table, const json_t *config) {
    for (; table->name != NULL; table++)
        LETHE_TRY(inherit_option(set, table->name, config));
    return LETHE_OK;
}

/* The record holds the values, not the user. */
static lethe_status blame_record(lethe_status status, const char *model) {
    if (status == LETHE_USAGE)
        status = LETHE_INPUT;
    return status == LETHE_OK ? LETHE_OK : lethe__fail_in(status, model);
}

lethe_status lethe__option_set_inherit_compat(lethe__option_set *set, const char *model) {
    json_t *record;
    if (model == NULL || !lethe__folder_exists(model))
        return LETHE_OK;
    LETHE_TRY(lethe__run_record_read(model, &record));
    lethe_status status = inherit_option(set, "compat", json_object_get(record, "config"));
    json_decref(record);
    return blame_record(status, model);
}

lethe_status lethe__option_set_inherit(lethe__option_set *set, const char *model) {
    if (model == NULL || !lethe__folder_exists(model))
        return LETHE_OK;
    json_t *record;
    LETHE_TRY(lethe__run_record_read(model, &record));
    const json_t *config = json_object_get(record, "config");
    lethe_status status = lethe__option_set_given(set, "dataset")
                              ? LETHE_OK
                              : inherit_table(set, lethe_dataset_option_table, config);
    if (status == LETHE_OK)
        status = inherit_table(set, lethe__split_option_table, config);
    json_decref(record);
    return blame_record(status, model);
}
