/* amx_kernels.c - the tiles of the bf16 convolution. Images, not pixels, are a dimension of the matrices.
 *
 * Forward and backward-data, for one output pixel: a tap of the filter is another pixel of the source, so
 * that no halo is needed, a stride is a matter of addresses, and taps in the padding are left out.
 *
 *                      16 outputs   16 outputs
 *                    +------------+------------+      tap by tap, 32 inputs at a time
 *      16 images     |   tile 0   |   tile 1   |  +=  tile 4 x (tiles 6, 7)
 *      16 images     |   tile 2   |   tile 3   |  +=  tile 5 x (tiles 6, 7)
 *                    +------------+------------+
 *
 * Backward-weights, for one tap: pixels and images are summed over, 32 images in each product.
 *
 *                      16 inputs    16 inputs
 *                    +------------+------------+      pixel by pixel
 *      16 outputs    |   tile 0   |   tile 1   |  +=  diff_dst: tile 4 x src: (tiles 6, 7)
 *      16 outputs    |   tile 2   |   tile 3   |  +=  diff_dst: tile 5 x src: (tiles 6, 7)
 *                    +------------+------------+
 *
 * Both load four tiles for four products of 16 * 16 * 32 multiply-adds. A product takes 16 cycles, a load
 * some 9 from the first-level cache and 20 from the second: 64 cycles of products beside 36 to 80 of loads,
 * 80 % of the peak at best where the blocks are in the second-level cache (71 to 75 % were seen). For 3x3
 * filters with stride 1 and padding 1, backward-weights can do with less:
 *
 *     diff_dst[x] (tile 3)  x  src[x - 1], src[x], src[x + 1] (tiles 4, 5, 6)  ->  tiles 0, 1, 2: three taps
 *
 * A step along the row loads one new tile of each, and tiles 4, 5, 6 change places: 2 loads for 3 products,
 * 48 cycles beside 18 to 40 (97 to 99 % were seen). Each quarter of a block is a walk of its own.
 *
 * A tile store that comes after more than some hundred products is slow (600 to 900 cycles were seen): a
 * store of one line now and then prevents that.
 *
 * These counts, and timings in this file, come from prototypes on another machine: this code was checked in
 * emulation, never timed. It is compiled twice, with the instructions and (for tests) without: tile.h. */
#include "engine/amx/amx_kernels.h"
#include "engine/amx/tile.h"
#include "engine/operation.h"

/* Where the stores that keep the store path awake go: one every 8 blocks, 32 products. */
static _Thread_local _Alignas(64) uint8_t spare_line[64];

enum { TILE = LETHE__AMX_BLOCK / 2 /* values */, BLOCKS_AWAKE = 8 };

/* sums[image][output] in bf16 to the pixel. */
static void write_pixel(const float *sums, const lethe__amx_pixel *dst) {
    for (int image = 0; image < dst->images; image++) {
        const float *row = sums + image / 16 * 512 + image % 16 * 16;
        uint16_t *to = dst->data + (size_t)image * dst->pitch;
        for (int first = 0; first < dst->channels; first += 16, row += 256)
            for (int c = 0; c < (dst->channels - first < 16 ? dst->channels - first : 16); c++)
                to[first + c] = lethe__f32_to_bf16(row[c]);
    }
}

static void gather(const lethe__amx_tap *taps, int n_taps, size_t blocks, const lethe__amx_pixel *dst) {
    _Alignas(64) float sums[4 * 256];
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int tap = 0; tap < n_taps; tap++) {
        const uint16_t *images = taps[tap].images, *weights = taps[tap].weights;
        for (size_t i = 0; i < blocks; i++, images += LETHE__AMX_BLOCK, weights += LETHE__AMX_BLOCK) {
            TILE_LOAD(6, weights);
            TILE_LOAD(4, images);
            TILE_PRODUCT(0, 4, 6);
            TILE_LOAD(7, weights + TILE);
            TILE_PRODUCT(1, 4, 7);
            TILE_LOAD(5, images + TILE);
            TILE_PRODUCT(2, 5, 6);
            TILE_PRODUCT(3, 5, 7);
            if (i % BLOCKS_AWAKE == BLOCKS_AWAKE - 1)
                TILE_STORE_LINE(4, spare_line);
        }
    }
    TILE_STORE(0, sums);
    TILE_STORE(1, sums + 256);
    TILE_STORE(2, sums + 512);
    TILE_STORE(3, sums + 768);
    write_pixel(sums, dst);
}

static void gradient(const lethe__amx_gradient *task) {
    float *sums = task->diff_weights;
    TILE_LOAD(0, sums);
    TILE_LOAD(1, sums + 256);
    TILE_LOAD(2, sums + 512);
    TILE_LOAD(3, sums + 768);
    for (size_t y = 0; y < task->height; y++) {
        const uint16_t *src = task->src + y * task->src_row * LETHE__AMX_BLOCK,
                       *diff_dst = task->diff_dst + y * task->dst_row * LETHE__AMX_BLOCK;
        for (size_t x = 0; x < task->width; x++) {
            TILE_LOAD(6, src);
            TILE_LOAD(4, diff_dst);
            TILE_PRODUCT(0, 4, 6);
            TILE_LOAD(7, src + TILE);
            TILE_PRODUCT(1, 4, 7);
            TILE_LOAD(5, diff_dst + TILE);
            TILE_PRODUCT(2, 5, 6);
            TILE_PRODUCT(3, 5, 7);
            if (x % BLOCKS_AWAKE == BLOCKS_AWAKE - 1)
                TILE_STORE_LINE(4, spare_line);
            src += task->src_step * LETHE__AMX_BLOCK;
            diff_dst += task->dst_step * LETHE__AMX_BLOCK;
        }
    }
    TILE_STORE(0, sums);
    TILE_STORE(1, sums + 256);
    TILE_STORE(2, sums + 512);
    TILE_STORE(3, sums + 768);
}

/* diff_dst[x] in tile 3 for taps 0, 1, 2, whose columns of src are in tiles left, middle, right; the right
 * one is loaded here. The first and the last column have no neighbour. */
#define WALK(left, middle, right)                                                                            \
    TILE_LOAD(3, diff_dst + x * dst_step);                                                                   \
    TILE_PRODUCT(1, 3, middle);                                                                              \
    if (x > 0)                                                                                               \
        TILE_PRODUCT(0, 3, left);                                                                            \
    if (++x == width)                                                                                        \
        return;                                                                                              \
    TILE_LOAD(right, src + x * src_step);                                                                    \
    TILE_PRODUCT(2, 3, right);

static void walk_row(const uint16_t *src, size_t src_step, const uint16_t *diff_dst, size_t dst_step,
                     size_t width) {
    size_t x = 0;
    TILE_LOAD(5, src);
    for (;;) {
        WALK(4, 5, 6)
        WALK(5, 6, 4)
        WALK(6, 4, 5)
        TILE_STORE_LINE(3, spare_line);
    }
}

static void gradient_3(const lethe__amx_gradient *task) {
    size_t src_step = task->src_step * LETHE__AMX_BLOCK, dst_step = task->dst_step * LETHE__AMX_BLOCK;
    for (size_t quarter = 0; quarter < 4; quarter++) {
        const uint16_t *src = task->src + quarter % 2 * TILE, *diff_dst = task->diff_dst + quarter / 2 * TILE;
        float *sums = task->diff_weights + quarter * 256;
        TILE_LOAD(0, sums);
        TILE_LOAD(1, sums + LETHE__AMX_BLOCK);
        TILE_LOAD(2, sums + 2 * LETHE__AMX_BLOCK);
        for (size_t y = 0; y < task->height; y++)
            walk_row(src + y * task->src_row * LETHE__AMX_BLOCK, src_step,
                     diff_dst + y * task->dst_row * LETHE__AMX_BLOCK, dst_step, task->width);
        TILE_STORE(0, sums);
        TILE_STORE(1, sums + LETHE__AMX_BLOCK);
        TILE_STORE(2, sums + 2 * LETHE__AMX_BLOCK);
    }
}

/* --- packing --- */

static void pack_images(const lethe__amx_pixel *from, uint16_t *block) {
    if (from->images < LETHE__AMX_SIDE || from->channels < LETHE__AMX_SIDE)
        memset(block, 0, LETHE__AMX_BLOCK * sizeof *block);
    for (int image = 0; image < from->images; image++)
        memcpy(block + image * LETHE__AMX_SIDE, from->data + (size_t)image * from->pitch,
               (size_t)from->channels * sizeof *block);
}

/* Images 2 i and 2 i + 1 side by side as one 32-bit word for each channel. */
static void join_images(const lethe__amx_pixel *from, uint32_t pairs[16][LETHE__AMX_SIDE]) {
    if (from->images < LETHE__AMX_SIDE || from->channels < LETHE__AMX_SIDE)
        memset(pairs, 0, 16 * sizeof pairs[0]);
    static const uint16_t nothing[LETHE__AMX_SIDE];
    for (int i = 0; 2 * i < from->images; i++) {
        const uint16_t *restrict first = from->data + (size_t)(2 * i) * from->pitch, *restrict second =
                                                                                         2 * i + 1 <
                                                                                                 from->images
                                                                                             ? first +
                                                                                                   from->pitch
                                                                                             : nothing;
        for (int c = 0; c < from->channels; c++)
            pairs[i][c] = first[c] | (uint32_t)second[c] << 16;
    }
}

static void pack_pairs(const lethe__amx_pixel *from, uint16_t *block) {
    uint32_t pairs[16][LETHE__AMX_SIDE];
    join_images(from, pairs);
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 16; i++)
            memcpy(block + half * TILE + i * 32, &pairs[i][half * 16], 64);
}

typedef uint32_t words __attribute__((vector_size(64)));

/* For each pair of rows i, i + step: their blocks of `step` words off the diagonal change places. */
#define LOW(step, lane) ((lane) & (step) ? 16 + (lane) - (step) : (lane))
#define HIGH(step, lane) ((lane) & (step) ? 16 + (lane) : (lane) + (step))
#define LANES(which, step)                                                                                   \
    which(step, 0), which(step, 1), which(step, 2), which(step, 3), which(step, 4), which(step, 5),          \
        which(step, 6), which(step, 7), which(step, 8), which(step, 9), which(step, 10), which(step, 11),    \
        which(step, 12), which(step, 13), which(step, 14), which(step, 15)
#define EXCHANGE(rows, step)                                                                                 \
    for (int i = 0; i < 16; i++)                                                                             \
        if ((i & (step)) == 0) {                                                                             \
            words low = rows[i], high = rows[i + (step)];                                                    \
            rows[i] = __builtin_shufflevector(low, high, LANES(LOW, step));                                  \
            rows[i + (step)] = __builtin_shufflevector(low, high, LANES(HIGH, step));                        \
        }

/* Pairs of images as words, [16 pairs][16 channels] to [16 channels][16 pairs]: four rounds of exchanges. */
static void pack_transposed(const lethe__amx_pixel *from, uint16_t *block) {
    uint32_t pairs[16][LETHE__AMX_SIDE];
    join_images(from, pairs);
    for (int half = 0; half < 2; half++) {
        words rows[16];
        for (int i = 0; i < 16; i++)
            memcpy(&rows[i], &pairs[i][half * 16], sizeof rows[i]);
        EXCHANGE(rows, 8)
        EXCHANGE(rows, 4)
        EXCHANGE(rows, 2)
        EXCHANGE(rows, 1)
        memcpy(block + half * TILE, rows, sizeof rows);
    }
}

static void products(size_t rounds) {
    lethe__tiles_open();
    for (size_t round = 0; round < rounds; round++) {
        TILE_PRODUCT(0, 4, 6);
        TILE_PRODUCT(1, 4, 7);
        TILE_PRODUCT(2, 5, 6);
        TILE_PRODUCT(3, 5, 7);
    }
    lethe__tiles_close();
}

#ifdef LETHE__TILE_EMULATED
const lethe__amx_kernels lethe__amx_kernels_emulated = {
#else
const lethe__amx_kernels lethe__amx_kernels_hardware = {
#endif
    .open = lethe__tiles_open,
    .close = lethe__tiles_close,
    .gather = gather,
    .gradient = gradient,
    .gradient_3 = gradient_3,
    .pack_images = pack_images,
    .pack_pairs = pack_pairs,
    .pack_transposed = pack_transposed,
    .products = products,
};
