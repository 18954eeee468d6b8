/* safetensors.c - reading the safetensors format (huggingface/safetensors, tensor.rs).
 *
 * Rules that a file must keep, each with its own message:
 *  1. it holds a header length of 8 bytes, at most 100,000,000, and a header of that length;
 *  2. the header begins with '{' and is JSON in UTF-8, no key twice; texts with an embedded NUL are refused;
 *  3. "__metadata__", if present, maps texts to texts;
 *  4. every other entry has a dtype of the format, a shape and two data_offsets within the data;
 *  5. shape and dtype give whole bytes, as many as the offsets enclose, without overflow on the way;
 *  6. the tensors tile the data: no hole, no overlap, no byte behind the last one.
 * A shape may be empty (a scalar) and may hold zeros. Entries may have other fields, which say nothing. The
 * reader cannot rely on the writer's order of tensors: `bytes` may be unaligned. */
#include "checkpoint/safetensors.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER_BYTES = 100000000 };
static const size_t max_file_bytes = (size_t)1 << 31; /* far more than any model of lethe has */

static const struct {
    const char *name;
    unsigned bits;
} dtypes[LETHE__ST_DTYPES] = {
#define DTYPE_ROW(name, bits) {#name, bits},
    LETHE_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

/* What an open file keeps alive. */
typedef struct holding {
    json_t *header; /* owns names and metadata */
    uint8_t *bytes; /* NULL: lent by the caller */
} holding;

/* The data behind the header. */
typedef struct data_part {
    const uint8_t *bytes;
    size_t n;
} data_part;

const char *lethe__st_dtype_name(lethe__st_dtype dtype) {
    return dtypes[dtype].name;
}

/* --- reading --- */

/* Rules 1 and 2: finds the header and the data. */
static lethe_status find_header(const uint8_t *bytes, size_t n, size_t *header_bytes, data_part *data) {
    uint64_t length;
    if (n < LETHE__ST_LENGTH_BYTES)
        LETHE_FAIL(LETHE_INPUT, "holds %zu bytes, too few for the 8-byte header length of safetensors", n);
    memcpy(&length, bytes, sizeof length);
    if (length > MAX_HEADER_BYTES)
        LETHE_FAIL(LETHE_INPUT, "header length %" PRIu64 " is more than %d: not a safetensors file", length,
                   MAX_HEADER_BYTES);
    if (length > n - LETHE__ST_LENGTH_BYTES)
        LETHE_FAIL(LETHE_INPUT, "the header takes %" PRIu64 " bytes, but only %zu follow: the file is cut",
                   length, n - LETHE__ST_LENGTH_BYTES);
    if (length == 0 || bytes[LETHE__ST_LENGTH_BYTES] != '{')
        LETHE_FAIL(LETHE_INPUT, "the header at byte 8 does not begin with '{': not a safetensors file");
    *header_bytes = (size_t)length;
    *data = (data_part){bytes + LETHE__ST_LENGTH_BYTES + length, n - LETHE__ST_LENGTH_BYTES - (size_t)length};
    return LETHE_OK;
}

/* Non-negative integers of an array of at most `most`. */
static lethe_status get_sizes(const json_t *entry, const char *name, const char *key, size_t most,
                              uint64_t *sizes, size_t *n) {
    json_t *array = NULL;
    LETHE_TRY(lethe__json_get_array(entry, key, name, &array));
    *n = json_array_size(array);
    if (*n > most)
        LETHE_FAIL(LETHE_INPUT, "%s: '%s' has %zu entries; at most %zu are read", name, key, *n, most);
    for (size_t i = 0; i < *n; i++) {
        const json_t *size = json_array_get(array, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            LETHE_FAIL(LETHE_INPUT, "%s: '%s'[%zu] is not an integer from 0 upwards", name, key, i);
        sizes[i] = (uint64_t)json_integer_value(size);
    }
    return LETHE_OK;
}

static lethe_status get_dtype(const json_t *entry, const char *name, lethe__st_dtype *out) {
    const char *text = NULL;
    LETHE_TRY(lethe__json_get_text(entry, "dtype", name, &text));
    for (int i = 0; i < LETHE__ST_DTYPES; i++)
        if (strcmp(dtypes[i].name, text) == 0) {
            *out = (lethe__st_dtype)i;
            return LETHE_OK;
        }
    LETHE_FAIL(LETHE_INPUT, "%s: dtype '%s' is none of safetensors'", name, text);
}

/* Rules 4 and 5. */
static lethe_status read_entry(const char *name, const json_t *entry, data_part data, lethe__st_tensor *out) {
    lethe__st_tensor tensor = {.name = name};
    uint64_t offsets[2], n_bits = 1;
    size_t n_dims = 0, n_offsets = 0;
    LETHE_TRY(get_dtype(entry, name, &tensor.dtype));
    LETHE_TRY(get_sizes(entry, name, "shape", LETHE__ST_MAX_DIMS, tensor.shape, &n_dims));
    LETHE_TRY(get_sizes(entry, name, "data_offsets", 2, offsets, &n_offsets));
    if (n_offsets != 2)
        LETHE_FAIL(LETHE_INPUT, "%s: 'data_offsets' must be two integers", name);
    if (offsets[0] > offsets[1] || offsets[1] > data.n)
        LETHE_FAIL(LETHE_INPUT, "%s: data_offsets [%" PRIu64 ", %" PRIu64 "] do not lie in %zu bytes of data",
                   name, offsets[0], offsets[1], data.n);
    bool overflow = false;
    for (size_t i = 0; i < n_dims; i++)
        overflow |= __builtin_mul_overflow(n_bits, tensor.shape[i], &n_bits);
    overflow |= __builtin_mul_overflow(n_bits, (uint64_t)dtypes[tensor.dtype].bits, &n_bits);
    if (overflow)
        LETHE_FAIL(LETHE_INPUT, "%s: the shape has more elements than can be counted", name);
    tensor.n_dims = (int)n_dims;
    tensor.n_bytes = offsets[1] - offsets[0];
    tensor.bytes = data.bytes + offsets[0];
    if (n_bits % 8 != 0 || n_bits / 8 != tensor.n_bytes)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: its shape of %s takes %" PRIu64 " bits, but data_offsets enclose %" PRIu64 " bytes",
                   name, dtypes[tensor.dtype].name, n_bits, tensor.n_bytes);
    *out = tensor;
    return LETHE_OK;
}

/* Rule 3. */
static lethe_status read_metadata(const json_t *header, lethe__st_file *file) {
    json_t *mapping = NULL, *value;
    const char *key;
    if (json_object_get(header, LETHE__ST_METADATA_KEY) == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__json_get_object(header, LETHE__ST_METADATA_KEY, "header", &mapping));
    LETHE_TRY(lethe__allocate(json_object_size(mapping), sizeof *file->metadata, &file->metadata));
    json_object_foreach(mapping, key, value) {
        lethe__st_metadata *entry = &file->metadata[file->n_metadata++];
        entry->key = key;
        LETHE_TRY(lethe__json_get_text(mapping, key, LETHE__ST_METADATA_KEY, &entry->value));
    }
    return LETHE_OK;
}

/* Orders by position; empty tensors lie in front of the one that begins where they do. */
static int compare_positions(const void *left, const void *right) {
    const lethe__st_tensor *a = left, *b = right;
    const uint8_t *a_bytes = a->bytes, *b_bytes = b->bytes;
    if (a_bytes != b_bytes)
        return a_bytes < b_bytes ? -1 : 1;
    if (a->n_bytes != b->n_bytes)
        return a->n_bytes < b->n_bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Rule 6, of tensors in order. */
static lethe_status check_tiling(const lethe__st_file *file, data_part data) {
    const uint8_t *end = data.bytes;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const uint8_t *begin = file->tensors[i].bytes;
        if (begin != end)
            LETHE_FAIL(
                LETHE_INPUT,
                "%s: begins at byte %zu of the data, but what lies before ends at %zu; tensors must follow "
                "each other without hole or overlap",
                file->tensors[i].name, (size_t)(begin - data.bytes), (size_t)(end - data.bytes));
        end = begin + file->tensors[i].n_bytes;
    }
    if (end != data.bytes + data.n)
        LETHE_FAIL(LETHE_INPUT, "%zu bytes follow the last tensor", (size_t)(data.bytes + data.n - end));
    return LETHE_OK;
}

static lethe_status parse(const uint8_t *bytes, size_t n, lethe__st_file *file) {
    data_part data = {0};
    size_t header_bytes = 0;
    holding *held;
    LETHE_TRY(find_header(bytes, n, &header_bytes, &data));
    LETHE_TRY(lethe__allocate(1, sizeof *held, &held));
    file->owner = held;
    LETHE_TRY(lethe__json_parse((const char *)bytes + LETHE__ST_LENGTH_BYTES, header_bytes, "header",
                                &held->header));
    LETHE_TRY(read_metadata(held->header, file));
    LETHE_TRY(lethe__allocate(json_object_size(held->header), sizeof *file->tensors, &file->tensors));
    const char *name;
    json_t *entry;
    json_object_foreach(held->header, name, entry) {
        if (strcmp(name, LETHE__ST_METADATA_KEY) != 0)
            LETHE_TRY(read_entry(name, entry, data, &file->tensors[file->n_tensors++]));
    }
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_positions);
    return check_tiling(file, data);
}

lethe_status lethe__st_parse(const uint8_t *bytes, size_t n, const char *place, lethe__st_file *out) {
    lethe__st_file file = {0};
    lethe_status status = parse(bytes, n, &file);
    if (status != LETHE_OK) {
        lethe__st_fini(&file);
        return lethe__fail_in(status, place);
    }
    *out = file;
    return LETHE_OK;
}

lethe_status lethe__st_read(const char *path, lethe__st_file *out) {
    uint8_t *bytes;
    size_t n;
    LETHE_TRY(lethe__file_read(path, max_file_bytes, &bytes, &n));
    lethe_status status = lethe__st_parse(bytes, n, path, out);
    if (status == LETHE_OK)
        ((holding *)out->owner)->bytes = bytes;
    else
        lethe__free(bytes);
    return status;
}

void lethe__st_fini(lethe__st_file *file) {
    holding *held = file->owner;
    if (held != NULL) {
        json_decref(held->header);
        lethe__free(held->bytes);
    }
    lethe__free(held);
    lethe__free(file->tensors);
    lethe__free(file->metadata);
    *file = (lethe__st_file){0};
}

const lethe__st_tensor *lethe__st_find(const lethe__st_file *file, const char *name) {
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *lethe__st_get_metadata(const lethe__st_file *file, const char *key) {
    for (size_t i = 0; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}
