/* native_winograd.c - 3x3 convolution of stride 1 by Winograd's algorithm (Lavin and Gray 2015, "Fast
 * Algorithms for Convolutional Neural Networks", arXiv 1509.09308).
 *
 * A map is cut into tiles of m x m results, each of which sees (m + 2) x (m + 2) source pixels. Pixels,
 * filters and results are changed into as many points, in which a convolution is a product point by point,
 * summed over channels (the matrices are drawn in winograd_kernels.c and winograd_filter_kernels.c):
 *
 *     results = A' [ sum over in (G g G') * (B' d B) ] A
 *
 * so that each point is a matrix product [tiles, in] x [in, out]. The weight gradient turns the same sum
 * round: G' [ sum over tiles (B' d B) * (A diff A') ] G. The products use the register tiles of
 * convolution_kernels.c (a "run" is the channels of one tile at one point).
 *
 *                         products      error in 1e-7 of the norm, f32, by channels
 *                         a result        16    64    128    256    512          in bf16
 *     direct              9                2     4      6      7     10          2e-3: its rounding
 *     winograd,  m = 2    16 / 4 = 4       1     2      2      2      2          4e-3
 *     winograd4, m = 4    36 / 16 = 2.25   5     6      7      8      8          (1.2e-2: f32 alone)
 *
 * So the larger tile comes first where it is about as exact as the direct sum, from 128 channels on; where it
 * is merely faster, `lethe bench ops --save` finds it. Its points 0, sqrt 2, 1 / sqrt 2, their opposites and
 * infinity halve the error of the usual 0, 1, 2. Sums over channels are taken in short ones
 * (convolution_kernels.c), which halves it again for 256 channels.
 *
 * In bf16 points are multiplied in pairs: of channels, or for the weight gradient of tiles. Sums stay f32
 * until a result is stored.
 *
 * Work is cut into blocks of tiles, such that a block's points stay in the second-level cache. No sum crosses
 * tiles but that of the weight gradient, which is cut by the shape alone: the same bits for any number of
 * threads. */
#include "engine/native/native_winograd.h"
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"
#include <omp.h>
#include <string.h>

enum { TAPS = 9, SKEW = 16, CACHE = 110592 /* words */ };

typedef struct directions {
    lethe__winograd forward, backward; /* backward.weights NULL: diff_src is not wanted */
} directions;

static void choose_transforms(lethe__winograd *g) {
    static const lethe__winograd_kernels *const sets[] = {
        &lethe__winograd_kernels_baseline, &lethe__winograd_kernels_avx2, &lethe__winograd_kernels_avx512,
        &lethe__winograd_kernels_avx512bf16};
    static const lethe__winograd_filter_kernels *const filter_sets[] = {
        &lethe__winograd_filter_kernels_baseline, &lethe__winograd_filter_kernels_avx2,
        &lethe__winograd_filter_kernels_avx512, &lethe__winograd_filter_kernels_avx512bf16};
    const lethe__winograd_kernels *set = sets[lethe__isa_choose()];
    const lethe__winograd_filter_kernels *filters = filter_sets[lethe__isa_choose()];
    g->transforms = g->pairs ? &set->bf16_2 : g->side == 2 ? &set->f32_2 : &set->f32_4;
    g->filters = g->pairs ? &filters->bf16_2 : g->side == 2 ? &filters->f32_2 : &filters->f32_4;
}

static bool supports(const lethe__operation *operation) {
    const lethe__node *node = operation->node;
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    int lanes = (int)lethe__convolution_kernels_choose()->lanes;
    /* products with single samples have a fast path in the direct kernels alone */
    return !operation->with_samples && (src->dtype == LETHE__F32 || src->dtype == LETHE__BF16) &&
           node->bias < 0 && node->kernel == 3 && node->stride == 1 && node->padding == 1 &&
           src->c % lanes == 0 && dst->c % lanes == 0 && src->h > 1 && src->w > 1;
}

static bool supports_4(const lethe__operation *operation) {
    return supports(operation) && operation->src.dtype == LETHE__F32;
}

/* Where the transforms repay, by `lethe bench` on AVX2 and AVX-512: from 32 channels on, at every size, even
 * 7x7, where a tile in four lies partly beyond the map. With 16 they repay with maps in the cache, and not
 * with maps in memory, which tiles read less evenly than the direct convolution. */
static bool prefers(const lethe__operation *operation) {
    return operation->src.c >= 32 && operation->dst.c >= 32;
}

static bool prefers_4(const lethe__operation *operation) {
    return operation->src.c >= 128 && operation->dst.c >= 128 && operation->src.h > 2 && operation->src.w > 2;
}

/* --- memory --- */

/* Of one pixel of the wider side. */
static size_t pixel_size(const lethe__winograd *g) {
    return (size_t)(g->in > g->out ? g->in : g->out);
}

static size_t n_channel_blocks(const lethe__winograd *g) {
    size_t two = (size_t)lethe__winograd_two(g);
    return ((size_t)g->out + two - 1) / two;
}

/* Words from point to point of n tiles; those of pairs of tiles have room for an odd last one. */
static size_t source_pitch(const lethe__winograd *g, size_t n) {
    return (n + n % 2) * (size_t)g->words + SKEW;
}
static size_t result_pitch(const lethe__winograd *g, size_t n) {
    return n * (size_t)lethe__winograd_two(g) + SKEW;
}

size_t lethe__winograd_work_size(const lethe__winograd *g, size_t n) {
    return g->n_points * (source_pitch(g, n) + n_channel_blocks(g) * result_pitch(g, n)) + 2 * pixel_size(g);
}

lethe__winograd_work lethe__winograd_open(const lethe__winograd *g, size_t n, uint32_t *memory) {
    lethe__winograd_work work = {.source_pitch = source_pitch(g, n), .result_pitch = result_pitch(g, n)};
    work.sources = memory;
    work.results = work.sources + g->n_points * work.source_pitch;
    work.zeros = work.results + g->n_points * n_channel_blocks(g) * work.result_pitch;
    work.waste = (uint32_t *)work.zeros + pixel_size(g);
    memset(work.zeros, 0, pixel_size(g) * sizeof(uint32_t));
    return work;
}

/* Words of the points of the filters of so many output channels. */
static size_t weights_size(const lethe__winograd *g, int channels) {
    return g->n_points * (size_t)channels * (size_t)g->words;
}

/* --- making --- */

/* Tiles whose points take about half of the second-level cache, but enough of them to repay the reading of
 * the filters. Whole rows, so that the results of a block are neighbours in memory. */
static size_t choose_block(const lethe__winograd *g) {
    size_t channels = (size_t)(g->in + g->out), most = CACHE / (g->n_points * channels);
    size_t least = channels > 512 ? 64 : 32;
    most = most < least ? least : lethe__smaller(most, 96);
    return g->tiles_x < most ? most / g->tiles_x * g->tiles_x : g->tiles_x;
}

static lethe_status make_direction(const lethe__operation *operation, int side, int in, int out,
                                   lethe__winograd *g) {
    const lethe__view *src = &operation->src;
    bool pairs = src->dtype == LETHE__BF16;
    *g = (lethe__winograd){.kernels = lethe__convolution_kernels_choose(),
                           .threads = operation->threads,
                           .h = src->h,
                           .w = src->w,
                           .in = in,
                           .out = out,
                           .pairs = pairs,
                           .words = pairs ? in / 2 : in,
                           .side = side,
                           .n_points = (size_t)((side + 2) * (side + 2))};
    choose_transforms(g);
    g->tiles_y = (size_t)((src->h + g->side - 1) / g->side);
    g->tiles_x = (size_t)((src->w + g->side - 1) / g->side);
    g->tiles = g->tiles_y * g->tiles_x;
    g->block = choose_block(g);
    return lethe__allocate(weights_size(g, out), sizeof *g->weights, &g->weights);
}

static void fini_direction(lethe__winograd *g) {
    lethe__free(g->weights);
}

static void destroy(lethe__operation *operation) {
    directions *both = operation->state;
    if (both == NULL)
        return;
    fini_direction(&both->forward);
    fini_direction(&both->backward);
    lethe__free(both);
    operation->state = NULL;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t pass_scratch(const lethe__winograd *g) {
    return (size_t)g->threads * lethe__winograd_work_size(g, g->block);
}

static lethe_status create_of(lethe__operation *operation, int side) {
    directions *both;
    LETHE_TRY(lethe__allocate(1, sizeof *both, &both));
    operation->state = both;
    operation->calls_follower = true;
    int in = operation->src.c, out = operation->dst.c;
    lethe_status status = make_direction(operation, side, in, out, &both->forward);
    if (status == LETHE_OK && operation->wants_diff_src)
        status = make_direction(operation, side, out, in, &both->backward);
    if (status != LETHE_OK) {
        destroy(operation);
        return status;
    }
    size_t words = pass_scratch(&both->forward);
    if (operation->with_gradients)
        words = larger(words, lethe__winograd_gradient_scratch(&both->forward, operation->src.n));
    if (operation->wants_diff_src)
        words = larger(words, pass_scratch(&both->backward));
    operation->scratch_bytes = words * sizeof(uint32_t);
    return LETHE_OK;
}

static lethe_status create(lethe__operation *operation) {
    return create_of(operation, 2);
}

static lethe_status create_4(lethe__operation *operation) {
    return create_of(operation, 4);
}

/* --- filters --- */

/* OIHW weights to points; `turned`, inputs and outputs have changed their roles. */
static void pack(const lethe__winograd *g, const float *weights, bool turned) {
    int two = lethe__winograd_two(g);
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (int first = 0; first < g->out; first += two) {
        lethe__winograd_filters filters = {.in = (size_t)g->in,
                                           .out = (size_t)lethe__block_channels(g->kernels, first, g->out),
                                           .in_step = turned ? TAPS * (size_t)g->out : TAPS,
                                           .out_step = turned ? TAPS : TAPS * (size_t)g->in,
                                           .turned = turned,
                                           .points = g->weights + weights_size(g, first)};
        filters.filters = weights + (size_t)first * filters.out_step;
        g->filters->to_points(&filters);
    }
}

/* --- forward and backward-data --- */

/* The points of results of n tiles: at each the product of those of sources and filters. */
static void multiply(const lethe__winograd *g, size_t n, const lethe__winograd_work *work) {
    for (size_t point = 0; point < g->n_points; point++)
        for (int first = 0; first < g->out; first += lethe__winograd_two(g)) {
            size_t channels = (size_t)lethe__block_channels(g->kernels, first, g->out);
            lethe__product_task task = {
                .src = work->sources + point * work->source_pitch,
                .weights = g->weights + weights_size(g, first) + point * (size_t)g->words * channels,
                .dst = lethe__winograd_results(g, work, first) + point * work->result_pitch,
                .n = n,
                .src_step = (size_t)g->words,
                .dst_step = channels,
                .run = (size_t)g->words,
                .vectors = (int)(channels / g->kernels->lanes)};
            (g->pairs ? g->kernels->pair_product : g->kernels->product)(&task);
        }
}

/* Pixels of a batch before a row of tiles. */
static size_t pixels_before(const lethe__winograd *g, size_t row) {
    size_t image = row / g->tiles_y, y = row % g->tiles_y * (size_t)g->side;
    return (image * (size_t)g->h + y) * (size_t)g->w;
}

static void run(const lethe__winograd *g, const void *src, int n, void *dst, const lethe__operation *follower,
                uint32_t *scratch) {
    size_t n_tiles = (size_t)n * g->tiles, work_size = lethe__winograd_work_size(g, g->block);
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (size_t first = 0; first < n_tiles; first += g->block) {
        size_t count = lethe__smaller(g->block, n_tiles - first);
        lethe__winograd_work work =
            lethe__winograd_open(g, g->block, scratch + (size_t)omp_get_thread_num() * work_size);
        lethe__winograd_read_sources(g, src, first, count, &work);
        multiply(g, count, &work);
        lethe__winograd_write_results(g, dst, first, count, &work);
        size_t before = pixels_before(g, first / g->tiles_x);
        lethe__operation_follow(follower, before, pixels_before(g, (first + count) / g->tiles_x) - before);
    }
}

/* --- the implementation --- */

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    directions *both = operation->state;
    if (operation->packed_version != operation->weights->version) {
        pack(&both->forward, operation->weight, false);
        if (operation->wants_diff_src)
            pack(&both->backward, operation->weight, true);
        operation->packed_version = operation->weights->version;
    }
    run(&both->forward, operation->src.data, operation->src.n, operation->dst.data, operation->follower,
        operation->scratch);
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const directions *both = operation->state;
    if (operation->diff_weight != NULL)
        lethe__winograd_gradient(&both->forward, operation->src.data, operation->diff_dst, operation->src.n,
                                 operation->diff_weight, operation->scratch);
    if (operation->diff_src != NULL)
        run(&both->backward, operation->diff_dst, operation->src.n, operation->diff_src, NULL,
            operation->scratch);
    return LETHE_OK;
}

const lethe__implementation lethe__native_winograd = {
    .name = "winograd",
    .kind = LETHE__CONVOLUTION,
    .supports = supports,
    .prefers = prefers,
    .create = create,
    .destroy = destroy,
    .forward = forward,
    .backward = backward,
    .describe = lethe__native_describe,
};

const lethe__implementation lethe__native_winograd_4 = {
    .name = "winograd4",
    .kind = LETHE__CONVOLUTION,
    .supports = supports_4,
    .prefers = prefers_4,
    .create = create_4,
    .destroy = destroy,
    .forward = forward,
    .backward = backward,
    .describe = lethe__native_describe,
};
