/* native.h - what the native operations share: the choice of kernels, and rows of either type as floats. */
#ifndef LETHE_ENGINE_NATIVE_NATIVE_H
#define LETHE_ENGINE_NATIVE_NATIVE_H

#include "engine/native/row_kernels.h"
#include "engine/operation.h"

/* Values in a row at most: some six rows of buffers stay in the first-level cache. */
enum { LETHE__ROW = 512 };

/* The instruction sets that the kernels are compiled for, and the best that this machine has. */
typedef enum lethe__isa { LETHE__BASELINE, LETHE__AVX2, LETHE__AVX512, LETHE__AVX512BF16 } lethe__isa;
lethe__isa lethe__isa_choose(void);

/* The row kernels for the instruction set of this machine. */
const lethe__row_kernels *lethe__row_kernels_choose(void);

/* `supports` of the operations that take any shape and type, and `describe`: the instruction set. */
bool lethe__native_supports(const lethe__operation *operation);
const char *lethe__native_describe(const lethe__operation *operation);

/* n values from index `at` of f32 or bf16 data: where they lie, or widened into `buffer`. */
static inline const float *lethe__row_read(const lethe__row_kernels *kernels, const void *data,
                                           lethe__dtype dtype, size_t at, size_t n, float *buffer) {
    if (dtype == LETHE__F32)
        return (const float *)data + at;
    kernels->widen(n, (const uint16_t *)data + at, buffer);
    return buffer;
}

/* Where to put values that lethe__row_write then stores at index `at`: their place, or `buffer`. */
static inline float *lethe__row_target(void *data, lethe__dtype dtype, size_t at, float *buffer) {
    return dtype == LETHE__F32 ? (float *)data + at : buffer;
}
static inline void lethe__row_write(const lethe__row_kernels *kernels, void *data, lethe__dtype dtype,
                                    size_t at, size_t n, const float *target) {
    if (dtype == LETHE__BF16)
        kernels->narrow(n, target, (uint16_t *)data + at);
}

static inline size_t lethe__smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
