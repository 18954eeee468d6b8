/* vector.h - one vector of floats, as long as the instruction set that a kernel file is compiled for has it,
 * and bf16 values in pairs. The compilers' vector extension, so that one text serves all sets; where there
 * are instructions for bf16 (AVX512_BF16), these. Only *_kernels.c include this.
 *
 * A word is 4 bytes: a float, or a pair of bf16 values, the first in the low half. */
#ifndef LETHE_ENGINE_NATIVE_VECTOR_H
#define LETHE_ENGINE_NATIVE_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));
typedef float unaligned_vector
    __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef uint32_t bit_vector __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint16_t half_vector __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint16_t unaligned_half_vector
    __attribute__((vector_size(LANES * sizeof(uint16_t)), aligned(sizeof(uint16_t)), may_alias));
typedef uint32_t word __attribute__((may_alias));

INLINE vector broadcast(word value) {
    return (vector)((bit_vector){0} + value);
}

INLINE vector load(const float *from) {
    return *(const unaligned_vector *)from;
}

INLINE void store(float *to, vector value) {
    *(unaligned_vector *)to = value;
}

/* --- bf16 --- */

INLINE bit_vector widen_bits(half_vector value) {
#ifdef __AVX512F__ /* GCC 12 makes three conversions of one */
    return (bit_vector)_mm512_cvtepu16_epi32((__m256i)value);
#else
    return __builtin_convertvector(value, bit_vector);
#endif
}

INLINE vector load_bf16(const uint16_t *from) {
    return (vector)(widen_bits(*(const unaligned_half_vector *)from) << 16);
}

/* Rounded to the nearest, ties to even; NaN stays NaN. */
INLINE half_vector round_bf16(vector value) {
#ifdef __AVX512BF16__
    return (half_vector)_mm512_cvtneps_pbh((__m512)value);
#else
    bit_vector b = (bit_vector)value, rounded = b + 0x7fffu + ((b >> 16) & 1), quiet = b | 0x400000u;
    bit_vector is_nan = (bit_vector)(value != value);
    return __builtin_convertvector(((rounded & ~is_nan) | (quiet & is_nan)) >> 16, half_vector);
#endif
}

INLINE void store_bf16(uint16_t *to, vector value) {
    *(unaligned_half_vector *)to = round_bf16(value);
}

/* Words of pairs. */
INLINE vector pair_up(half_vector first, half_vector second) {
    return (vector)(widen_bits(first) | widen_bits(second) << 16);
}

INLINE vector first_of(vector pairs) {
    return (vector)((bit_vector)pairs << 16);
}

INLINE vector second_of(vector pairs) {
    return (vector)((bit_vector)pairs & 0xffff0000u);
}

/* sum + the products of the first and of the second values of the pairs. */
INLINE vector add_pair_products(vector sum, vector a, vector b) {
#ifdef __AVX512BF16__
    return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    return sum + first_of(a) * first_of(b) + second_of(a) * second_of(b);
#endif
}

#endif
