/* numpy_random.c - numpy's legacy generator, for the splits of the paper's code (--compat official).
 *
 * The Mersenne twister MT19937, seeded by Knuth's multiplicative recurrence; a number from 0 to m is drawn by
 * masking 32 bits to the width of m and rejecting what is larger; a permutation is Fisher-Yates from the end.
 * numpy promises that these streams never change. Source: Matsumoto & Nishimura, "Mersenne Twister" (1998).
 * Everything else in lethe draws from Philox (base/random.h). */
#include "data/numpy_random.h"

enum { SHIFT_SIZE = 397 };

void lethe__numpy_random_seed(lethe__numpy_random *random, uint32_t seed) {
    random->words[0] = seed;
    for (uint32_t i = 1; i < LETHE__MT_WORDS; i++) {
        uint32_t last = random->words[i - 1];
        random->words[i] = 1812433253u * (last ^ (last >> 30)) + i;
    }
    random->used = LETHE__MT_WORDS;
}

/* The next 624 words of the recurrence, in place. */
static void renew(lethe__numpy_random *random) {
    uint32_t *words = random->words;
    for (int i = 0; i < LETHE__MT_WORDS; i++) {
        uint32_t joined = (words[i] & 0x80000000u) | (words[(i + 1) % LETHE__MT_WORDS] & 0x7fffffffu);
        words[i] =
            words[(i + SHIFT_SIZE) % LETHE__MT_WORDS] ^ (joined >> 1) ^ ((joined & 1) != 0 ? 0x9908b0dfu : 0);
    }
    random->used = 0;
}

static uint32_t next_u32(lethe__numpy_random *random) {
    if (random->used == LETHE__MT_WORDS)
        renew(random);
    uint32_t x = random->words[random->used++];
    x ^= x >> 11;
    x ^= (x << 7) & 0x9d2c5680u;
    x ^= (x << 15) & 0xefc60000u;
    return x ^ (x >> 18);
}

/* 0 .. largest */
static uint32_t next_up_to(lethe__numpy_random *random, uint32_t largest) {
    uint32_t mask = largest, x;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        x = next_u32(random) & mask;
    while (x > largest);
    return x;
}

void lethe__numpy_random_permute(lethe__numpy_random *random, uint32_t *values, size_t n) {
    for (size_t i = n; i-- > 1;) {
        uint32_t other = next_up_to(random, (uint32_t)i), kept = values[i];
        values[i] = values[other];
        values[other] = kept;
    }
}
