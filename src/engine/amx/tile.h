/* tile.h - the few AMX instructions that the kernels use, or the same arithmetic in plain C.
 *
 * A tile register holds 16 rows of 64 bytes. Eight of them make up the machine; every tile is used whole.
 * A product takes A (16 rows of 32 bf16), B (16 rows of 16 pairs of bf16) and adds to C (16 rows of 16 f32):
 *
 *     C[m][n] += sum over even k of A[m][k] B[k/2][n].first + sum over odd k of A[m][k] B[k/2][n].second
 *
 * Sums are rounded to nearest after each addition, in the order of k. A product of two bf16 is exact in f32.
 * The instruction also takes and makes zeros for denormal numbers, which the plain C does not imitate.
 *
 * With LETHE__TILE_EMULATED the registers are an array of each thread. A kernel compiled so runs anywhere,
 * and is what the tests check; nothing but the tests is linked with it.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, TDPBF16PS. */
#ifndef LETHE_ENGINE_AMX_TILE_H
#define LETHE_ENGINE_AMX_TILE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LETHE__TILE_ROWS = 16, LETHE__TILE_BYTES = 1024 };

#ifndef LETHE__TILE_EMULATED

#include <immintrin.h>

/* Palette 1, all eight tiles 16 rows of 64 bytes. The barrier is for compilers that believe LDTILECFG to read
 * 8 bytes, and drop the stores of the others. */
static inline void lethe__tiles_open(void) {
    _Alignas(64) uint8_t configuration[64] = {1};
    for (int i = 0; i < 8; i++) {
        configuration[16 + 2 * i] = 64;
        configuration[48 + i] = LETHE__TILE_ROWS;
    }
    __asm__ volatile("" : : "r"(configuration) : "memory");
    _tile_loadconfig(configuration);
}

/* Back to the state that costs the kernel nothing to save. */
static inline void lethe__tiles_close(void) {
    _tile_release();
}

/* Registers are numbers known to the compiler, memory is 1 KB without gaps. */
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, memory) _tile_loadd(tile, memory, 64)
#define TILE_STORE(tile, memory) _tile_stored(tile, memory, 64)
#define TILE_STORE_LINE(tile, line) _tile_stored(tile, line, 0) /* every row to the same 64 bytes */
#define TILE_PRODUCT(c, a, b) _tile_dpbf16ps(c, a, b)

#else

static _Thread_local uint32_t lethe__tiles[8][LETHE__TILE_ROWS][16];

static inline void lethe__tiles_open(void) {
    memset(lethe__tiles, 0, sizeof lethe__tiles);
}
static inline void lethe__tiles_close(void) {}

/* The first or the second of a pair. */
static inline float lethe__tile_value(uint32_t pair, int second) {
    uint32_t bits = second ? pair & 0xffff0000u : pair << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void lethe__tile_product(int c, int a, int b) {
    for (int m = 0; m < LETHE__TILE_ROWS; m++) {
        float sums[2][16] = {{0}}, row[16];
        memcpy(row, lethe__tiles[c][m], sizeof row);
        for (int k = 0; k < 16; k++)
            for (int second = 0; second < 2; second++) {
                float factor = lethe__tile_value(lethe__tiles[a][m][k], second);
                for (int n = 0; n < 16; n++)
                    sums[second][n] += factor * lethe__tile_value(lethe__tiles[b][k][n], second);
            }
        for (int n = 0; n < 16; n++)
            row[n] += sums[0][n] + sums[1][n];
        memcpy(lethe__tiles[c][m], row, sizeof row);
    }
}

#define TILE_ZERO(tile) memset(lethe__tiles[tile], 0, LETHE__TILE_BYTES)
#define TILE_LOAD(tile, memory) memcpy(lethe__tiles[tile], memory, LETHE__TILE_BYTES)
#define TILE_STORE(tile, memory) memcpy(memory, lethe__tiles[tile], LETHE__TILE_BYTES)
#define TILE_STORE_LINE(tile, line) memcpy(line, lethe__tiles[tile][LETHE__TILE_ROWS - 1], 64)
#define TILE_PRODUCT(c, a, b) lethe__tile_product(c, a, b)

#endif
#endif
