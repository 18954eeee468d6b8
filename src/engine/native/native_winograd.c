/* native_winograd.c - 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3) (Lavin and Gray 2015, "Fast
 * Algorithms for Convolutional Neural Networks", arXiv 1509.09308).
 *
 * A map is cut into tiles of 2x2 results, each of which sees 4x4 source pixels. Pixels, filters and results
 * are changed into 16 points, in which a convolution is a product point by point, summed over channels:
 *
 *     results = A' [ sum over in (G g G') * (B' d B) ] A        G = | 1    0    0  |
 *                                                                   | 1/2  1/2 1/2 |
 *     so that each of the 16 points is a matrix product             | 1/2 -1/2 1/2 |
 *     [tiles, in] x [in, out]: 16 multiplications where             | 0    0    1  |
 *     the definition takes 36.
 *
 * The weight gradient turns the same sum round: G' [ sum over tiles (B' d B) * (A diff A') ] G. B, A and G
 * hold 0, 1 and 1/2 only, so that f32 loses little: some 2e-7 of the norm. The products use the register
 * tiles of convolution_kernels.c (a "run" is the channels of one tile at one point), the transforms those of
 * winograd_kernels.c.
 *
 * In bf16 the points of sources and filters are rounded to bf16, and multiplied in pairs: of channels, or for
 * the weight gradient of tiles. Sums stay f32 until a result is stored. These roundings come to 4e-3 of the
 * norm, where rounding the result costs 2e-3 (test_engine_pairs).
 *
 * Work is cut into blocks of tiles, such that a block's points stay in the second-level cache. No sum crosses
 * tiles but that of the weight gradient, which is taken in groups of tiles that depend on the shape alone,
 * and added in their order: the same bits for any number of threads. */
#include "engine/native/native_winograd.h"
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"
#include <omp.h>
#include <string.h>

enum { POINTS = LETHE__WINOGRAD_POINTS, SKEW = 16, MAX_GROUPS = 8 };

typedef struct directions {
    lethe__winograd forward, backward; /* backward.weights NULL: diff_src is not wanted */
} directions;

static const lethe__winograd_kernels *choose_transforms(void) {
    static const lethe__winograd_kernels *const sets[] = {
        &lethe__winograd_kernels_baseline, &lethe__winograd_kernels_avx2, &lethe__winograd_kernels_avx512,
        &lethe__winograd_kernels_avx512bf16};
    return sets[lethe__isa_choose()];
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

/* Where the transforms repay, by `lethe bench ops` on AVX2 and AVX-512: from 32 channels on at every size,
 * even 7x7, where a tile in four lies partly beyond the map; with 16 channels not. In bf16 products are
 * cheaper: from 64. */
static bool prefers(const lethe__operation *operation) {
    int least = operation->src.dtype == LETHE__BF16 ? 64 : 32;
    return operation->src.c >= least && operation->dst.c >= least;
}

/* --- sizes, in words --- */

/* From point to point of a block: a little more than the values, since 16 streams a multiple of 4 KiB apart
 * would fight for the same places of the first-level cache. */
static size_t pitch_of_sources(const lethe__winograd *g) {
    return g->block * (size_t)g->words + SKEW;
}

static size_t pitch_of_results(const lethe__winograd *g) {
    return g->block * (size_t)g->out + SKEW;
}

/* Two tiles of pixels. */
static size_t edge_size(const lethe__winograd *g) {
    return 2 * POINTS * (size_t)(g->in > g->out ? g->in : g->out);
}

/* A thread's points of both sides, two tiles at the edge of a map, and a packed block of channels. */
static size_t thread_scratch(const lethe__winograd *g) {
    return POINTS * (pitch_of_sources(g) + pitch_of_results(g)) + edge_size(g) +
           g->block * 2 * g->kernels->lanes;
}

static size_t sums_size(const lethe__winograd *g) {
    return POINTS * lethe__winograd_sums(g, g->out);
}

/* --- making --- */

static lethe_status make_direction(const lethe__operation *operation, int in, int out, lethe__winograd *g) {
    const lethe__view *src = &operation->src;
    bool pairs = src->dtype == LETHE__BF16;
    *g = (lethe__winograd){.kernels = lethe__convolution_kernels_choose(),
                           .transforms = choose_transforms(),
                           .threads = operation->threads,
                           .h = src->h,
                           .w = src->w,
                           .in = in,
                           .out = out,
                           .pairs = pairs,
                           .words = pairs ? in / 2 : in,
                           .tiles_y = (size_t)(src->h + 1) / 2,
                           .tiles_x = (size_t)(src->w + 1) / 2};
    g->tiles = g->tiles_y * g->tiles_x;
    /* a multiple of every register tile; wide layers read more weights a block, so that theirs are larger */
    g->block = in + out <= 256 ? 48 : 96;
    /* few groups where one is large: they are memory to be added up */
    size_t fit = ((size_t)4 << 20) / sums_size(g);
    g->n_groups = fit > MAX_GROUPS ? MAX_GROUPS : fit < 2 ? 2 : fit;
    LETHE_TRY(lethe__allocate(g->block, sizeof(int), &g->src_offsets));
    LETHE_TRY(lethe__allocate(g->block, sizeof(int), &g->dst_offsets));
    for (size_t i = 0; i < g->block; i++) {
        g->src_offsets[i] = (int)i * g->words;
        g->dst_offsets[i] = (int)i * out;
    }
    return lethe__allocate(POINTS * lethe__winograd_weights(g, out), sizeof *g->weights, &g->weights);
}

static void fini_direction(lethe__winograd *g) {
    lethe__free(g->src_offsets);
    lethe__free(g->dst_offsets);
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

static lethe_status create(lethe__operation *operation) {
    directions *both;
    LETHE_TRY(lethe__allocate(1, sizeof *both, &both));
    operation->state = both;
    int in = operation->src.c, out = operation->dst.c;
    lethe_status status = make_direction(operation, in, out, &both->forward);
    if (status == LETHE_OK && operation->wants_diff_src)
        status = make_direction(operation, out, in, &both->backward);
    if (status != LETHE_OK) {
        destroy(operation);
        return status;
    }
    size_t each = thread_scratch(&both->forward), words = (size_t)operation->threads * each;
    if (operation->with_gradients)
        words += both->forward.n_groups * sums_size(&both->forward);
    if (operation->wants_diff_src && thread_scratch(&both->backward) > each) {
        size_t backward = (size_t)operation->threads * thread_scratch(&both->backward);
        words = backward > words ? backward : words;
    }
    operation->scratch_bytes = words * sizeof(uint32_t);
    return LETHE_OK;
}

/* --- tiles --- */

typedef struct place {
    size_t image;
    int y, x; /* of the first result */
} place;

static place place_of(const lethe__winograd *g, size_t tile) {
    size_t in_image = tile % g->tiles;
    return (place){tile / g->tiles, 2 * (int)(in_image / g->tiles_x), 2 * (int)(in_image % g->tiles_x)};
}

static size_t pixel_at(const lethe__winograd *g, const place *at, int y, int x) {
    return (at->image * (size_t)g->h + (size_t)y) * (size_t)g->w + (size_t)x;
}

static size_t pixel_bytes(const lethe__winograd *g, size_t channels) {
    return channels * (g->pairs ? sizeof(uint16_t) : sizeof(float));
}

/* A square of pixels that reaches beyond the map, copied to `edge` [side, side, channels]. */
static void gather(const lethe__winograd *g, const place *at, int y, int x, int side, size_t channels,
                   const uint8_t *map, uint8_t *edge) {
    size_t bytes = pixel_bytes(g, channels);
    for (int i = 0; i < side * side; i++, edge += bytes) {
        int row = y + i / side, column = x + i % side;
        bool inside = row >= 0 && row < g->h && column >= 0 && column < g->w;
        if (inside)
            memcpy(edge, map + pixel_at(g, at, row, column) * bytes, bytes);
        else
            memset(edge, 0, bytes);
    }
}

static void scatter(const lethe__winograd *g, const place *at, size_t channels, const uint8_t *edge,
                    uint8_t *map) {
    size_t bytes = pixel_bytes(g, channels);
    for (int i = 0; i < 4; i++, edge += bytes)
        if (at->y + i / 2 < g->h && at->x + i % 2 < g->w)
            memcpy(map + pixel_at(g, at, at->y + i / 2, at->x + i % 2) * bytes, edge, bytes);
}

static bool square_inside(const lethe__winograd *g, int y, int x, int side) {
    return y >= 0 && x >= 0 && y + side <= g->h && x + side <= g->w;
}

/* A tile whose pixels lie in `map` (from y, x on), or in `edge` where they do not all exist. */
static lethe__winograd_tile open_tile(const lethe__winograd *g, const place *at, int y, int x, int side,
                                      size_t channels, const uint8_t *map, void *edge) {
    bool inside = square_inside(g, y, x, side);
    size_t first = inside ? pixel_at(g, at, y, x) * pixel_bytes(g, channels) : 0;
    return (lethe__winograd_tile){.pixels = inside ? (void *)(map + first) : edge,
                                  .row = (inside ? (size_t)g->w : (size_t)side) * channels,
                                  .step = channels,
                                  .channels = channels};
}

/* The same with what is read in place. */
static lethe__winograd_tile read_tile(const lethe__winograd *g, const place *at, int y, int x, int side,
                                      size_t channels, const uint8_t *map, void *edge) {
    lethe__winograd_tile tile = open_tile(g, at, y, x, side, channels, map, edge);
    if (tile.pixels == edge)
        gather(g, at, y, x, side, channels, map, edge);
    return tile;
}

static lethe__winograd_tile source_tile(const lethe__winograd *g, size_t tile, const void *src, void *edge) {
    place at = place_of(g, tile);
    return read_tile(g, &at, at.y - 1, at.x - 1, 4, (size_t)g->in, src, edge);
}

static lethe__winograd_tile gradient_tile(const lethe__winograd *g, size_t tile, const void *diff_dst,
                                          void *edge) {
    place at = place_of(g, tile);
    return read_tile(g, &at, at.y, at.x, 2, (size_t)g->out, diff_dst, edge);
}

static void sources_to_points(const lethe__winograd *g, const void *src, size_t first, size_t n,
                              uint32_t *points, void *edge) {
    for (size_t i = 0; i < n; i++) {
        lethe__winograd_tile tile = source_tile(g, first + i, src, edge);
        tile.points = points + i * (size_t)g->words;
        tile.pitch = pitch_of_sources(g) * (g->pairs ? 2 : 1);
        (g->pairs ? g->transforms->source_bf16 : g->transforms->source)(&tile);
    }
}

static void points_to_results(const lethe__winograd *g, uint32_t *points, size_t first, size_t n, void *dst,
                              void *edge) {
    size_t channels = (size_t)g->out;
    for (size_t i = 0; i < n; i++) {
        place at = place_of(g, first + i);
        lethe__winograd_tile tile = open_tile(g, &at, at.y, at.x, 2, channels, dst, edge);
        tile.points = points + i * channels;
        tile.pitch = pitch_of_results(g);
        (g->pairs ? g->transforms->result_bf16 : g->transforms->result)(&tile);
        if (tile.pixels == edge)
            scatter(g, &at, channels, edge, dst);
    }
}

/* --- forward and backward-data --- */

static void multiply(const lethe__winograd *g, const uint32_t *from, size_t n, uint32_t *to) {
    int two = 2 * (int)g->kernels->lanes;
    for (size_t point = 0; point < POINTS; point++)
        for (int first = 0; first < g->out; first += two) {
            lethe__tile_task task = {.src = from + point * pitch_of_sources(g),
                                     .weights = g->weights + point * lethe__winograd_weights(g, g->out) +
                                                lethe__winograd_weights(g, first),
                                     .dst = to + point * pitch_of_results(g) + first,
                                     .src_offsets = g->src_offsets,
                                     .dst_offsets = g->dst_offsets,
                                     .n_pixels = n,
                                     .n_rows = 1,
                                     .run = (size_t)g->words,
                                     .vectors = lethe__block_channels(g->kernels, first, g->out) /
                                                (int)g->kernels->lanes};
            (g->pairs ? g->kernels->pair_tiles : g->kernels->tiles)(&task);
        }
}

static void run(const lethe__winograd *g, const void *src, int n, void *dst, uint32_t *scratch) {
    size_t n_tiles = (size_t)n * g->tiles;
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (size_t first = 0; first < n_tiles; first += g->block) {
        size_t count = lethe__smaller(g->block, n_tiles - first);
        uint32_t *from = scratch + (size_t)omp_get_thread_num() * thread_scratch(g),
                 *to = from + POINTS * pitch_of_sources(g), *edge = to + POINTS * pitch_of_results(g);
        sources_to_points(g, src, first, count, from, edge);
        multiply(g, from, count, to);
        points_to_results(g, to, first, count, dst, edge);
    }
}

/* --- weight gradient --- */

/* A tile of zeros, beside an odd last one. */
static lethe__winograd_tile no_tile(const lethe__winograd *g, size_t channels, void *edge) {
    memset(edge, 0, POINTS * pixel_bytes(g, channels));
    return (lethe__winograd_tile){.pixels = edge, .row = 0, .step = 0, .channels = channels};
}

/* The points of n tiles of both sides, in words of two tiles. */
static void pairs_to_points(const lethe__winograd *g, const void *src, const void *diff_dst, size_t first,
                            size_t n, uint32_t *from, uint32_t *gradients, uint32_t *edge) {
    size_t in = (size_t)g->in, out = (size_t)g->out;
    uint32_t *other = edge + edge_size(g) / 2;
    for (size_t i = 0; i < n; i += 2) {
        bool whole = i + 1 < n;
        lethe__winograd_tile one = source_tile(g, first + i, src, edge),
                             two = whole ? source_tile(g, first + i + 1, src, other) : no_tile(g, in, other);
        one.points = from + i / 2 * in;
        one.pitch = pitch_of_sources(g);
        g->transforms->source_pair(&one, &two);
        one = gradient_tile(g, first + i, diff_dst, edge);
        two = whole ? gradient_tile(g, first + i + 1, diff_dst, other) : no_tile(g, out, other);
        one.points = gradients + i / 2 * out;
        one.pitch = pitch_of_results(g);
        g->transforms->gradient_pair(&one, &two);
    }
}

static void gradients_to_points(const lethe__winograd *g, const void *diff_dst, size_t first, size_t n,
                                uint32_t *points, void *edge) {
    for (size_t i = 0; i < n; i++) {
        lethe__winograd_tile tile = gradient_tile(g, first + i, diff_dst, edge);
        tile.points = points + i * (size_t)g->out;
        tile.pitch = pitch_of_results(g);
        g->transforms->gradient(&tile);
    }
}

/* Adds the products of n tiles, or pairs of tiles, for all points. `packed`: the gradients of one block of
 * channels side by side. */
static void add_products(const lethe__winograd *g, const uint32_t *from, const uint32_t *gradients, size_t n,
                         uint32_t *packed, float *sums) {
    int two = 2 * (int)g->kernels->lanes;
    for (size_t point = 0; point < POINTS; point++)
        for (int first = 0; first < g->out; first += two) {
            size_t channels = (size_t)lethe__block_channels(g->kernels, first, g->out);
            const uint32_t *row = gradients + point * pitch_of_results(g) + first;
            for (size_t i = 0; i < n; i++)
                memcpy(packed + i * channels, row + i * (size_t)g->out, channels * sizeof *packed);
            lethe__gradient_task task = {.src = from + point * pitch_of_sources(g),
                                         .diff_dst = packed,
                                         .diff_weights = sums + point * lethe__winograd_sums(g, g->out) +
                                                         lethe__winograd_sums(g, first),
                                         .images = 1,
                                         .height = 1,
                                         .width = n,
                                         .src_step = (size_t)g->in,
                                         .run = (size_t)g->in,
                                         .vectors = (int)(channels / g->kernels->lanes)};
            (g->pairs ? g->kernels->pair_gradient : g->kernels->gradient)(&task);
        }
}

static void weight_gradient(const lethe__winograd *g, const void *src, const void *diff_dst, int n,
                            float *diff_weight, uint32_t *scratch) {
    size_t n_tiles = (size_t)n * g->tiles, n_blocks = (n_tiles + g->block - 1) / g->block;
    float *groups = (void *)(scratch + (size_t)g->threads * thread_scratch(g));
    memset(groups, 0, g->n_groups * sums_size(g) * sizeof(float));
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (size_t group = 0; group < g->n_groups; group++) {
        uint32_t *from = scratch + (size_t)omp_get_thread_num() * thread_scratch(g),
                 *gradients = from + POINTS * pitch_of_sources(g),
                 *edge = gradients + POINTS * pitch_of_results(g), *packed = edge + edge_size(g);
        size_t last = lethe__smaller(n_blocks * (group + 1) / g->n_groups * g->block, n_tiles);
        for (size_t first = n_blocks * group / g->n_groups * g->block; first < last; first += g->block) {
            size_t count = lethe__smaller(g->block, last - first);
            if (g->pairs) {
                pairs_to_points(g, src, diff_dst, first, count, from, gradients, edge);
            } else {
                sources_to_points(g, src, first, count, from, edge);
                gradients_to_points(g, diff_dst, first, count, gradients, edge);
            }
            add_products(g, from, gradients, g->pairs ? (count + 1) / 2 : count, packed,
                         groups + group * sums_size(g));
        }
    }
    lethe__winograd_unpack(g, groups, diff_weight);
}

/* --- the implementation --- */

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    directions *both = operation->state;
    if (operation->packed_version != operation->weights->version) {
        lethe__winograd_pack(&both->forward, operation->weight, false);
        if (operation->wants_diff_src)
            lethe__winograd_pack(&both->backward, operation->weight, true);
        operation->packed_version = operation->weights->version;
    }
    run(&both->forward, operation->src.data, operation->src.n, operation->dst.data, operation->scratch);
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const directions *both = operation->state;
    if (operation->diff_weight != NULL)
        weight_gradient(&both->forward, operation->src.data, operation->diff_dst, operation->src.n,
                        operation->diff_weight, operation->scratch);
    if (operation->diff_src != NULL)
        run(&both->backward, operation->diff_dst, operation->src.n, operation->diff_src, operation->scratch);
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
