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
 * Work is cut into blocks of tiles, such that a block's points stay in the second-level cache. No sum crosses
 * tiles but that of the weight gradient, which is taken in groups of tiles that depend on the shape alone,
 * and added in their order: the same bits for any number of threads. */
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"
#include "engine/native/convolution_kernels.h"
#include "engine/native/native.h"
#include "engine/native/winograd_kernels.h"
#include <omp.h>
#include <string.h>

enum { POINTS = 16, SKEW = 16, MAX_GROUPS = 8, LANES_MOST = 32 /* in a block of output channels */ };

/* One direction of a convolution: maps [n, h, w, in] to maps [n, h, w, out]; forward, or backward-data with
 * the filter turned round. */
typedef struct direction {
    const lethe__convolution_kernels *kernels;
    const lethe__winograd_kernels *transforms;
    int threads, h, w, in, out;
    size_t tiles_y, tiles_x, tiles; /* of one image */
    size_t block;                   /* tiles in work at a time, in each thread */
    int *src_offsets, *dst_offsets; /* [block] */
    float *weights;                 /* [16][block of channels][in][channels in block] */
    size_t n_groups;                /* of the weight gradient, added in their order */
} direction;

typedef struct winograd {
    direction forward, backward; /* backward.weights NULL: diff_src is not wanted */
} winograd;

static const lethe__convolution_kernels *choose_kernels(void) {
    static const lethe__convolution_kernels *const sets[] = {&lethe__convolution_kernels_baseline,
                                                             &lethe__convolution_kernels_avx2,
                                                             &lethe__convolution_kernels_avx512};
    return sets[lethe__isa_choose()];
}

static bool supports(const lethe__operation *operation) {
    const lethe__node *node = operation->node;
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    int lanes = (int)choose_kernels()->lanes;
    /* products with single samples have a fast path in the direct kernels alone */
    return !operation->with_samples && src->dtype == LETHE__F32 && node->bias < 0 && node->kernel == 3 &&
           node->stride == 1 && node->padding == 1 && src->c % lanes == 0 && dst->c % lanes == 0 &&
           src->h > 1 && src->w > 1;
}

/* Where the transforms repay, by `lethe bench ops` on AVX2 and AVX-512: from 32 channels on at every size,
 * even 7x7, where a tile in four lies partly beyond the map; with 16 channels not. */
static bool prefers(const lethe__operation *operation) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    return src->c >= 32 && dst->c >= 32;
}

static const lethe__winograd_kernels *choose_transforms(void) {
    static const lethe__winograd_kernels *const sets[] = {
        &lethe__winograd_kernels_baseline, &lethe__winograd_kernels_avx2, &lethe__winograd_kernels_avx512};
    return sets[lethe__isa_choose()];
}

/* --- sizes --- */

/* From point to point of a block: a little more than the values, since 16 streams a multiple of 4 KiB apart
 * would fight for the same places of the first-level cache. */
static size_t pitch_of(const direction *g, int channels) {
    return g->block * (size_t)channels + SKEW;
}

static size_t weights_size(const direction *g) {
    return POINTS * (size_t)g->in * (size_t)g->out;
}

static size_t largest_edge(const direction *g) {
    return POINTS * (size_t)(g->in > g->out ? g->in : g->out);
}

/* A thread's points of both sides, a tile at the edge of a map, and a packed block of channels. */
static size_t thread_scratch(const direction *g) {
    return POINTS * (pitch_of(g, g->in) + pitch_of(g, g->out)) + largest_edge(g) +
           g->block * 2 * g->kernels->lanes;
}

/* --- making --- */

static lethe_status make_direction(const lethe__operation *operation, int in, int out, direction *g) {
    const lethe__view *src = &operation->src;
    *g = (direction){.kernels = choose_kernels(),
                     .transforms = choose_transforms(),
                     .threads = operation->threads,
                     .h = src->h,
                     .w = src->w,
                     .in = in,
                     .out = out,
                     .tiles_y = (size_t)(src->h + 1) / 2,
                     .tiles_x = (size_t)(src->w + 1) / 2};
    g->tiles = g->tiles_y * g->tiles_x;
    /* a multiple of every register tile; wide layers read more weights a block, so that theirs are larger */
    g->block = in + out <= 256 ? 48 : 96;
    /* few groups where one is large: they are memory to be added up */
    size_t fit = ((size_t)4 << 20) / weights_size(g);
    g->n_groups = fit > MAX_GROUPS ? MAX_GROUPS : fit < 2 ? 2 : fit;
    LETHE_TRY(lethe__allocate(g->block, sizeof(int), &g->src_offsets));
    LETHE_TRY(lethe__allocate(g->block, sizeof(int), &g->dst_offsets));
    for (size_t i = 0; i < g->block; i++) {
        g->src_offsets[i] = (int)i * in;
        g->dst_offsets[i] = (int)i * out;
    }
    return lethe__allocate(weights_size(g), sizeof(float), &g->weights);
}

static void fini_direction(direction *g) {
    lethe__free(g->src_offsets);
    lethe__free(g->dst_offsets);
    lethe__free(g->weights);
}

static void destroy(lethe__operation *operation) {
    winograd *both = operation->state;
    if (both == NULL)
        return;
    fini_direction(&both->forward);
    fini_direction(&both->backward);
    lethe__free(both);
    operation->state = NULL;
}

static lethe_status create(lethe__operation *operation) {
    winograd *both;
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
    /* the points of both sides lie in either order: backward-data needs as much as forward */
    size_t size = (size_t)operation->threads * thread_scratch(&both->forward);
    if (operation->with_gradients)
        size += both->forward.n_groups * weights_size(&both->forward);
    operation->scratch_bytes = size * sizeof(float);
    return LETHE_OK;
}

/* --- weights --- */

static int block_channels(const direction *g, int first) {
    int two = 2 * (int)g->kernels->lanes;
    return g->out - first < two ? g->out - first : two;
}

/* Filters of a block of output channels beside each other, and their points: a row is one tap or point. */
typedef float filter_rows[9][LANES_MOST];
typedef float point_rows[POINTS][LANES_MOST];

/* Filters to their points: G g G'. */
static void filters_to_points(const filter_rows filters, point_rows points) {
    float rows[4][3][LANES_MOST];
    for (int x = 0; x < 3; x++)
        for (int o = 0; o < LANES_MOST; o++) {
            float sum = 0.5f * (filters[x][o] + filters[6 + x][o]), middle = 0.5f * filters[3 + x][o];
            rows[0][x][o] = filters[x][o];
            rows[1][x][o] = sum + middle;
            rows[2][x][o] = sum - middle;
            rows[3][x][o] = filters[6 + x][o];
        }
    for (int y = 0; y < 4; y++)
        for (int o = 0; o < LANES_MOST; o++) {
            float sum = 0.5f * (rows[y][0][o] + rows[y][2][o]), middle = 0.5f * rows[y][1][o];
            points[4 * y][o] = rows[y][0][o];
            points[4 * y + 1][o] = sum + middle;
            points[4 * y + 2][o] = sum - middle;
            points[4 * y + 3][o] = rows[y][2][o];
        }
}

/* The turn: G' p G. */
static void points_to_filters(const point_rows points, filter_rows filters) {
    float rows[3][4][LANES_MOST];
    for (int x = 0; x < 4; x++)
        for (int o = 0; o < LANES_MOST; o++) {
            float sum = 0.5f * (points[4 + x][o] + points[8 + x][o]);
            rows[0][x][o] = points[x][o] + sum;
            rows[1][x][o] = 0.5f * (points[4 + x][o] - points[8 + x][o]);
            rows[2][x][o] = sum + points[12 + x][o];
        }
    for (int y = 0; y < 3; y++)
        for (int o = 0; o < LANES_MOST; o++) {
            float sum = 0.5f * (rows[y][1][o] + rows[y][2][o]);
            filters[3 * y][o] = rows[y][0][o] + sum;
            filters[3 * y + 1][o] = 0.5f * (rows[y][1][o] - rows[y][2][o]);
            filters[3 * y + 2][o] = sum + rows[y][3][o];
        }
}

/* Where (in, out) lies at point 0 of packed weights. */
static size_t packed_at(const direction *g, int k, int first, int o) {
    return (size_t)first * (size_t)g->in + (size_t)k * (size_t)block_channels(g, first) + (size_t)o;
}

/* A block of channels at a time, so that whole cache lines are written: the points lie megabytes apart. */
static void pack(direction *g, const float *weights, bool turned) {
    size_t point = (size_t)g->in * (size_t)g->out;
    int two = 2 * (int)g->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(g->threads)
    for (int first = 0; first < g->out; first += two) {
        int channels = block_channels(g, first);
        filter_rows filters = {{0}};
        point_rows points;
        for (int k = 0; k < g->in; k++) {
            for (int o = 0; o < channels; o++) {
                int out = first + o;
                size_t at = turned ? (size_t)k * (size_t)g->out + (size_t)out
                                   : (size_t)out * (size_t)g->in + (size_t)k;
                for (int tap = 0; tap < 9; tap++)
                    filters[tap][o] = weights[9 * at + (size_t)(turned ? 8 - tap : tap)];
            }
            filters_to_points(filters, points);
            float *to = g->weights + packed_at(g, k, first, 0);
            for (size_t i = 0; i < POINTS; i++)
                memcpy(to + i * point, points[i], (size_t)channels * sizeof(float));
        }
    }
}

/* --- tiles --- */

typedef struct place {
    size_t image;
    int y, x; /* of the first result */
} place;

static place place_of(const direction *g, size_t tile) {
    size_t in_image = tile % g->tiles;
    return (place){tile / g->tiles, 2 * (int)(in_image / g->tiles_x), 2 * (int)(in_image % g->tiles_x)};
}

static size_t pixel_at(const direction *g, const place *at, int y, int x) {
    return (at->image * (size_t)g->h + (size_t)y) * (size_t)g->w + (size_t)x;
}

/* A square of pixels that reaches beyond the map, copied to or from `edge` [side, side, channels]. */
static void gather(const direction *g, const place *at, int y, int x, int side, size_t channels,
                   const float *map, float *edge) {
    for (int i = 0; i < side * side; i++, edge += channels) {
        int row = y + i / side, column = x + i % side;
        bool inside = row >= 0 && row < g->h && column >= 0 && column < g->w;
        if (inside)
            memcpy(edge, map + pixel_at(g, at, row, column) * channels, channels * sizeof(float));
        else
            memset(edge, 0, channels * sizeof(float));
    }
}

static void scatter(const direction *g, const place *at, size_t channels, const float *edge, float *map) {
    for (int i = 0; i < 4; i++, edge += channels)
        if (at->y + i / 2 < g->h && at->x + i % 2 < g->w)
            memcpy(map + pixel_at(g, at, at->y + i / 2, at->x + i % 2) * channels, edge,
                   channels * sizeof(float));
}

static bool square_inside(const direction *g, int y, int x, int side) {
    return y >= 0 && x >= 0 && y + side <= g->h && x + side <= g->w;
}

/* A tile whose pixels lie in `map` (from y, x on), or in `edge` where they do not all exist. */
static lethe__winograd_tile open_tile(const direction *g, const place *at, int y, int x, int side,
                                      size_t channels, const float *map, float *edge) {
    bool inside = square_inside(g, y, x, side);
    return (lethe__winograd_tile){.pixels = inside ? (float *)map + pixel_at(g, at, y, x) * channels : edge,
                                  .row = (inside ? (size_t)g->w : (size_t)side) * channels,
                                  .step = channels,
                                  .channels = channels};
}

static void sources_to_points(const direction *g, const float *src, size_t first, size_t n, float *points,
                              float *edge) {
    size_t channels = (size_t)g->in;
    for (size_t i = 0; i < n; i++) {
        place at = place_of(g, first + i);
        lethe__winograd_tile tile = open_tile(g, &at, at.y - 1, at.x - 1, 4, channels, src, edge);
        if (tile.pixels == edge)
            gather(g, &at, at.y - 1, at.x - 1, 4, channels, src, edge);
        tile.points = points + i * channels;
        tile.pitch = pitch_of(g, g->in);
        g->transforms->source(&tile);
    }
}

static void points_to_results(const direction *g, float *points, size_t first, size_t n, float *dst,
                              float *edge) {
    size_t channels = (size_t)g->out;
    for (size_t i = 0; i < n; i++) {
        place at = place_of(g, first + i);
        lethe__winograd_tile tile = open_tile(g, &at, at.y, at.x, 2, channels, dst, edge);
        tile.points = points + i * channels;
        tile.pitch = pitch_of(g, g->out);
        g->transforms->result(&tile);
        if (tile.pixels == edge)
            scatter(g, &at, channels, edge, dst);
    }
}

static void gradients_to_points(const direction *g, const float *diff_dst, size_t first, size_t n,
                                float *points, float *edge) {
    size_t channels = (size_t)g->out;
    for (size_t i = 0; i < n; i++) {
        place at = place_of(g, first + i);
        lethe__winograd_tile tile = open_tile(g, &at, at.y, at.x, 2, channels, diff_dst, edge);
        if (tile.pixels == edge)
            gather(g, &at, at.y, at.x, 2, channels, diff_dst, edge);
        tile.points = points + i * channels;
        tile.pitch = pitch_of(g, g->out);
        g->transforms->gradient(&tile);
    }
}

/* --- forward and backward-data --- */

static void multiply(const direction *g, const float *from, size_t n, float *to) {
    int two = 2 * (int)g->kernels->lanes;
    for (size_t point = 0; point < POINTS; point++)
        for (int first = 0; first < g->out; first += two) {
            lethe__tile_task task = {.src = from + point * pitch_of(g, g->in),
                                     .weights = g->weights + point * (size_t)g->in * (size_t)g->out +
                                                packed_at(g, 0, first, 0),
                                     .dst = to + point * pitch_of(g, g->out) + first,
                                     .src_offsets = g->src_offsets,
                                     .dst_offsets = g->dst_offsets,
                                     .n_pixels = n,
                                     .n_rows = 1,
                                     .run = (size_t)g->in,
                                     .vectors = block_channels(g, first) / (int)g->kernels->lanes};
            g->kernels->tiles(&task);
        }
}

static void run(const direction *g, const float *src, int n, float *dst, float *scratch) {
    size_t n_tiles = (size_t)n * g->tiles;
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (size_t first = 0; first < n_tiles; first += g->block) {
        size_t count = lethe__smaller(g->block, n_tiles - first);
        float *from = scratch + (size_t)omp_get_thread_num() * thread_scratch(g),
              *to = from + POINTS * pitch_of(g, g->in), *edge = to + POINTS * pitch_of(g, g->out);
        sources_to_points(g, src, first, count, from, edge);
        multiply(g, from, count, to);
        points_to_results(g, to, first, count, dst, edge);
    }
}

/* --- weight gradient --- */

/* Adds the products of one block of tiles, for all points. `packed`: the gradients of one block of channels
 * side by side. */
static void add_products(const direction *g, const float *from, const float *gradients, size_t n,
                         float *packed, float *sums) {
    int two = 2 * (int)g->kernels->lanes;
    for (size_t point = 0; point < POINTS; point++)
        for (int first = 0; first < g->out; first += two) {
            size_t channels = (size_t)block_channels(g, first);
            const float *row = gradients + point * pitch_of(g, g->out) + first;
            for (size_t i = 0; i < n; i++)
                memcpy(packed + i * channels, row + i * (size_t)g->out, channels * sizeof(float));
            lethe__gradient_task task = {.src = from + point * pitch_of(g, g->in),
                                         .diff_dst = packed,
                                         .diff_weights = sums + point * (size_t)g->in * (size_t)g->out +
                                                         packed_at(g, 0, first, 0),
                                         .images = 1,
                                         .height = 1,
                                         .width = n,
                                         .src_step = (size_t)g->in,
                                         .run = (size_t)g->in,
                                         .vectors = (int)(channels / g->kernels->lanes)};
            g->kernels->gradient(&task);
        }
}

/* The groups' points, added in their order. */
static void add_groups(const direction *g, const float *groups, int channels, point_rows points) {
    size_t point = (size_t)g->in * (size_t)g->out;
    memset(points, 0, sizeof(point_rows));
    for (size_t group = 0; group < g->n_groups; group++)
        for (size_t i = 0; i < POINTS; i++)
            for (int o = 0; o < channels; o++)
                points[i][o] += groups[(group * POINTS + i) * point + (size_t)o];
}

static void finish_gradient(const direction *g, const float *groups, float *diff_weight) {
    int two = 2 * (int)g->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(g->threads)
    for (int first = 0; first < g->out; first += two) {
        int channels = block_channels(g, first);
        filter_rows filters;
        point_rows points;
        for (int k = 0; k < g->in; k++) {
            add_groups(g, groups + packed_at(g, k, first, 0), channels, points);
            points_to_filters(points, filters);
            for (int o = 0; o < channels; o++) {
                float *to = diff_weight + 9 * ((size_t)(first + o) * (size_t)g->in + (size_t)k);
                for (int tap = 0; tap < 9; tap++)
                    to[tap] = filters[tap][o];
            }
        }
    }
}

static void weight_gradient(const direction *g, const float *src, const float *diff_dst, int n,
                            float *diff_weight, float *scratch) {
    size_t n_tiles = (size_t)n * g->tiles, n_blocks = (n_tiles + g->block - 1) / g->block;
    float *groups = scratch + (size_t)g->threads * thread_scratch(g);
    memset(groups, 0, g->n_groups * weights_size(g) * sizeof(float));
#pragma omp parallel for schedule(dynamic) num_threads(g->threads)
    for (size_t group = 0; group < g->n_groups; group++) {
        float *from = scratch + (size_t)omp_get_thread_num() * thread_scratch(g),
              *gradients = from + POINTS * pitch_of(g, g->in),
              *edge = gradients + POINTS * pitch_of(g, g->out), *packed = edge + largest_edge(g);
        size_t last = lethe__smaller(n_blocks * (group + 1) / g->n_groups * g->block, n_tiles);
        for (size_t first = n_blocks * group / g->n_groups * g->block; first < last; first += g->block) {
            size_t count = lethe__smaller(g->block, last - first);
            sources_to_points(g, src, first, count, from, edge);
            gradients_to_points(g, diff_dst, first, count, gradients, edge);
            add_products(g, from, gradients, count, packed, groups + group * weights_size(g));
        }
    }
    finish_gradient(g, groups, diff_weight);
}

/* --- the implementation --- */

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    winograd *both = operation->state;
    if (operation->packed_version != operation->weights->version) {
        pack(&both->forward, operation->weight, false);
        if (operation->wants_diff_src)
            pack(&both->backward, operation->weight, true);
        operation->packed_version = operation->weights->version;
    }
    run(&both->forward, operation->src.data, operation->src.n, operation->dst.data, operation->scratch);
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const winograd *both = operation->state;
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
