/* peak.c - the peak of products in registers, and of memory traffic. */
#include "engine/peak.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "engine/amx/amx_convolution.h"
#include "engine/native/native.h"
#include "engine/native/peak_kernels.h"
#include <omp.h>
#include <string.h>

enum {
    BURSTS = 8,
    ROUNDS = 400000,
    TILE_ROUNDS = ROUNDS / 4,
    STREAM = (24 << 20) / sizeof(float) /* beyond any cache */
};

static const lethe__peak_kernels *choose_kernels(void) {
    static const lethe__peak_kernels *const sets[] = {&lethe__peak_kernels_baseline,
                                                      &lethe__peak_kernels_avx2, &lethe__peak_kernels_avx512,
                                                      &lethe__peak_kernels_avx512bf16};
    return sets[lethe__isa_choose()];
}

typedef enum unit { FLOATS, PAIRS, TILES } unit;

/* Operations of one burst on one thread. */
static double run_products(unit by) {
    const lethe__peak_kernels *kernels = choose_kernels();
    volatile float sink = 0;
    switch (by) {
    case FLOATS:
        sink = kernels->multiply_add(ROUNDS);
        return (double)ROUNDS * (double)kernels->flops;
    case PAIRS:
        sink = kernels->multiply_add_pairs(ROUNDS);
        return (double)ROUNDS * (double)kernels->pair_flops;
    default:
        lethe__amx_kernels_hardware.products(TILE_ROUNDS);
        return (double)TILE_ROUNDS * LETHE__AMX_ROUND_FLOPS;
    }
    (void)sink;
}

static double measure_products(unit by, int threads) {
    double best = 0;
    for (int burst = 0; burst < BURSTS; burst++) {
        double start = lethe__clock_seconds(), flops = 0;
#pragma omp parallel num_threads(threads) reduction(+ : flops)
        flops += run_products(by);
        double rate = flops / (lethe__clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* bf16 may be multiplied by any unit: what is missing in one is done by another. */
static double best_products(lethe_precision precision, int threads) {
    double best = measure_products(FLOATS, threads);
    if (precision != LETHE_PRECISION_BF16)
        return best;
    double pairs = measure_products(PAIRS, threads),
           tiles = lethe__amx_present() ? measure_products(TILES, threads) : 0;
    best = pairs > best ? pairs : best;
    return tiles > best ? tiles : best;
}

/* sum += src over the threads' own parts. */
static double measure_streams(int threads, float *src, float *sum) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    double best = 0;
    for (int burst = 0; burst < BURSTS; burst++) {
        double start = lethe__clock_seconds();
#pragma omp parallel num_threads(threads)
        {
            size_t first = (size_t)omp_get_thread_num() * STREAM;
            kernels->add(STREAM, src + first, sum + first);
        }
        double bytes = 3.0 * sizeof(float) * STREAM * threads;
        double rate = bytes / (lethe__clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

lethe_status lethe__peak_measure(lethe_precision precision, int threads, lethe__peak *out) {
    float *streams;
    size_t n = (size_t)threads * STREAM;
    LETHE_TRY(lethe__allocate(2 * n, sizeof *streams, &streams));
    omp_set_num_threads(threads);
    out->flops = best_products(precision, threads);
    out->bytes = measure_streams(threads, streams, streams + n);
    lethe__free(streams);
    return LETHE_OK;
}
