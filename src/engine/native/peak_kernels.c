/* peak_kernels.c - the f32 peak of one core: independent multiply-adds that never leave the registers,
 * compiled once for each instruction set.
 *
 * Two units with a latency of four or five cycles want ten in flight; twelve accumulators and two factors fit
 * the 16 registers of AVX2. Each round is 12 multiply-adds: 12 * lanes * 2 operations. */
#include "engine/native/peak_kernels.h"

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

enum { ACCUMULATORS = 12 };

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

static float multiply_add(size_t rounds) {
    vector sums[ACCUMULATORS], factor, summand;
    for (int lane = 0; lane < LANES; lane++) {
        factor[lane] = 0.5f;
        summand[lane] = 1;
    }
    for (int i = 0; i < ACCUMULATORS; i++)
        sums[i] = summand * (float)i;
    for (size_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) {
            sums[i] = sums[i] * factor + summand;
            /* in a register, and changed for all that the compiler knows */
            __asm__ volatile("" : "+x"(sums[i]));
        }
    }
    vector all = sums[0];
    for (int i = 1; i < ACCUMULATORS; i++)
        all += sums[i];
    return all[0];
}

#define TABLE_NAME_(isa) lethe__peak_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__peak_kernels TABLE_NAME(LETHE__ISA) = {.flops = 2 * LANES * ACCUMULATORS,
                                                    .multiply_add = multiply_add};
