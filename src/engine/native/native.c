/* native.c - picks the kernels for this machine, and gives rows of f32 or bf16 values to them as floats. */
#include "engine/native/native.h"
#include <string.h>

const lethe__row_kernels *lethe__row_kernels_choose(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return &lethe__row_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &lethe__row_kernels_avx2;
    return &lethe__row_kernels_baseline;
}

bool lethe__native_supports(const lethe__operation *operation) {
    (void)operation;
    return true;
}

const char *lethe__native_describe(const lethe__operation *operation) {
    (void)operation;
    return lethe__row_kernels_choose()->name;
}

const float *lethe__row_read(const void *data, lethe__dtype dtype, size_t at, size_t n, float *buffer) {
    if (dtype == LETHE__F32)
        return (const float *)data + at;
    lethe__row_kernels_choose()->widen(n, (const uint16_t *)data + at, buffer);
    return buffer;
}

float *lethe__row_target(void *data, lethe__dtype dtype, size_t at, float *buffer) {
    return dtype == LETHE__F32 ? (float *)data + at : buffer;
}

void lethe__row_write(void *data, lethe__dtype dtype, size_t at, size_t n, const float *target) {
    if (dtype == LETHE__BF16)
        lethe__row_kernels_choose()->narrow(n, target, (uint16_t *)data + at);
}

const float *lethe__row_diff_dst(const lethe__operation *operation, size_t at, size_t n,
                                 float buffers[2][LETHE__ROW]) {
    lethe__dtype dtype = operation->dst.dtype;
    const float *row = lethe__row_read(operation->diff_dst, dtype, at, n, buffers[0]);
    if (operation->diff_dst_2 == NULL)
        return row;
    if (row != buffers[0])
        memcpy(buffers[0], row, n * sizeof *row);
    lethe__row_kernels_choose()->add(n, lethe__row_read(operation->diff_dst_2, dtype, at, n, buffers[1]),
                                     buffers[0]);
    return buffers[0];
}
