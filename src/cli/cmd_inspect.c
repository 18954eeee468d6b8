/* cmd_inspect.c - lethe inspect: the same facts as text or as JSON; the text is made from the JSON. */
#include "base/fail.h"
#include "cli/command.h"
#include "cli/table.h"
#include "experiment/inspect.h"
#include <lethe/data.h>
#include <string.h>

static lethe_status options(lethe__call *call, void *job) {
    return lethe__option_set_add(&call->set, "Data, when no path is given", lethe_dataset_option_table, job);
}

/* A value on one line; arrays as a list with `separator`. */
static void write_value(const json_t *value, const char *separator, char *text, size_t size) {
    size_t used = 0, i;
    json_t *element;
    text[0] = 0;
    switch (json_typeof(value)) {
    case JSON_STRING:
        snprintf(text, size, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(text, size, "%.6g", json_real_value(value));
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, element) {
            char part[64];
            write_value(element, separator, part, sizeof part);
            int length = snprintf(text + used, size - used, "%s%s", i > 0 ? separator : "", part);
            used = used + (size_t)length < size ? used + (size_t)length : size - 1;
        }
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
        break;
    default:
        snprintf(text, size, "-");
    }
}

/* The fields of an object, one a row; those of an object inside it carry its name in front. */
static void add_fields(lethe__table *table, const char *prefix, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char text[480], name[128];
        bool is_shape = strcmp(key, "input") == 0 || strcmp(key, "shape") == 0;
        snprintf(name, sizeof name, "%s%s", prefix, key);
        if (strcmp(key, "schema") == 0 || strcmp(key, "kind") == 0 || strcmp(key, "tensors") == 0)
            continue;
        if (json_is_object(value)) {
            char inner[130];
            bool top = strcmp(key, "model") == 0 || strcmp(key, "run") == 0;
            snprintf(inner, sizeof inner, "%s.", name);
            add_fields(table, top ? prefix : inner, value);
            continue;
        }
        write_value(value, is_shape ? "x" : ", ", text, sizeof text);
        lethe__table_cell(table, "%s", name);
        lethe__table_cell(table, "%s", text);
    }
}

static lethe_status show_fields(json_t *json) {
    lethe__table table;
    lethe__table_init(&table, "ll");
    add_fields(&table, "", json);
    lethe_status status = lethe__table_print(&table, false, stdout);
    lethe__table_fini(&table);
    return status;
}

static lethe_status show_tensors(const json_t *tensors) {
    lethe__table table;
    size_t i;
    json_t *tensor;
    static const char *const columns[] = {"name", "dtype", "shape", "bytes"};
    lethe__table_init(&table, "lllr");
    for (int column = 0; column < 4; column++)
        lethe__table_cell(&table, "%s", columns[column]);
    json_array_foreach(tensors, i, tensor) {
        for (int column = 0; column < 4; column++) {
            char text[160];
            write_value(json_object_get(tensor, columns[column]), "x", text, sizeof text);
            lethe__table_cell(&table, "%s", text);
        }
    }
    putchar('\n');
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    return status;
}

static lethe_status run(lethe__call *call, void *job) {
    json_t *json;
    if (call->n_words > 0)
        LETHE_TRY(lethe__inspect_path(call->words[0], &json));
    else
        LETHE_TRY(lethe__inspect_dataset(job, &json));
    if (call->talk.json)
        return lethe__print_json(json);
    lethe_status status = show_fields(json);
    const json_t *tensors = json_object_get(json, "tensors");
    if (status == LETHE_OK && tensors != NULL)
        status = show_tensors(tensors);
    json_decref(json);
    return status;
}

const lethe__command lethe__cmd_inspect = {
    .name = "inspect",
    .summary = "what is in a model, run directory or data set",
    .words = "[PATH]",
    .max_words = 1,
    .details =
        "Shows a .safetensors file (any, not only lethe's), a run directory, or without a path the data "
        "set named by --dataset.\nExample: lethe inspect runs/dense/model.safetensors",
    .traits = LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_dataset_options),
    .options = options,
    .run = run,
};
