/* safetensors.h - the file format alone: named tensors and a string-to-string metadata mapping.
 *
 * Layout: u64 little-endian N, N bytes of JSON, the tensors' bytes. Reading refuses everything that the
 * format forbids (safetensors.c lists the rules); writing gives the official writer's order: dtype
 * descending, then name. */
#ifndef LETHE_CHECKPOINT_SAFETENSORS_H
#define LETHE_CHECKPOINT_SAFETENSORS_H

#include <lethe/status.h>
#include <stddef.h>
#include <stdint.h>

/* Every dtype of the format, in the official order (which is the order of sizes): X(NAME, bits). lethe
 * computes with few of them and can list all. */
#define LETHE_DTYPE_LIST(X)                                                                                  \
    X(BOOL, 8)                                                                                               \
    X(F4, 4)                                                                                                 \
    X(F6_E2M3, 6)                                                                                            \
    X(F6_E3M2, 6)                                                                                            \
    X(U8, 8)                                                                                                 \
    X(I8, 8)                                                                                                 \
    X(F8_E5M2, 8)                                                                                            \
    X(F8_E4M3, 8)                                                                                            \
    X(F8_E8M0, 8)                                                                                            \
    X(F8_E4M3FNUZ, 8)                                                                                        \
    X(F8_E5M2FNUZ, 8)                                                                                        \
    X(I16, 16)                                                                                               \
    X(U16, 16)                                                                                               \
    X(F16, 16)                                                                                               \
    X(BF16, 16)                                                                                              \
    X(I32, 32)                                                                                               \
    X(U32, 32)                                                                                               \
    X(F32, 32)                                                                                               \
    X(C64, 64)                                                                                               \
    X(F64, 64)                                                                                               \
    X(I64, 64)                                                                                               \
    X(U64, 64)

typedef enum lethe__st_dtype {
#define LETHE_DTYPE_ENUM(name, bits) LETHE__ST_##name,
    LETHE_DTYPE_LIST(LETHE_DTYPE_ENUM)
#undef LETHE_DTYPE_ENUM
        LETHE__ST_DTYPES
} lethe__st_dtype;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are stored as they lie in memory");

enum { LETHE__ST_LENGTH_BYTES = 8, LETHE__ST_MAX_DIMS = 8 };

/* The header's entry that is no tensor. */
#define LETHE__ST_METADATA_KEY "__metadata__"

/* "F32". */
const char *lethe__st_dtype_name(lethe__st_dtype dtype);

typedef struct lethe__st_tensor {
    const char *name;
    lethe__st_dtype dtype;
    int n_dims;
    uint64_t shape[LETHE__ST_MAX_DIMS];
    uint64_t n_bytes;
    const void *bytes; /* of a file: of any alignment */
} lethe__st_tensor;

typedef struct lethe__st_metadata {
    const char *key, *value;
} lethe__st_metadata;

/* A file read whole into memory. */
typedef struct lethe__st_file {
    lethe__st_tensor *tensors; /* in file order */
    size_t n_tensors;
    lethe__st_metadata *metadata;
    size_t n_metadata;
    void *owner;
} lethe__st_file;

/* LETHE_INPUT names the file and the broken rule or tensor. */
lethe_status lethe__st_read(const char *path, lethe__st_file *out);
/* The same from memory, which is lent until fini; for fuzzing. */
lethe_status lethe__st_parse(const uint8_t *bytes, size_t n, const char *place, lethe__st_file *out);
void lethe__st_fini(lethe__st_file *file);
const lethe__st_tensor *lethe__st_find(const lethe__st_file *file, const char *name);
/* NULL when there is no such key. */
const char *lethe__st_get_metadata(const lethe__st_file *file, const char *key);

/* Writes atomically. The arrays are lent and may be in any order. */
lethe_status lethe__st_write(const char *path, const lethe__st_tensor *tensors, size_t n_tensors,
                             const lethe__st_metadata *metadata, size_t n_metadata);

#endif
