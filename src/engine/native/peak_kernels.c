/* peak_kernels.c - the f32 peak of one core: independent multiply-adds that never leave the registers,
 * compiled once for each instruction set.
 *
 * Two units with a latency of four or five cycles want ten in flight; twelve accumulators and two factors fit
 * the 16 registers of AVX2. Each round is 12 multiply-adds: 12 * lanes * 2 operations. */
#include "engine/native/peak_kernels.h"
#include "engine/native/vector.h"

enum { ACCUMULATORS = 12 };

/* Changed for all that the compiler knows, in a register. */
#define HOLD(sum) __asm__ volatile("" : "+x"(sum))
#define STEP(sum)                                                                                            \
    sum = factor * sum + summand;                                                                            \
    HOLD(sum)

static float multiply_add(size_t rounds) {
    const vector zero = {0};
    vector factor = zero + 0.5f, summand = zero + 1;
    vector a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero, i = zero, j = zero,
           k = zero, l = zero;
    HOLD(factor);
    HOLD(summand);
    for (size_t round = 0; round < rounds; round++) {
        STEP(a);
        STEP(b);
        STEP(c);
        STEP(d);
        STEP(e);
        STEP(f);
        STEP(g);
        STEP(h);
        STEP(i);
        STEP(j);
        STEP(k);
        STEP(l);
    }
    return (a + b + c + d + e + f + g + h + i + j + k + l)[0];
}

#define TABLE_NAME_(isa) lethe__peak_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__peak_kernels TABLE_NAME(LETHE__ISA) = {.flops = 2 * LANES * ACCUMULATORS,
                                                    .multiply_add = multiply_add};
