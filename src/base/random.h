/* random.h - random streams: Philox4x32-10 (Salmon et al. 2011, through Random123) keyed by what the numbers
 * are for.
 *
 * A stream is a pure function of (seed, purpose, epoch, sample): the same sample is augmented the same way
 * whatever the thread count or the position in a batch, and a resumed run draws what the unbroken run would
 * have drawn. */
#ifndef LETHE_BASE_RANDOM_H
#define LETHE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Stored runs depend on these values: append only. */
typedef enum lethe__purpose {
    LETHE__RANDOM_INITIALISE = 1,
    LETHE__RANDOM_SHUFFLE = 2,
    LETHE__RANDOM_AUGMENT = 3,
    LETHE__RANDOM_SPLIT = 4,
    LETHE__RANDOM_FORGET = 5,
    LETHE__RANDOM_PRUNE = 6,
    LETHE__RANDOM_SYNTHETIC = 7,
    LETHE__RANDOM_METHOD = 8,
    LETHE__RANDOM_ANALYZE = 9,
} lethe__purpose;

typedef struct lethe__random {
    uint64_t seed;
    uint32_t counter[4];
    uint32_t block[4];
    int used; /* words of `block` already given out */
} lethe__random;

lethe__random lethe__random_open(uint64_t seed, lethe__purpose purpose, uint32_t epoch, uint32_t sample);
/* The same stream from its word `first` on, a multiple of 4: parts of it can be drawn side by side. */
lethe__random lethe__random_from(const lethe__random *stream, uint32_t first);
uint32_t lethe__random_u32(lethe__random *random);
uint64_t lethe__random_u64(lethe__random *random);
/* [0, 1), 24 bits: exact in float. */
float lethe__random_uniform(lethe__random *random);
/* Standard normal (Box-Muller). */
float lethe__random_normal(lethe__random *random);
/* 0 .. n-1 without bias; n > 0. */
uint32_t lethe__random_below(lethe__random *random, uint32_t n);
/* Fisher-Yates in place. */
void lethe__random_permute(lethe__random *random, uint32_t *values, size_t n);

#endif
