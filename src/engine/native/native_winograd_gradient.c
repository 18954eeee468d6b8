/* native_winograd_gradient.c - the weight gradient of Winograd's convolution: at every point the sum over
 * tiles of (points of sources) x (points of diff_dst), [in, tiles] x [tiles, out], and at the end G' sum G.
 *
 * Two ways, by which moves less memory:
 *
 *     by groups   Groups of tiles have sums of their own, added in the groups' order: [group][block of
 *                 channels][point][in][channels in block]. In a group one block of tiles after the other is
 *                 changed into points, in the second-level cache, and multiplied.
 *     at once     Where many channels meet few tiles, sums are larger than points: all tiles are changed
 *                 first, then each block of output channels is multiplied for all of them, and finished. */
#include "engine/native/native.h"
#include "engine/native/native_winograd.h"
#include <omp.h>
#include <string.h>

enum { TAPS = 9, MAX_GROUPS = 8, MAX_GROUPS_SIZE = 5 << 19 /* floats of all */ };

static size_t n_tiles_of(const lethe__winograd *g, int n) {
    return (size_t)n * g->tiles;
}

/* Floats of the sums of so many output channels. */
static size_t sums_size(const lethe__winograd *g, int channels) {
    return g->n_points * (size_t)channels * (size_t)g->in;
}

/* By the shape alone, as bits depend on it. */
static size_t n_groups_of(const lethe__winograd *g) {
    size_t n_groups = 2;
    while (2 * n_groups <= MAX_GROUPS && 2 * n_groups * sums_size(g, g->out) <= MAX_GROUPS_SIZE)
        n_groups *= 2;
    return n_groups;
}

static size_t groups_scratch(const lethe__winograd *g) {
    return n_groups_of(g) * sums_size(g, g->out) +
           (size_t)g->threads * lethe__winograd_work_size(g, g->block);
}

static size_t at_once_scratch(const lethe__winograd *g, int n) {
    return (size_t)g->threads * sums_size(g, lethe__winograd_two(g)) +
           lethe__winograd_work_size(g, n_tiles_of(g, n));
}

static bool prefers_at_once(const lethe__winograd *g, int n) {
    return n_tiles_of(g, n) * (size_t)(g->words + g->out) <= 4 * (size_t)g->in * (size_t)g->out;
}

size_t lethe__winograd_gradient_scratch(const lethe__winograd *g, int n) {
    return prefers_at_once(g, n) ? at_once_scratch(g, n) : groups_scratch(g);
}

/* Adds the products of n tiles to the sums of output channels first .. end - 1. */
static void add_products(const lethe__winograd *g, size_t n, int first, int end,
                         const lethe__winograd_work *work, float *sums) {
    for (size_t point = 0; point < g->n_points; point++)
        for (int channel = first; channel < end; channel += lethe__winograd_two(g)) {
            size_t channels = (size_t)lethe__block_channels(g->kernels, channel, g->out);
            lethe__gradient_task task = {
                .src = work->sources + point * work->source_pitch,
                .diff_dst = lethe__winograd_results(g, work, channel) + point * work->result_pitch,
                .diff_weights = sums + sums_size(g, channel - first) + point * (size_t)g->in * channels,
                .images = 1,
                .height = 1,
                .width = g->pairs ? (n + 1) / 2 : n,
                .src_step = (size_t)g->in,
                .run = (size_t)g->in,
                .vectors = (int)(channels / g->kernels->lanes)};
            (g->pairs ? g->kernels->pair_gradient : g->kernels->gradient)(&task);
        }
}

/* Sums of a block of output channels, added up over groups, to OIHW gradients. */
static void finish_block(const lethe__winograd *g, int first, float *sums, size_t n_groups,
                         float *diff_weight) {
    lethe__winograd_filters filters = {.gradients = diff_weight + (size_t)first * TAPS * (size_t)g->in,
                                       .in = (size_t)g->in,
                                       .out = (size_t)lethe__block_channels(g->kernels, first, g->out),
                                       .in_step = TAPS,
                                       .out_step = TAPS * (size_t)g->in,
                                       .points = sums,
                                       .n_groups = n_groups,
                                       .group = sums_size(g, g->out)};
    g->filters->from_points(&filters);
}

static void gradient_by_groups(const lethe__winograd *g, const void *src, const void *diff_dst, int n,
                               float *diff_weight, uint32_t *scratch) {
    size_t n_tiles = n_tiles_of(g, n), n_blocks = (n_tiles + g->block - 1) / g->block;
    size_t n_groups = n_groups_of(g), group_size = sums_size(g, g->out),
           work_size = lethe__winograd_work_size(g, g->block);
    float *sums = (void *)scratch;
    uint32_t *memory = scratch + n_groups * group_size;
#pragma omp parallel num_threads(g->threads)
    {
        lethe__winograd_work work =
            lethe__winograd_open(g, g->block, memory + (size_t)omp_get_thread_num() * work_size);
#pragma omp for schedule(dynamic)
        for (size_t group = 0; group < n_groups; group++) {
            size_t end = lethe__smaller(n_blocks * (group + 1) / n_groups * g->block, n_tiles);
            memset(sums + group * group_size, 0, group_size * sizeof *sums);
            for (size_t first = n_blocks * group / n_groups * g->block; first < end; first += g->block) {
                size_t count = lethe__smaller(g->block, end - first);
                lethe__winograd_read_gradients(g, src, diff_dst, first, count, 0, &work);
                add_products(g, count, 0, g->out, &work, sums + group * group_size);
            }
        }
#pragma omp for schedule(dynamic)
        for (int first = 0; first < g->out; first += lethe__winograd_two(g))
            finish_block(g, first, sums + sums_size(g, first), n_groups, diff_weight);
    }
}

static void gradient_at_once(const lethe__winograd *g, const void *src, const void *diff_dst, int n,
                             float *diff_weight, uint32_t *scratch) {
    enum { TOGETHER = 8 }; /* tiles; even */
    size_t n_tiles = n_tiles_of(g, n), block_size = sums_size(g, lethe__winograd_two(g));
    float *sums = (void *)scratch;
    lethe__winograd_work work = lethe__winograd_open(g, n_tiles, scratch + (size_t)g->threads * block_size);
#pragma omp parallel num_threads(g->threads)
    {
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < n_tiles; first += TOGETHER)
            lethe__winograd_read_gradients(g, src, diff_dst, first, lethe__smaller(TOGETHER, n_tiles - first),
                                           first, &work);
#pragma omp for schedule(dynamic)
        for (int first = 0; first < g->out; first += lethe__winograd_two(g)) {
            float *own = sums + (size_t)omp_get_thread_num() * block_size;
            memset(own, 0, block_size * sizeof *own);
            add_products(g, n_tiles, first, first + 1, &work, own);
            finish_block(g, first, own, 1, diff_weight);
        }
    }
}

void lethe__winograd_gradient(const lethe__winograd *g, const void *src, const void *diff_dst, int n,
                              float *diff_weight, uint32_t *scratch) {
    if (prefers_at_once(g, n))
        gradient_at_once(g, src, diff_dst, n, diff_weight, scratch);
    else
        gradient_by_groups(g, src, diff_dst, n, diff_weight, scratch);
}
