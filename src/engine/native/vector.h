/* vector.h - one vector of floats, as long as the instruction set that a kernel file is compiled for has it.
 * The compilers' vector extension, so that one text serves all sets. Only *_kernels.c include this. */
#ifndef LETHE_ENGINE_NATIVE_VECTOR_H
#define LETHE_ENGINE_NATIVE_VECTOR_H

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));
typedef float unaligned_vector
    __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

static inline vector load(const float *from) {
    return *(const unaligned_vector *)from;
}

static inline void store(float *to, vector value) {
    *(unaligned_vector *)to = value;
}

#endif
