/* random.c - random streams on Philox4x32-10.
 *
 * Philox (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) is a bijection of
 * a 128-bit counter under a 64-bit key. Here key = seed and counter = (block, sample, epoch, purpose), so
 * every block of four words can be computed on its own, in any order, by any thread; a stream holds 2^32
 * blocks. uniform = top 24 bits / 2^24; normal = sqrt(-2 ln u) cos(2 pi v) with u in (0, 1], of two words
 * each; below(n) = high word of word * n, rejecting the few low words that would favour small numbers
 * (Lemire, Fast random integer generation in an interval, 2019). Cost: about 10 multiplications a word. */
#include "base/random.h"
#include <Random123/philox.h>
#include <math.h>
#include <string.h>

lethe__random lethe__random_open(uint64_t seed, lethe__purpose purpose, uint32_t epoch, uint32_t sample) {
    return (lethe__random){.seed = seed, .counter = {0, sample, epoch, (uint32_t)purpose}, .used = 4};
}

lethe__random lethe__random_from(const lethe__random *stream, uint32_t first) {
    lethe__random random = *stream;
    random.counter[0] = first / 4;
    random.used = 4;
    return random;
}

static void next_block(lethe__random *random) {
    philox4x32_key_t key = {{(uint32_t)random->seed, (uint32_t)(random->seed >> 32)}};
    philox4x32_ctr_t counter;
    memcpy(counter.v, random->counter, sizeof random->counter);
    counter = philox4x32_R(10, counter, key);
    memcpy(random->block, counter.v, sizeof random->block);
    random->counter[0]++;
    random->used = 0;
}

uint32_t lethe__random_u32(lethe__random *random) {
    if (random->used == 4)
        next_block(random);
    return random->block[random->used++];
}

uint64_t lethe__random_u64(lethe__random *random) {
    uint64_t low = lethe__random_u32(random);
    return low | (uint64_t)lethe__random_u32(random) << 32;
}

float lethe__random_uniform(lethe__random *random) {
    return (float)(lethe__random_u32(random) >> 8) * 0x1p-24f;
}

float lethe__random_normal(lethe__random *random) {
    double u = ((double)lethe__random_u32(random) + 1.0) * 0x1p-32;
    double v = (double)lethe__random_u32(random) * 0x1p-32;
    return (float)(sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * v));
}

uint32_t lethe__random_below(lethe__random *random, uint32_t n) {
    uint64_t product = (uint64_t)lethe__random_u32(random) * n;
    if ((uint32_t)product < n) {
        uint32_t biased = (UINT32_MAX - n + 1) % n; /* 2^32 mod n low words come once too often */
        while ((uint32_t)product < biased)
            product = (uint64_t)lethe__random_u32(random) * n;
    }
    return (uint32_t)(product >> 32);
}

void lethe__random_permute(lethe__random *random, uint32_t *values, size_t n) {
    for (size_t left = n; left > 1; left--) {
        uint32_t chosen = lethe__random_below(random, (uint32_t)left);
        uint32_t swapped = values[left - 1];
        values[left - 1] = values[chosen];
        values[chosen] = swapped;
    }
}
