/* peak_kernels.c - the peak of one core, of floats and of pairs of bf16: independent multiply-adds that never
 * leave the registers, compiled once for each instruction set.
 *
 * Two units with a latency of four or five cycles want ten in flight; twelve accumulators and two factors fit
 * the 16 registers of AVX2. Each round is 12 multiply-adds: 12 * lanes * 2 operations, of pairs twice that.
 */
#include "engine/native/peak_kernels.h"
#include "engine/native/vector.h"

enum { ACCUMULATORS = 12 };

/* Changed for all that the compiler knows, in a register. */
#define HOLD(sum) __asm__ volatile("" : "+x"(sum))
#define STEP(sum)                                                                                            \
    sum = pairs ? add_pair_products(sum, factor, other) : factor * sum + other;                              \
    HOLD(sum)

INLINE float multiply_add_as(size_t rounds, vector factor, vector other, const bool pairs) {
    const vector zero = {0};
    vector a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero, i = zero, j = zero,
           k = zero, l = zero;
    HOLD(factor);
    HOLD(other);
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

static float multiply_add(size_t rounds) {
    const vector zero = {0};
    return multiply_add_as(rounds, zero + 0.5f, zero + 1, false);
}

static float multiply_add_pairs(size_t rounds) {
    const half_vector one = round_bf16((vector){0} + 1);
    return multiply_add_as(rounds, pair_up(one, one), pair_up(one, one), true);
}

#define TABLE_NAME_(isa) lethe__peak_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__peak_kernels TABLE_NAME(LETHE__ISA) = {.flops = 2 * LANES * ACCUMULATORS,
                                                    .pair_flops = 4 * LANES * ACCUMULATORS,
                                                    .multiply_add = multiply_add,
                                                    .multiply_add_pairs = multiply_add_pairs};
