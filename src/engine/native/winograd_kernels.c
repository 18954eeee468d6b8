/* winograd_kernels.c - the transforms between pixels and the points of a tile, compiled once for each
 * instruction set.
 *
 *     source pixels          points                 result pixels
 *     d d d d             p00 p01 p02 p03
 *     d d d d    B' d B   p10 p11 p12 p13   A' p A     y y
 *     d d d d   ------->  p20 p21 p22 p23  ------->    y y
 *     d d d d             p30 p31 p32 p33
 *
 * F(2x2, 3x3), the points 0, 1, -1 and infinity, as drawn:
 *
 *          | 1  0 -1  0 |
 *     B' = | 0  1  1  0 |     A' = | 1  1  1  0 |
 *          | 0 -1  1  0 |          | 0  1 -1 -1 |
 *          | 0  1  0 -1 |
 *
 * F(4x4, 3x3), with r = sqrt 2 the points 0, r, -r, 1/r, -1/r and infinity:
 *
 *          | 1   0   -5/2   0    1   0 |
 *          | 0  -r/2 -1/2   r    1   0 |          | 1  1    1   1    1   0 |
 *     B' = | 0   r/2 -1/2  -r    1   0 |     A' = | 0  r   -r  1/r -1/r  0 |
 *          | 0  -r   -2    1/r   1   0 |          | 0  2    2  1/2  1/2  0 |
 *          | 0   r   -2   -1/r   1   0 |          | 0  2r -2r  r/4 -r/4  1 |
 *          | 0   1    0   -5/2   0   1 |
 *
 * Rows of opposite points differ in the signs of their odd terms alone, so that a side of 6 takes 12
 * multiply-adds. One vector of channels at a time, loads, multiply-adds and stores:
 *
 *                     a source tile        its results       for a result
 *     F(2x2, 3x3)     16 + 32 + 16       16 + 24 +  4            27
 *     F(4x4, 3x3)     36 + 144 + 36      36 + 120 + 16           24
 *
 * The products between the two cost a result 4 or 2.25 multiply-adds for each channel of the other side. */
#include "engine/native/winograd_kernels.h"
#include "engine/native/vector.h"

enum { SIDE_4 = 6, RESULTS_4 = 4 };

static const float root = 1.41421356237f, half_root = 0.70710678119f;

INLINE vector load_value(const lethe__winograd_tile *tile, size_t pixel, size_t c, const bool bf16) {
    size_t at = tile->first + c;
    return bf16 ? load_bf16((const uint16_t *)tile->pixels[pixel] + at)
                : load((const float *)tile->pixels[pixel] + at);
}

/* --- F(4x4, 3x3) --- */

/* p = B' d */
INLINE void source_side(const vector d[SIDE_4], vector p[SIDE_4]) {
    vector even = d[4] - 0.5f * d[2], odd = root * (d[3] - 0.5f * d[1]);
    vector even_2 = d[4] - 2 * d[2], odd_2 = half_root * (d[3] - 2 * d[1]);
    p[0] = d[0] - 2.5f * d[2] + d[4];
    p[1] = even + odd;
    p[2] = even - odd;
    p[3] = even_2 + odd_2;
    p[4] = even_2 - odd_2;
    p[5] = d[1] - 2.5f * d[3] + d[5];
}

/* y = A' p */
INLINE void result_side(const vector p[SIDE_4], vector y[RESULTS_4]) {
    vector sum = p[1] + p[2], difference = p[1] - p[2], sum_2 = p[3] + p[4], difference_2 = p[3] - p[4];
    y[0] = p[0] + sum + sum_2;
    y[1] = root * (difference + 0.5f * difference_2);
    y[2] = 2 * sum + 0.5f * sum_2;
    y[3] = root * (2 * difference + 0.25f * difference_2) + p[5];
}

/* p = A y */
INLINE void gradient_side(const vector y[RESULTS_4], vector p[SIDE_4]) {
    vector even = y[0] + 2 * y[2], odd = root * (y[1] + 2 * y[3]);
    vector even_2 = y[0] + 0.5f * y[2], odd_2 = half_root * (y[1] + 0.5f * y[3]);
    p[0] = y[0];
    p[1] = even + odd;
    p[2] = even - odd;
    p[3] = even_2 + odd_2;
    p[4] = even_2 - odd_2;
    p[5] = y[3];
}

/* Points of a square of `n` x `n` pixels: `side` down the columns, then along the rows. */
INLINE void square_4(const lethe__winograd_tile *tile, const size_t n,
                     void (*const side)(const vector *pixels, vector *points)) {
    const size_t pitch = tile->pitch, channels = tile->channels;
    for (size_t c = 0; c < channels; c += LANES) {
        float *to = (float *)tile->points + c;
        vector half[SIDE_4][SIDE_4], column[SIDE_4], points[SIDE_4];
        for (size_t x = 0; x < n; x++) {
            for (size_t y = 0; y < n; y++)
                column[y] = load_value(tile, y * n + x, c, false);
            side(column, points);
            for (size_t y = 0; y < SIDE_4; y++)
                half[y][x] = points[y];
        }
        for (size_t y = 0; y < SIDE_4; y++) {
            side(half[y], points);
            for (size_t x = 0; x < SIDE_4; x++)
                store(to + (y * SIDE_4 + x) * pitch, points[x]);
        }
    }
}

static void source_4(const lethe__winograd_tile *tile) {
    square_4(tile, SIDE_4, source_side);
}

static void gradient_4(const lethe__winograd_tile *tile) {
    square_4(tile, RESULTS_4, gradient_side);
}

static void result_4(const lethe__winograd_tile *tile) {
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector half[RESULTS_4][SIDE_4], column[SIDE_4], results[RESULTS_4];
        for (size_t x = 0; x < SIDE_4; x++) {
            for (size_t y = 0; y < SIDE_4; y++)
                column[y] = load((const float *)tile->points + (y * SIDE_4 + x) * tile->pitch + c);
            result_side(column, results);
            for (size_t y = 0; y < RESULTS_4; y++)
                half[y][x] = results[y];
        }
        for (size_t y = 0; y < RESULTS_4; y++) {
            result_side(half[y], results);
            for (size_t x = 0; x < RESULTS_4; x++)
                store((float *)tile->pixels[y * RESULTS_4 + x] + tile->first + c, results[x]);
        }
    }
}

/* --- F(2x2, 3x3) --- */

enum { SIDE_2 = 4, RESULTS_2 = 2, POINTS_2 = SIDE_2 * SIDE_2 };

/* One vector of channels, from channel c on. */
INLINE void source_points(const lethe__winograd_tile *tile, size_t c, const bool bf16,
                          vector points[POINTS_2]) {
    vector d[SIDE_2][SIDE_2];
    for (size_t x = 0; x < SIDE_2; x++) {
        vector column[SIDE_2];
        for (size_t y = 0; y < SIDE_2; y++)
            column[y] = load_value(tile, y * SIDE_2 + x, c, bf16);
        d[0][x] = column[0] - column[2];
        d[1][x] = column[1] + column[2];
        d[2][x] = column[2] - column[1];
        d[3][x] = column[1] - column[3];
    }
    for (size_t y = 0; y < SIDE_2; y++, points += SIDE_2) {
        points[0] = d[y][0] - d[y][2];
        points[1] = d[y][1] + d[y][2];
        points[2] = d[y][2] - d[y][1];
        points[3] = d[y][1] - d[y][3];
    }
}

INLINE void gradient_points(const lethe__winograd_tile *tile, size_t c, const bool bf16,
                            vector points[POINTS_2]) {
    vector q[SIDE_2][RESULTS_2];
    for (size_t x = 0; x < RESULTS_2; x++) {
        q[0][x] = load_value(tile, x, c, bf16);
        q[3][x] = load_value(tile, RESULTS_2 + x, c, bf16);
        q[1][x] = q[0][x] + q[3][x];
        q[2][x] = q[0][x] - q[3][x];
        q[3][x] = -q[3][x];
    }
    for (size_t y = 0; y < SIDE_2; y++, points += SIDE_2) {
        points[0] = q[y][0];
        points[1] = q[y][0] + q[y][1];
        points[2] = q[y][0] - q[y][1];
        points[3] = -q[y][1];
    }
}

INLINE void results(const lethe__winograd_tile *tile, const bool bf16) {
    const size_t pitch = tile->pitch, channels = tile->channels;
    for (size_t c = 0; c < channels; c += LANES) {
        vector above[SIDE_2], below[SIDE_2];
        for (size_t x = 0; x < SIDE_2; x++) {
            const float *column = (const float *)tile->points + x * pitch + c;
            vector p = load(column + 4 * pitch), q = load(column + 8 * pitch);
            above[x] = load(column) + p + q;
            below[x] = p - q - load(column + 12 * pitch);
        }
        const vector pixels[] = {above[0] + above[1] + above[2], above[1] - above[2] - above[3],
                                 below[0] + below[1] + below[2], below[1] - below[2] - below[3]};
        for (size_t i = 0; i < RESULTS_2 * RESULTS_2; i++)
            if (bf16)
                store_bf16((uint16_t *)tile->pixels[i] + tile->first + c, pixels[i]);
            else
                store((float *)tile->pixels[i] + tile->first + c, pixels[i]);
    }
}

static void source_2(const lethe__winograd_tile *tile) {
    const size_t pitch = tile->pitch, channels = tile->channels;
    for (size_t c = 0; c < channels; c += LANES) {
        float *to = (float *)tile->points + c;
        vector points[POINTS_2];
        source_points(tile, c, false, points);
        for (size_t i = 0; i < POINTS_2; i++)
            store(to + i * pitch, points[i]);
    }
}

static void gradient_2(const lethe__winograd_tile *tile) {
    const size_t pitch = tile->pitch, channels = tile->channels;
    for (size_t c = 0; c < channels; c += LANES) {
        float *to = (float *)tile->points + c;
        vector points[POINTS_2];
        gradient_points(tile, c, false, points);
        for (size_t i = 0; i < POINTS_2; i++)
            store(to + i * pitch, points[i]);
    }
}

static void result_2(const lethe__winograd_tile *tile) {
    results(tile, false);
}

/* --- the same in bf16 --- */

INLINE void store_pairs(const lethe__winograd_tile *tile, size_t c, const vector one[POINTS_2],
                        const vector other[POINTS_2]) {
    for (size_t i = 0; i < POINTS_2; i++)
        store((float *)tile->points + i * tile->pitch + c, pair_up(round_bf16(one[i]), round_bf16(other[i])));
}

static void source_bf16(const lethe__winograd_tile *tile) {
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector points[POINTS_2];
        source_points(tile, c, true, points);
        for (size_t i = 0; i < POINTS_2; i++)
            store_bf16((uint16_t *)tile->points + i * tile->pitch + c, points[i]);
    }
}

static void result_bf16(const lethe__winograd_tile *tile) {
    results(tile, true);
}

static void source_pair(const lethe__winograd_tile *first, const lethe__winograd_tile *second) {
    for (size_t c = 0; c < first->channels; c += LANES) {
        vector one[POINTS_2], other[POINTS_2];
        source_points(first, c, true, one);
        source_points(second, c, true, other);
        store_pairs(first, c, one, other);
    }
}

static void gradient_pair(const lethe__winograd_tile *first, const lethe__winograd_tile *second) {
    for (size_t c = 0; c < first->channels; c += LANES) {
        vector one[POINTS_2], other[POINTS_2];
        gradient_points(first, c, true, one);
        gradient_points(second, c, true, other);
        store_pairs(first, c, one, other);
    }
}

#define TABLE_NAME_(isa) lethe__winograd_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__winograd_kernels TABLE_NAME(LETHE__ISA) = {
    .f32_2 = {.source = source_2, .result = result_2, .gradient = gradient_2},
    .f32_4 = {.source = source_4, .result = result_4, .gradient = gradient_4},
    .bf16_2 = {.source = source_bf16,
               .result = result_bf16,
               .source_pair = source_pair,
               .gradient_pair = gradient_pair}};
