/* numpy_random.h - the permutations of numpy's legacy generator, numpy.random.RandomState. */
#ifndef LETHE_DATA_NUMPY_RANDOM_H
#define LETHE_DATA_NUMPY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { LETHE__MT_WORDS = 624 };

typedef struct lethe__numpy_random {
    uint32_t words[LETHE__MT_WORDS];
    int used; /* words already given out */
} lethe__numpy_random;

/* RandomState(seed). */
void lethe__numpy_random_seed(lethe__numpy_random *random, uint32_t seed);
/* As RandomState.shuffle; so the first k of `values` are then RandomState.choice(values, k, replace=False).
 * n at most 2^32. */
void lethe__numpy_random_permute(lethe__numpy_random *random, uint32_t *values, size_t n);

#endif
