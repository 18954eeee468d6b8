/* native.c - the instruction set of this machine, and what several native operations answer alike. */
#include "engine/native/native.h"

/* What CMakeLists.txt lets the compiler use for each set; a CPU with AVX2 has F16C, too. */
lethe__isa lethe__isa_choose(void) {
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return __builtin_cpu_supports("avx512bf16") ? LETHE__AVX512BF16 : LETHE__AVX512;
    return avx2 ? LETHE__AVX2 : LETHE__BASELINE;
}

const lethe__row_kernels *lethe__row_kernels_choose(void) {
    static const lethe__row_kernels *const sets[] = {&lethe__row_kernels_baseline, &lethe__row_kernels_avx2,
                                                     &lethe__row_kernels_avx512,
                                                     &lethe__row_kernels_avx512bf16};
    return sets[lethe__isa_choose()];
}

bool lethe__native_supports(const lethe__operation *operation) {
    (void)operation;
    return true;
}

const char *lethe__native_describe(const lethe__operation *operation) {
    (void)operation;
    return lethe__row_kernels_choose()->name;
}
