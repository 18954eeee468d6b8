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

static void source(const lethe__winograd_tile *tile) {
    size_t row = tile->row, step = tile->step, pitch = tile->pitch;
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector d[4][4];
        for (size_t x = 0; x < 4; x++) {
            const float *column = tile->pixels + x * step + c;
            vector a = load(column), b = load(column + row), e = load(column + 2 * row),
                   f = load(column + 3 * row);
            d[0][x] = a - e;
            d[1][x] = b + e;
            d[2][x] = e - b;
            d[3][x] = b - f;
        }
        float *to = tile->points + c;
        for (size_t y = 0; y < 4; y++, to += 4 * pitch) {
            store(to, d[y][0] - d[y][2]);
            store(to + pitch, d[y][1] + d[y][2]);
            store(to + 2 * pitch, d[y][2] - d[y][1]);
            store(to + 3 * pitch, d[y][1] - d[y][3]);
        }
    }
}

static void result(const lethe__winograd_tile *tile) {
    size_t pitch = tile->pitch;
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector above[4], below[4];
        for (size_t x = 0; x < 4; x++) {
            const float *column = tile->points + x * pitch + c;
            vector b = load(column + 4 * pitch), e = load(column + 8 * pitch);
            above[x] = load(column) + b + e;
            below[x] = b - e - load(column + 12 * pitch);
        }
        float *to = tile->pixels + c;
        store(to, above[0] + above[1] + above[2]);
        store(to + tile->step, above[1] - above[2] - above[3]);
        store(to + tile->row, below[0] + below[1] + below[2]);
        store(to + tile->row + tile->step, below[1] - below[2] - below[3]);
    }
}

static void gradient(const lethe__winograd_tile *tile) {
    size_t pitch = tile->pitch;
    for (size_t c = 0; c < tile->channels; c += LANES) {
        vector q[4][2];
        for (size_t x = 0; x < 2; x++) {
            const float *column = tile->pixels + x * tile->step + c;
            q[0][x] = load(column);
            q[3][x] = load(column + tile->row);
            q[1][x] = q[0][x] + q[3][x];
            q[2][x] = q[0][x] - q[3][x];
            q[3][x] = -q[3][x];
        }
        float *to = tile->points + c;
        for (size_t y = 0; y < 4; y++, to += 4 * pitch) {
            store(to, q[y][0]);
            store(to + pitch, q[y][0] + q[y][1]);
            store(to + 2 * pitch, q[y][0] - q[y][1]);
            store(to + 3 * pitch, -q[y][1]);
        }
    }
}

#define TABLE_NAME_(isa) lethe__winograd_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__winograd_kernels TABLE_NAME(LETHE__ISA) = {
    .source = source, .result = result, .gradient = gradient};
