/* split_file.c - split.json: a division written down, and read back against its data set.
 *
 *     {"schema": "lethe.split/1",
 *      "dataset": {"name", "digest", "n_train", "n_test"},
 *      "val_fraction", "seed",
 *      "forget": {"specification", "seed"},
 *      "parts": {"train": {"n", "digest"}, "val": ..., "test": ..., "retain": ..., "forget": ...},
 *      "val_ids": [...], "forget_ids": [...]}
 *
 * The two id lists say everything; train and retain are what remains. Reading believes nothing: the data set
 * must have the digest named, ids must be in range and named once, a forget set must go with its
 * specification, and the size and digest of every part must come out again. JSON has no unsigned 64-bit
 * numbers, so a seed of 2^63 or more is written as the negative number of the same bits. */
#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/split.h"
#include <inttypes.h>
#include <string.h>

static const char schema[] = "lethe.split/1";
static const char *const part_names[LETHE__N_PARTS] = {"train", "val", "test", "retain", "forget"};

/* --- writing: json_object_set_new takes NULL and answers -1, so exhausted memory shows in the end --- */

static json_t *json_seed(uint64_t seed) {
    return json_integer((int64_t)seed);
}

static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static json_t *json_or_null(json_t *object, bool complete) {
    if (complete)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *json_dataset(const lethe_dataset_info *info) {
    json_t *object = json_object();
    return json_or_null(object, put(object, "name", json_string(info->name)) &&
                                    put(object, "digest", json_string(info->digest)) &&
                                    put(object, "n_train", json_integer((int64_t)info->n_train)) &&
                                    put(object, "n_test", json_integer((int64_t)info->n_test)));
}

static json_t *json_forget(const lethe_split *split) {
    json_t *object = json_object();
    return json_or_null(object, put(object, "specification", json_string(lethe_split_get_forget(split))) &&
                                    put(object, "seed", json_seed(split->forget_seed)));
}

static json_t *json_part(const lethe_split *split, lethe_part part) {
    char digest[LETHE_DIGEST_TEXT];
    if (lethe__split_digest(split, part, digest) != LETHE_OK)
        return NULL;
    json_t *object = json_object();
    return json_or_null(object, put(object, "n", json_integer((int64_t)split->n[part])) &&
                                    put(object, "digest", json_string(digest)));
}

static json_t *json_parts(const lethe_split *split) {
    json_t *object = json_object();
    bool complete = true;
    for (int part = 0; part < LETHE__N_PARTS; part++)
        complete = complete && put(object, part_names[part], json_part(split, (lethe_part)part));
    return json_or_null(object, complete);
}

static json_t *json_ids(const lethe_split *split, lethe_part part) {
    json_t *array = json_array();
    bool complete = true;
    for (size_t i = 0; i < split->n[part]; i++)
        complete = complete && json_array_append_new(array, json_integer(split->ids[part][i])) == 0;
    return json_or_null(array, complete);
}

lethe_status lethe_split_save(const lethe_split *split, const lethe_dataset *dataset, const char *path) {
    json_t *root = json_object();
    bool complete =
        put(root, "schema", json_string(schema)) && put(root, "dataset", json_dataset(&dataset->info)) &&
        put(root, "val_fraction", lethe__json_real(split->val_fraction)) &&
        put(root, "seed", json_seed(split->seed)) && put(root, "forget", json_forget(split)) &&
        put(root, "parts", json_parts(split)) && put(root, "val_ids", json_ids(split, LETHE_PART_VAL)) &&
        put(root, "forget_ids", json_ids(split, LETHE_PART_FORGET));
    lethe_status status = complete
                              ? lethe__json_write(path, root)
                              : lethe__fail(LETHE_MEMORY, "%s: out of memory for writing the split", path);
    json_decref(root);
    return status;
}

/* --- reading --- */

static lethe_status check_dataset(const json_t *root, const lethe_dataset_info *info, const char *path) {
    json_t *object = NULL;
    const char *name = NULL, *digest = NULL;
    int64_t n_train = 0, n_test = 0;
    LETHE_TRY(lethe__json_get_object(root, "dataset", path, &object));
    LETHE_TRY(lethe__json_get_text(object, "name", path, &name));
    LETHE_TRY(lethe__json_get_text(object, "digest", path, &digest));
    LETHE_TRY(lethe__json_get_integer(object, "n_train", path, 1, UINT32_MAX, &n_train));
    LETHE_TRY(lethe__json_get_integer(object, "n_test", path, 0, UINT32_MAX, &n_test));
    if (strcmp(digest, info->digest) != 0)
        LETHE_FAIL(
            LETHE_INPUT,
            "%s: divides %.32s with %" PRId64 " training and %" PRId64 " test images, digest %.64s, "
            "but the data set given is %s with %zu and %zu, digest %s; give the same --dataset, --limit "
            "and --test-limit as when it was made",
            path, name, n_train, n_test, digest, info->name, info->n_train, info->n_test, info->digest);
    return LETHE_OK;
}

/* Gives the ids of the array `key` the role `part`. */
static lethe_status read_ids(const json_t *root, const char *key, const char *path, lethe_part part,
                             lethe_split *split) {
    json_t *array = NULL, *value;
    size_t i;
    LETHE_TRY(lethe__json_get_array(root, key, path, &array));
    json_array_foreach(array, i, value) {
        int64_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || (uint64_t)id >= split->n_images)
            LETHE_FAIL(LETHE_INPUT, "%s: %s[%zu] must be an id from 0 to %zu", path, key, i,
                       split->n_images - 1);
        if (split->roles[id] != LETHE_PART_RETAIN)
            LETHE_FAIL(LETHE_INPUT, "%s: %s[%zu] is the id %" PRId64 ", which was named before", path, key, i,
                       id);
        split->roles[id] = (uint8_t)part;
    }
    return LETHE_OK;
}

/* When a class is forgotten whole, the forget set must be exactly its training images. */
static lethe_status check_class(const lethe_split *split, const lethe_dataset *dataset, const char *path) {
    for (size_t id = 0; id < split->n_images && split->forget_class >= 0; id++) {
        bool forgotten = split->roles[id] == LETHE_PART_FORGET;
        bool in_class = dataset->train_labels[id] == split->forget_class;
        if (split->roles[id] != LETHE_PART_VAL && forgotten != in_class)
            LETHE_FAIL(LETHE_INPUT, "%s: its forget set is '%.128s', but that is not what forget_ids lists",
                       path, split->specification);
    }
    return LETHE_OK;
}

static lethe_status read_forget(const json_t *root, const lethe_dataset *dataset, const char *path,
                                lethe_split *split) {
    json_t *object = NULL;
    const char *specification = NULL;
    int64_t seed = 0;
    lethe__forget forget;
    LETHE_TRY(lethe__json_get_object(root, "forget", path, &object));
    LETHE_TRY(lethe__json_get_text(object, "specification", path, &specification));
    LETHE_TRY(lethe__json_get_integer(object, "seed", path, INT64_MIN, INT64_MAX, &seed));
    split->forget_seed = (uint64_t)seed;
    bool named = specification[0] != 0;
    if (named != (split->n[LETHE_PART_FORGET] > 0) || split->n[LETHE_PART_RETAIN] == 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its forget set is '%.128s', but it lists %zu ids to forget of %zu", path,
                   specification, split->n[LETHE_PART_FORGET], split->n[LETHE_PART_TRAIN]);
    if (!named)
        return LETHE_OK;
    if (lethe__forget_parse(specification, &dataset->info, &forget) != LETHE_OK)
        return lethe__fail_in(LETHE_INPUT, path);
    lethe__forget_note(&forget, split);
    LETHE_TRY(lethe__copy_text(specification, &split->specification));
    return check_class(split, dataset, path);
}

static lethe_status check_parts(const json_t *root, const lethe_split *split, const char *path) {
    json_t *parts = NULL;
    LETHE_TRY(lethe__json_get_object(root, "parts", path, &parts));
    for (int part = 0; part < LETHE__N_PARTS; part++) {
        json_t *object = NULL;
        int64_t n = 0;
        const char *digest = NULL;
        char found[LETHE_DIGEST_TEXT];
        LETHE_TRY(lethe__json_get_object(parts, part_names[part], path, &object));
        LETHE_TRY(lethe__json_get_integer(object, "n", path, 0, UINT32_MAX, &n));
        LETHE_TRY(lethe__json_get_text(object, "digest", path, &digest));
        LETHE_TRY(lethe__split_digest(split, (lethe_part)part, found));
        if ((size_t)n != split->n[part] || strcmp(digest, found) != 0)
            LETHE_FAIL(LETHE_INPUT,
                       "%s: the part '%s' should have %" PRId64 " images and the digest %.64s, but has %zu "
                       "and %s; the file is damaged",
                       path, part_names[part], n, digest, split->n[part], found);
    }
    return LETHE_OK;
}

static lethe_status read_split(const json_t *root, const lethe_dataset *dataset, const char *path,
                               lethe_split *split) {
    int64_t seed = 0;
    LETHE_TRY(lethe__json_get_real(root, "val_fraction", path, &split->val_fraction));
    LETHE_TRY(lethe__json_get_integer(root, "seed", path, INT64_MIN, INT64_MAX, &seed));
    split->seed = (uint64_t)seed;
    LETHE_TRY(read_ids(root, "val_ids", path, LETHE_PART_VAL, split));
    LETHE_TRY(read_ids(root, "forget_ids", path, LETHE_PART_FORGET, split));
    lethe__split_fill(split);
    LETHE_TRY(read_forget(root, dataset, path, split));
    return check_parts(root, split, path);
}

/* Checks what the file is, and that it is about this data set. */
static lethe_status check_head(const json_t *root, const lethe_dataset *dataset, const char *path) {
    const char *found = NULL;
    LETHE_TRY(lethe__json_get_text(root, "schema", path, &found));
    if (strcmp(found, schema) != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its schema is '%.64s', not '%s': it is no split of this version", path,
                   found, schema);
    return check_dataset(root, &dataset->info, path);
}

lethe_status lethe_split_load(const char *path, const lethe_dataset *dataset, lethe_split **out) {
    json_t *root = NULL;
    lethe_split *split = NULL;
    LETHE_TRY(lethe__json_read(path, &root));
    lethe_status status = check_head(root, dataset, path);
    if (status == LETHE_OK)
        status = lethe__split_allocate(dataset, &split);
    if (status == LETHE_OK)
        status = read_split(root, dataset, path, split);
    json_decref(root);
    if (status != LETHE_OK) {
        lethe_split_destroy(&split);
        return status;
    }
    *out = split;
    return LETHE_OK;
}
