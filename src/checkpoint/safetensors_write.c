/* safetensors_write.c - writing the safetensors format: the header is padded with spaces to a multiple of 8,
 * and tensors are ordered by dtype, largest first, then by name, like the official writer's. */
#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include <stdlib.h>
#include <string.h>

static int compare_dtype_and_name(const void *left, const void *right) {
    const lethe__st_tensor *a = left, *b = right;
    return a->dtype != b->dtype ? (a->dtype > b->dtype ? -1 : 1) : strcmp(a->name, b->name);
}

static bool add_metadata(json_t *header, const lethe__st_metadata *metadata, size_t n) {
    json_t *mapping = json_object();
    bool done = json_object_set_new(header, LETHE__ST_METADATA_KEY, mapping) == 0;
    for (size_t i = 0; done && i < n; i++)
        done = json_object_set_new(mapping, metadata[i].key, json_string(metadata[i].value)) == 0;
    return done;
}

static bool add_entry(json_t *header, const lethe__st_tensor *tensor, uint64_t begin) {
    json_t *shape = json_array();
    bool done = shape != NULL;
    for (int i = 0; done && i < tensor->n_dims; i++)
        done = json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) == 0;
    json_t *entry =
        json_pack("{s:s, s:O, s:[I, I]}", "dtype", lethe__st_dtype_name(tensor->dtype), "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->n_bytes));
    json_decref(shape);
    if (!done) {
        json_decref(entry);
        return false;
    }
    return json_object_set_new(header, tensor->name, entry) == 0;
}

/* The header as text, freed by lethe__free. */
static lethe_status make_header(const lethe__st_tensor *tensors, size_t n_tensors,
                                const lethe__st_metadata *metadata, size_t n_metadata, char **text) {
    json_t *header = json_object();
    uint64_t end = 0;
    bool done = header != NULL && (n_metadata == 0 || add_metadata(header, metadata, n_metadata));
    for (size_t i = 0; done && i < n_tensors; i++) {
        done = add_entry(header, &tensors[i], end);
        end += tensors[i].n_bytes;
    }
    lethe_status status = lethe__json_compact(done ? header : NULL, text);
    json_decref(header);
    return status;
}

static lethe_status write_all(lethe__writer *writer, const char *header, const lethe__st_tensor *tensors,
                              size_t n_tensors) {
    static const char spaces[LETHE__ST_LENGTH_BYTES] = "        ";
    size_t n = strlen(header),
           n_spaces = (LETHE__ST_LENGTH_BYTES - n % LETHE__ST_LENGTH_BYTES) % LETHE__ST_LENGTH_BYTES;
    uint64_t length = n + n_spaces;
    LETHE_TRY(lethe__writer_write(writer, &length, sizeof length));
    LETHE_TRY(lethe__writer_write(writer, header, n));
    LETHE_TRY(lethe__writer_write(writer, spaces, n_spaces));
    for (size_t i = 0; i < n_tensors; i++)
        LETHE_TRY(lethe__writer_write(writer, tensors[i].bytes, (size_t)tensors[i].n_bytes));
    return LETHE_OK;
}

static lethe_status write_file(const char *path, const char *header, const lethe__st_tensor *tensors,
                               size_t n_tensors) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    lethe_status status = write_all(writer, header, tensors, n_tensors);
    if (status == LETHE_OK)
        return lethe__writer_commit(&writer);
    lethe__writer_abandon(&writer);
    return status;
}

lethe_status lethe__st_write(const char *path, const lethe__st_tensor *tensors, size_t n_tensors,
                             const lethe__st_metadata *metadata, size_t n_metadata) {
    lethe__st_tensor *sorted;
    LETHE_TRY(lethe__allocate(n_tensors, sizeof *sorted, &sorted));
    if (n_tensors > 0)
        memcpy(sorted, tensors, n_tensors * sizeof *sorted);
    qsort(sorted, n_tensors, sizeof *sorted, compare_dtype_and_name);
    char *header = NULL;
    lethe_status status = make_header(sorted, n_tensors, metadata, n_metadata, &header);
    if (status == LETHE_OK)
        status = write_file(path, header, sorted, n_tensors);
    lethe__free(header);
    lethe__free(sorted);
    return status;
}
