/* native.c - the choice of kernels for this machine, and what several native operations do. */
#include "engine/native/native.h"

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

const float *lethe__row_diff_dst(const lethe__row_kernels *kernels, const lethe__operation *operation,
                                 size_t at, size_t n, float buffers[3][LETHE__ROW]) {
    lethe__dtype dtype = operation->dst.dtype;
    const float *first = lethe__row_read(kernels, operation->diff_dst, dtype, at, n, buffers[0]);
    if (operation->diff_dst_2 == NULL)
        return first;
    const float *second = lethe__row_read(kernels, operation->diff_dst_2, dtype, at, n, buffers[1]);
    kernels->gradient(n, first, second, NULL, buffers[2]);
    return buffers[2];
}
