/* inspect.c - looking into files without doing anything with them.
 *
 * Any safetensors file can be looked into, not only lethe's: its tensors are listed as they stand. A file
 * with lethe's metadata is loaded as a model as well, which checks it and gives its sparsity. */
#include "experiment/inspect.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "experiment/origin.h"
#include <lethe/model.h>
#include <string.h>

static const char schema[] = "lethe.inspection/1";

static lethe_status checked(json_t *json, const char *place, json_t **out) {
    if (json == NULL)
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for describing it", place);
    *out = json;
    return LETHE_OK;
}

/* Appends `value` to `array`; false when either could not be made. */
static bool append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

/* The object or array, or NULL in place of one that is not whole. */
static json_t *whole_or_null(json_t *json, bool whole) {
    if (whole)
        return json;
    json_decref(json);
    return NULL;
}

/* --- models --- */

static json_t *tensor_to_json(const lethe__st_tensor *tensor) {
    json_t *shape = json_array();
    bool whole = true;
    for (int i = 0; i < tensor->n_dims; i++)
        whole = whole && append(shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s, s:s, s:o, s:I}", "name", tensor->name, "dtype",
                     lethe__st_dtype_name(tensor->dtype), "shape", whole_or_null(shape, whole), "bytes",
                     (json_int_t)tensor->n_bytes);
}

static json_t *tensors_to_json(const lethe__st_file *file) {
    json_t *array = json_array();
    bool whole = true;
    for (size_t i = 0; i < file->n_tensors; i++)
        whole = whole && append(array, tensor_to_json(&file->tensors[i]));
    return whole_or_null(array, whole);
}

static json_t *floats_to_json(const float *values, int n) {
    json_t *array = json_array();
    bool whole = true;
    for (int i = 0; i < n; i++)
        whole = whole && append(array, lethe__json_real((double)values[i]));
    return whole_or_null(array, whole);
}

static json_t *model_to_json(const lethe_model *model) {
    const lethe_model_info *info = lethe_model_get_info(model);
    return json_pack("{s:s, s:i, s:[i,i,i], s:o, s:o, s:I, s:o, s:s, s:s, s:s}", "arch", info->arch,
                     "classes", info->classes, "input", info->height, info->width, info->channels, "mean",
                     floats_to_json(info->mean, info->channels), "std",
                     floats_to_json(info->std, info->channels), "parameters",
                     (json_int_t)lethe_model_parameter_count(model), "sparsity",
                     lethe__json_real(lethe_model_sparsity(model)), "command", info->command, "data_digest",
                     info->data_digest, "parent_digest", info->parent_digest);
}

static lethe_status inspect_model(const char *path, json_t **out) {
    lethe__st_file file;
    lethe_model *model = NULL;
    LETHE_TRY(lethe__st_read(path, &file));
    lethe_status status = LETHE_OK;
    if (lethe__st_get_metadata(&file, "lethe") != NULL)
        status = lethe_model_load(path, NULL, &model);
    if (status == LETHE_OK) {
        json_t *described = model != NULL ? model_to_json(model) : json_null();
        json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "schema", schema, "kind", "model", "path", path,
                                 "model", described, "tensors", tensors_to_json(&file));
        status = checked(json, path, out);
    }
    lethe_model_destroy(&model);
    lethe__st_fini(&file);
    return status;
}

/* --- runs --- */

static lethe_status inspect_run(const char *path, json_t **out) {
    char *record_path, *checkpoint;
    json_t *record = NULL;
    LETHE_TRY(lethe__path_join(path, "run.json", &record_path));
    lethe_status status = lethe__path_join(path, "checkpoint.safetensors", &checkpoint);
    if (status == LETHE_OK) {
        bool finished = lethe__file_exists(record_path), begun = lethe__file_exists(checkpoint);
        if (finished)
            status = lethe__json_read(record_path, &record);
        else if (!begun)
            status = lethe__fail(LETHE_INPUT,
                                 "%s: this folder holds no run: neither run.json nor a checkpoint", path);
        else
            record = json_null();
        lethe__free(checkpoint);
    }
    lethe__free(record_path);
    LETHE_TRY(status);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o}", "schema", schema, "kind", "run", "path", path, "run", record);
    return checked(json, path, out);
}

lethe_status lethe__inspect_path(const char *path, json_t **out) {
    return lethe__folder_exists(path) ? inspect_run(path, out) : inspect_model(path, out);
}

/* --- data sets --- */

static json_t *class_counts(lethe_samples samples, int classes) {
    json_t *array = json_array();
    bool whole = true;
    for (int label = 0; label < classes; label++) {
        json_int_t n = 0;
        for (size_t i = 0; i < samples.n; i++)
            n += samples.labels[samples.ids[i]] == label;
        whole = whole && append(array, json_integer(n));
    }
    return whole_or_null(array, whole);
}

lethe_status lethe__inspect_dataset(const lethe_dataset_options *options, json_t **out) {
    lethe_dataset *dataset;
    lethe_split *split;
    LETHE_TRY(lethe_dataset_open(options, &dataset));
    lethe_status status = lethe_split_create(dataset, 0, 1, &split);
    if (status == LETHE_OK) {
        const lethe_dataset_info *info = lethe_dataset_get_info(dataset);
        json_t *json =
            json_pack("{s:s, s:s, s:s, s:s, s:i, s:[i,i,i], s:I, s:I, s:o, s:o, s:o, s:o, s:s}", "schema",
                      schema, "kind", "dataset", "name", info->name, "path", info->path, "classes",
                      info->classes, "shape", info->height, info->width, info->channels, "n_train",
                      (json_int_t)info->n_train, "n_test", (json_int_t)info->n_test, "train_per_class",
                      class_counts(lethe_split_samples(split, dataset, LETHE_PART_TRAIN), info->classes),
                      "test_per_class",
                      class_counts(lethe_split_samples(split, dataset, LETHE_PART_TEST), info->classes),
                      "mean", floats_to_json(info->mean, info->channels), "std",
                      floats_to_json(info->std, info->channels), "digest", info->digest);
        status = checked(json, info->name, out);
        lethe_split_destroy(&split);
    }
    lethe_dataset_destroy(&dataset);
    return status;
}
