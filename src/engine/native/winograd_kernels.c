/* winograd_kernels.c - the transforms between pixels and the 16 points of a tile, compiled once for each
 * instruction set.
 *
 *     source pixels          points                 result pixels
 *     d d d d             p00 p01 p02 p03
 *     d d d d    B' d B   p10 p11 p12 p13   A' p A     y y
 *     d d d d   ------->  p20 p21 p22 p23  ------->    y y
 *     d d d d             p30 p31 p32 p33
 *
 *          | 1  0 -1  0 |
 *     B' = | 0  1  1  0 |     A' = | 1  1  1  0 |
 *          | 0 -1  1  0 |          | 0  1 -1 -1 |
 *          | 0  1  0 -1 |
 *
 * Neighbouring source tiles overlap by two pixels. One vector of channels at a time stays in registers: 16
 * loads, 32 additions, 16 stores for a source tile; 16 loads, 24 additions, 4 stores for a result; 4 loads,
 * 12 additions, 16 stores for a gradient. The products between the two cost 16 multiply-adds for each channel
 * of the other side, so that from some 32 channels on the transforms are a small part. */
#include "engine/native/winograd_kernels.h"
#include "engine/native/vector.h"

enum { POINTS = 16 };

INLINE vector load_value(const void *values, size_t at, const bool bf16) {
    return bf16 ? load_bf16((const uint16_t *)values + at) : load((const float *)values + at);
}

INLINE void store_value(void *values, size_t at, vector value, const bool bf16) {
    if (bf16)
        store_bf16((uint16_t *)values + at, value);
    else
        store((float *)values + at, value);
}

/* One vector of channels, from channel c on. */
INLINE void source_points(const lethe__winograd_tile *tile, size_t c, const bool bf16,
                          vector points[POINTS]) {
    vector d[4][4];
    for (size_t x = 0; x < 4; x++) {
        vector column[4];
        for (size_t y = 0; y < 4; y++)
            column[y] = load_value(tile->pixels, y * tile->row + x * tile->step + c, bf16);
        d[0][x] = column[0] - column[2];
        d[1][x] = column[1] + column[2];
        d[2][x] = column[2] - column[1];
        d[3][x] = column[1] - column[3];
    }
    for (size_t y = 0; y < 4; y++, points += 4) {
        points[0] = d[y][0] - d[y][2];
        points[1] = d[y][1] + d[y][2];
        points[2] = d[y][2] - d[y][1];
        points[3] = d[y][1] - d[y][3];
    }
}

INLINE void gradient_points(const lethe__winograd_tile *tile, size_t c, const bool bf16,
                            vector points[POINTS]) {
    vector q[4][2];
    for (size_t x = 0; x < 2; x++) {
        q[0][x] = load_value(tile->pixels, x * tile->step + c, bf16);
        q[3][x] = load_value(tile->pixels, tile->row + x * tile->step + c, bf16);
        q[1][x] = q[0][x] + q[3][x];
        q[2][x] = q[0][x] - q[3][x];
        q[3][x] = -q[3][x];
    }
    for (size_t y = 0; y < 4; y++, points += 4) {
        points[0] = q[y][0];
        points[1] = q[y][0] + q[y][1];
        points[2] = q[y][0] - q[y][1];
        points[3] = -q[y][1];
    }
}

INLINE void results(const lethe__winograd_tile *tile, const bool bf16) {
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector above[4], below[4];
        for (size_t x = 0; x < 4; x++) {
            const float *column = (const float *)tile->points + x * tile->pitch + c;
            vector a = load(column), b = load(column + 4 * tile->pitch), e = load(column + 8 * tile->pitch);
            above[x] = a + b + e;
            below[x] = b - e - load(column + 12 * tile->pitch);
        }
        store_value(tile->pixels, c, above[0] + above[1] + above[2], bf16);
        store_value(tile->pixels, c + tile->step, above[1] - above[2] - above[3], bf16);
        store_value(tile->pixels, c + tile->row, below[0] + below[1] + below[2], bf16);
        store_value(tile->pixels, c + tile->row + tile->step, below[1] - below[2] - below[3], bf16);
    }
}

INLINE void store_points(const lethe__winograd_tile *tile, size_t c, const vector points[POINTS],
                         const bool bf16) {
    for (size_t i = 0; i < POINTS; i++)
        store_value(tile->points, i * tile->pitch + c, points[i], bf16);
}

INLINE void store_pairs(const lethe__winograd_tile *tile, size_t c, const vector one[POINTS],
                        const vector other[POINTS]) {
    for (size_t i = 0; i < POINTS; i++)
        store((float *)tile->points + i * tile->pitch + c, pair_up(round_bf16(one[i]), round_bf16(other[i])));
}

INLINE void sources(const lethe__winograd_tile *tile, const bool bf16) {
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector points[POINTS];
        source_points(tile, c, bf16, points);
        store_points(tile, c, points, bf16);
    }
}

static void source(const lethe__winograd_tile *tile) {
    sources(tile, false);
}

static void source_bf16(const lethe__winograd_tile *tile) {
    sources(tile, true);
}

static void gradient(const lethe__winograd_tile *tile) {
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector points[POINTS];
        gradient_points(tile, c, false, points);
        store_points(tile, c, points, false);
    }
}

static void source_pair(const lethe__winograd_tile *first, const lethe__winograd_tile *second) {
    for (size_t c = 0; c < first->channels; c += LANES) {
        vector one[POINTS], other[POINTS];
        source_points(first, c, true, one);
        source_points(second, c, true, other);
        store_pairs(first, c, one, other);
    }
}

static void gradient_pair(const lethe__winograd_tile *first, const lethe__winograd_tile *second) {
    for (size_t c = 0; c < first->channels; c += LANES) {
        vector one[POINTS], other[POINTS];
        gradient_points(first, c, true, one);
        gradient_points(second, c, true, other);
        store_pairs(first, c, one, other);
    }
}

static void result(const lethe__winograd_tile *tile) {
    results(tile, false);
}

static void result_bf16(const lethe__winograd_tile *tile) {
    results(tile, true);
}

#define TABLE_NAME_(isa) lethe__winograd_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__winograd_kernels TABLE_NAME(LETHE__ISA) = {.source = source,
                                                        .result = result,
                                                        .gradient = gradient,
                                                        .source_bf16 = source_bf16,
                                                        .result_bf16 = result_bf16,
                                                        .source_pair = source_pair,
                                                        .gradient_pair = gradient_pair};
