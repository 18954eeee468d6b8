/* native_winograd.h - what the files of Winograd's convolution share; native_winograd.c says how it works. */
#ifndef LETHE_ENGINE_NATIVE_NATIVE_WINOGRAD_H
#define LETHE_ENGINE_NATIVE_NATIVE_WINOGRAD_H

#include "engine/native/native_convolution.h"
#include "engine/native/winograd_filter_kernels.h"
#include "engine/native/winograd_kernels.h"

/* One direction of a convolution: maps [n, h, w, in] to maps [n, h, w, out]; forward, or backward-data with
 * the filter turned round. */
typedef struct lethe__winograd {
    const lethe__convolution_kernels *kernels;
    const lethe__winograd_transforms *transforms;
    const lethe__winograd_filter_transforms *filters;
    int threads, h, w, in, out;
    bool pairs;                     /* bf16 */
    int words;                      /* of the input channels of a tile at one point: in, or pairs of them */
    int side;                       /* of a tile's results: 2 or 4 */
    size_t n_points;                /* of a tile: those of a side times itself */
    size_t tiles_y, tiles_x, tiles; /* of one image */
    size_t block;                   /* tiles in work at a time, in each thread: rows of them */
    uint32_t *weights;              /* [block of channels][point][words][channels in block] */
} lethe__winograd;

/* Memory for the points of so many tiles: those of sources are [point][tile][words], those of results
 * [block of channels][point][tile][channels in block], with a little more from point to point than the
 * values: streams a multiple of 4 KiB apart would fight for the same places of the first-level cache. */
typedef struct lethe__winograd_work {
    size_t source_pitch, result_pitch; /* from point to point, in words */
    uint32_t *sources, *results;
    void *zeros, *waste; /* a pixel to read and one to write, in place of those beyond the map */
} lethe__winograd_work;

/* Words that lethe__winograd_open cuts into the points of n tiles. */
size_t lethe__winograd_work_size(const lethe__winograd *g, size_t n);
lethe__winograd_work lethe__winograd_open(const lethe__winograd *g, size_t n, uint32_t *memory);

/* Channels in a full block, and the points of the block that begins at channel `first`. */
static inline int lethe__winograd_two(const lethe__winograd *g) {
    return 2 * (int)g->kernels->lanes;
}
static inline uint32_t *lethe__winograd_results(const lethe__winograd *g, const lethe__winograd_work *work,
                                                int first) {
    return work->results + (size_t)(first / lethe__winograd_two(g)) * g->n_points * work->result_pitch;
}

/* --- native_winograd_tiles.c: n tiles of a batch, from `first` on, whose points begin at place `at` --- */

void lethe__winograd_read_sources(const lethe__winograd *g, const void *src, size_t first, size_t n,
                                  const lethe__winograd_work *work);
void lethe__winograd_write_results(const lethe__winograd *g, void *dst, size_t first, size_t n,
                                   const lethe__winograd_work *work);
/* Both sides of the weight gradient, whose tiles are multiplied tile by tile: in bf16 points are words of two
 * tiles, so that `at` must be even. */
void lethe__winograd_read_gradients(const lethe__winograd *g, const void *src, const void *diff_dst,
                                    size_t first, size_t n, size_t at, const lethe__winograd_work *work);

/* --- native_winograd_gradient.c --- */

/* Words of scratch memory for the gradient of a batch of n. */
size_t lethe__winograd_gradient_scratch(const lethe__winograd *g, int n);
void lethe__winograd_gradient(const lethe__winograd *g, const void *src, const void *diff_dst, int n,
                              float *diff_weight, uint32_t *scratch);

#endif
