/* peak.h - what this machine could do at most, measured: the yardstick of `lethe bench`. */
#ifndef LETHE_ENGINE_PEAK_H
#define LETHE_ENGINE_PEAK_H

#include <lethe/runtime.h>

typedef struct lethe__peak {
    double flops; /* operations a second in products, all threads together; a multiply-add counts as two */
    double bytes; /* bytes a second to and from memory: two streams read, one written */
} lethe__peak;

/* The best of several bursts; takes some 0.3 s and 48 MB for each thread. `precision` is a resolved one; that
 * of bf16 is the peak of the best that is there: AMX, AVX512_BF16, f32. */
lethe_status lethe__peak_measure(lethe_precision precision, int threads, lethe__peak *out);

#endif
