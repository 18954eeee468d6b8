/* convolution_kernels.c - register tiles of the f32 convolution, compiled once for each instruction set.
 *
 *              2 vectors of output channels
 *             +-----------+-----------+
 *     pixel 0 |  acc 0,0  |  acc 0,1  |  += src[0][k] * w
 *     pixel 1 |  acc 1,0  |  acc 1,1  |  += src[1][k] * w
 *       ...   |           |           |
 *             +-----------+-----------+
 *
 * Forward and backward-data: PIXELS x 2 accumulators. Each k of a run loads 2 weight vectors, shared by all
 * pixels, and broadcasts one scalar a pixel: 2 * PIXELS multiply-adds for 2 + PIXELS loads. AVX2: 6 pixels,
 * 12 accumulators of 16 registers; AVX-512: 12 pixels, 24 of 32.
 *
 * A product of matrices (Winograd's points) is the same with rows in place of pixels and one run.
 *
 * The weight gradient is the same tile with PIXELS neighbouring k as rows and the sum running over pixels:
 * one vector pair of diff_dst is loaded a pixel, and PIXELS neighbouring values of src are broadcast.
 * Accumulators stay in registers for all pixels of a task, and are added to diff_weights at its end.
 *
 * Two multiply-adds a cycle need 4-cycle latency * 2 = 8 independent sums: both shapes have more. The code is
 * plain C with the compilers' vector extension, so that one text serves every instruction set. */
#include "engine/native/convolution_kernels.h"
#include "engine/native/vector.h"

enum { PIXELS = LANES == 16 ? 12 : 6, SHORT_SUM = 32 };

/* sum + a b, of floats or of pairs */
INLINE vector multiply_add(vector sum, vector a, vector b, const bool pairs) {
    return pairs ? add_pair_products(sum, a, b) : sum + a * b;
}

/* Offsets behind the last pixel repeat it: the surplus rows of the last tile recompute that pixel. */
INLINE void forward_tile(const lethe__tile_task *task, const int *src_offsets, const int *dst_offsets,
                         const int vectors, const bool pairs) {
    vector sums[PIXELS][2];
    for (int j = 0; j < PIXELS; j++)
        for (int v = 0; v < vectors; v++)
            sums[j][v] = (vector){0};
    const float *weights = task->weights;
    for (size_t row = 0; row < task->n_rows; row++) {
        const word *pixels[PIXELS];
        for (int j = 0; j < PIXELS; j++)
            pixels[j] = (const word *)task->src + src_offsets[j] + row * task->row_pitch;
        for (size_t k = 0; k < task->run; k++) {
            vector w[2];
            for (int v = 0; v < vectors; v++)
                w[v] = load(weights + v * LANES);
            weights += vectors * LANES;
            for (int j = 0; j < PIXELS; j++)
                for (int v = 0; v < vectors; v++)
                    sums[j][v] = multiply_add(sums[j][v], w[v], broadcast(pixels[j][k]), pairs);
        }
    }
    for (int j = 0; j < PIXELS; j++)
        for (int v = 0; v < vectors; v++)
            if (pairs && task->narrow)
                store_bf16((uint16_t *)task->dst + dst_offsets[j] + v * LANES, sums[j][v]);
            else
                store((float *)task->dst + dst_offsets[j] + v * LANES, sums[j][v]);
}

INLINE void forward_tiles(const lethe__tile_task *task, const int vectors, const bool pairs) {
    size_t first = 0;
    for (; first + PIXELS <= task->n_pixels; first += PIXELS)
        forward_tile(task, task->src_offsets + first, task->dst_offsets + first, vectors, pairs);
    if (first == task->n_pixels)
        return;
    int src_offsets[PIXELS], dst_offsets[PIXELS];
    for (size_t j = 0; j < PIXELS; j++) {
        size_t pixel = first + j < task->n_pixels ? first + j : task->n_pixels - 1;
        src_offsets[j] = task->src_offsets[pixel];
        dst_offsets[j] = task->dst_offsets[pixel];
    }
    forward_tile(task, src_offsets, dst_offsets, vectors, pairs);
}

static void tiles(const lethe__tile_task *task) {
    if (task->vectors == 2)
        forward_tiles(task, 2, false);
    else
        forward_tiles(task, 1, false);
}

static void pair_tiles(const lethe__tile_task *task) {
    if (task->vectors == 2)
        forward_tiles(task, 2, true);
    else
        forward_tiles(task, 1, true);
}

/* Rows first .. first + count - 1 of a product. Three rows share a pointer: more would not fit the registers.
 * A long sum is one of short sums, which loses much less: its error grows with the length. */
INLINE void product_tile(const lethe__product_task *task, size_t first, const int count, const int vectors,
                         const bool pairs) {
    const size_t src_step = task->src_step, dst_step = task->dst_step;
    const float *weights = task->weights;
    const word *rows[PIXELS / 3];
    for (int j = 0; j < count; j += 3)
        rows[j / 3] = (const word *)task->src + (first + (size_t)j) * src_step;
    for (size_t done = 0, n; done < task->run; done += n) {
        vector sums[PIXELS][2];
        for (int j = 0; j < count; j++)
            for (int v = 0; v < vectors; v++)
                sums[j][v] = (vector){0};
        n = task->run - done < SHORT_SUM ? task->run - done : SHORT_SUM;
        for (size_t k = n; k > 0; k--) {
            vector w[2];
            for (int v = 0; v < vectors; v++)
                w[v] = load(weights + v * LANES);
            weights += vectors * LANES;
            for (int j = 0; j < count; j++)
                for (int v = 0; v < vectors; v++)
                    sums[j][v] = multiply_add(sums[j][v], w[v],
                                              broadcast(rows[j / 3][(size_t)(j % 3) * src_step]), pairs);
            for (int j = 0; j < count; j += 3)
                rows[j / 3]++;
        }
        for (int j = 0; j < count; j++)
            for (int v = 0; v < vectors; v++) {
                float *to = (float *)task->dst + (first + (size_t)j) * dst_step + v * LANES;
                store(to, done == 0 ? sums[j][v] : load(to) + sums[j][v]);
            }
    }
}

/* Rows first .. first + count - 1 of diff_weights. */
INLINE void gradient_tile(const lethe__gradient_task *task, size_t first, const int count, const int vectors,
                          const bool pairs) {
    vector sums[PIXELS][2];
    for (int j = 0; j < count; j++)
        for (int v = 0; v < vectors; v++)
            sums[j][v] = (vector){0};
    for (size_t i = 0; i < task->images; i++) {
        const float *diff_dst = (const float *)task->diff_dst + i * task->dst_image;
        for (size_t y = 0; y < task->height; y++) {
            const word *src = (const word *)task->src + i * task->src_image + y * task->src_row + first;
            for (size_t x = 0; x < task->width; x++) {
                vector d[2];
                for (int v = 0; v < vectors; v++)
                    d[v] = load(diff_dst + v * LANES);
                for (int j = 0; j < count; j++)
                    for (int v = 0; v < vectors; v++)
                        sums[j][v] = multiply_add(sums[j][v], d[v], broadcast(src[j]), pairs);
                src += task->src_step;
                diff_dst += vectors * LANES;
            }
        }
    }
    for (int j = 0; j < count; j++)
        for (int v = 0; v < vectors; v++) {
            float *to = task->diff_weights + (first + (size_t)j) * (size_t)vectors * LANES + v * LANES;
            store(to, load(to) + sums[j][v]);
        }
}

/* Rows are cut into tiles as equal as that goes, since short ones have too few sums to fill the multipliers.
 * A tile's count must be a constant: TILE(count) is the case of each. */
#define FOR_COUNTS(TILE)                                                                                     \
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#define COUNT(count) ((count) <= PIXELS ? (count) : PIXELS) /* so that none is compiled for more rows */

INLINE void product_rows(const lethe__product_task *task, const int vectors, const bool pairs) {
    size_t n_tiles = (task->n + PIXELS - 1) / PIXELS;
    for (size_t i = 0; i < n_tiles; i++) {
        size_t first = task->n * i / n_tiles;
        switch (task->n * (i + 1) / n_tiles - first) {
#define PRODUCT(count)                                                                                       \
    case count:                                                                                              \
        product_tile(task, first, COUNT(count), vectors, pairs);                                             \
        break;
            FOR_COUNTS(PRODUCT)
        default:
            break;
        }
    }
}

INLINE void gradient_rows(const lethe__gradient_task *task, const int vectors, const bool pairs) {
    size_t n_tiles = (task->run + PIXELS - 1) / PIXELS;
    for (size_t i = 0; i < n_tiles; i++) {
        size_t first = task->run * i / n_tiles;
        switch (task->run * (i + 1) / n_tiles - first) {
#define GRADIENT(count)                                                                                      \
    case count:                                                                                              \
        gradient_tile(task, first, COUNT(count), vectors, pairs);                                            \
        break;
            FOR_COUNTS(GRADIENT)
        default:
            break;
        }
    }
}

static void product(const lethe__product_task *task) {
    if (task->vectors == 2)
        product_rows(task, 2, false);
    else
        product_rows(task, 1, false);
}

static void pair_product(const lethe__product_task *task) {
    if (task->vectors == 2)
        product_rows(task, 2, true);
    else
        product_rows(task, 1, true);
}

static void gradient(const lethe__gradient_task *task) {
    if (task->vectors == 2)
        gradient_rows(task, 2, false);
    else
        gradient_rows(task, 1, false);
}

static void pair_gradient(const lethe__gradient_task *task) {
    if (task->vectors == 2)
        gradient_rows(task, 2, true);
    else
        gradient_rows(task, 1, true);
}

static void pair(const lethe__pairing *p) {
    for (size_t i = 0; i < p->rows; i++) {
        const uint16_t *first = p->first + i * p->pitch, *second = p->second + i * p->pitch;
        uint32_t *to = p->words + i * p->n;
        for (size_t k = 0; k < p->n; k++)
            to[k] = first[k] | (uint32_t)second[k] << 16;
    }
}

#define TABLE_NAME_(isa) lethe__convolution_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__convolution_kernels TABLE_NAME(LETHE__ISA) = {.lanes = LANES,
                                                           .pixels = PIXELS,
                                                           .tiles = tiles,
                                                           .product = product,
                                                           .pair_product = pair_product,
                                                           .gradient = gradient,
                                                           .pair_tiles = pair_tiles,
                                                           .pair_gradient = pair_gradient,
                                                           .pair = pair};
