/* winograd_filter_kernels.c - filters to their points, G g G', and sums at the points to gradients of
 * filters, G' p G, compiled once for each instruction set.
 *
 *     F(4x4, 3x3),       | 1     0    0   |     F(2x2, 3x3):    | 1    0    0  |
 *     r = sqrt 2:        | 1/6   r/6  1/3 |                     | 1/2  1/2 1/2 |
 *                    G = | 1/6  -r/6  1/3 |                 G = | 1/2 -1/2 1/2 |
 *                        |-2/3  -r/3 -1/3 |                     | 0    0    1  |
 *                        |-2/3   r/3 -1/3 |
 *                        | 0     0    1   |
 *
 * One input channel and a block of output channels at a time, a tap or a point of which is a row. */
#include "engine/native/winograd_filter_kernels.h"
#include "engine/native/vector.h"
#include "engine/native/winograd_kernels.h"

enum { BLOCK = 2 * LANES, TAPS = 3, SIDE_MOST = 6, POINTS_MOST = LETHE__WINOGRAD_POINTS_MOST };

typedef float row[BLOCK];

/* --- one side: `step` rows from one to the next --- */

INLINE void to_side_4(const row *restrict taps, size_t step, row *restrict points) {
    const float sixth_root = 0.23570226040f, third_root = 0.47140452079f; /* of sqrt 2 */
    for (int o = 0; o < BLOCK; o++) {
        float first = taps[0][o], middle = taps[step][o], last = taps[2 * step][o];
        float even = first * (1.0f / 6) + last * (1.0f / 3), odd = middle * sixth_root;
        float even_2 = first * (-2.0f / 3) - last * (1.0f / 3), odd_2 = middle * third_root;
        points[0][o] = first;
        points[step][o] = even + odd;
        points[2 * step][o] = even - odd;
        points[3 * step][o] = even_2 - odd_2;
        points[4 * step][o] = even_2 + odd_2;
        points[5 * step][o] = last;
    }
}

INLINE void to_side_2(const row *restrict taps, size_t step, row *restrict points) {
    for (int o = 0; o < BLOCK; o++) {
        float even = 0.5f * (taps[0][o] + taps[2 * step][o]), odd = 0.5f * taps[step][o];
        points[0][o] = taps[0][o];
        points[step][o] = even + odd;
        points[2 * step][o] = even - odd;
        points[3 * step][o] = taps[2 * step][o];
    }
}

INLINE void from_side_4(const row *restrict points, size_t step, row *restrict taps) {
    const float sixth_root = 0.23570226040f, third_root = 0.47140452079f;
    for (int o = 0; o < BLOCK; o++) {
        float sum = points[step][o] + points[2 * step][o], difference = points[step][o] - points[2 * step][o];
        float sum_2 = points[3 * step][o] + points[4 * step][o],
              difference_2 = points[3 * step][o] - points[4 * step][o];
        taps[0][o] = points[0][o] + sum * (1.0f / 6) - sum_2 * (2.0f / 3);
        taps[step][o] = difference * sixth_root - difference_2 * third_root;
        taps[2 * step][o] = (sum - sum_2) * (1.0f / 3) + points[5 * step][o];
    }
}

INLINE void from_side_2(const row *restrict points, size_t step, row *restrict taps) {
    for (int o = 0; o < BLOCK; o++) {
        float sum = 0.5f * (points[step][o] + points[2 * step][o]);
        taps[0][o] = points[0][o] + sum;
        taps[step][o] = 0.5f * (points[step][o] - points[2 * step][o]);
        taps[2 * step][o] = sum + points[3 * step][o];
    }
}

/* --- both sides --- */

INLINE void filters_to_points(const row taps[TAPS * TAPS], row points[POINTS_MOST], const int m) {
    row half[SIDE_MOST * TAPS];
    const size_t side = m == 2 ? 4 : 6;
    for (size_t x = 0; x < TAPS; x++)
        m == 2 ? to_side_2(taps + x, TAPS, half + x) : to_side_4(taps + x, TAPS, half + x);
    for (size_t y = 0; y < side; y++)
        m == 2 ? to_side_2(half + TAPS * y, 1, points + side * y)
               : to_side_4(half + TAPS * y, 1, points + side * y);
}

INLINE void points_to_filters(const row points[POINTS_MOST], row taps[TAPS * TAPS], const int m) {
    row half[TAPS * SIDE_MOST];
    const size_t side = m == 2 ? 4 : 6;
    for (size_t x = 0; x < side; x++)
        m == 2 ? from_side_2(points + x, side, half + x) : from_side_4(points + x, side, half + x);
    for (size_t y = 0; y < TAPS; y++)
        m == 2 ? from_side_2(half + side * y, 1, taps + TAPS * y)
               : from_side_4(half + side * y, 1, taps + TAPS * y);
}

INLINE void read_filters(const lethe__winograd_filters *f, size_t k, row taps[TAPS * TAPS]) {
    for (size_t o = 0; o < f->out; o++) {
        const float *filter = f->filters + o * f->out_step + k * f->in_step;
        for (size_t tap = 0; tap < TAPS * TAPS; tap++)
            taps[tap][o] = filter[f->turned ? TAPS * TAPS - 1 - tap : tap];
    }
}

INLINE void points_of(const lethe__winograd_filters *f, const int m) {
    const size_t n_points = m == 2 ? 16 : 36;
    row taps[TAPS * TAPS] = {{0}}, points[POINTS_MOST];
    for (size_t k = 0; k < f->in; k++) {
        read_filters(f, k, taps);
        filters_to_points(taps, points, m);
        float *to = (float *)f->points + k * f->out;
        for (size_t i = 0; i < n_points; i++, to += f->in * f->out)
            for (size_t o = 0; o < f->out; o += LANES)
                store(to + o, load(points[i] + o));
    }
}

INLINE void gradients_of(const lethe__winograd_filters *f, const int m) {
    const size_t n_points = m == 2 ? 16 : 36;
    row points[POINTS_MOST] = {{0}}, taps[TAPS * TAPS];
    for (size_t k = 0; k < f->in; k++) {
        for (size_t i = 0; i < n_points; i++)
            for (size_t o = 0; o < f->out; o += LANES) {
                const float *from = (const float *)f->points + (i * f->in + k) * f->out + o;
                vector sum = load(from);
                for (size_t group = 1; group < f->n_groups; group++)
                    sum += load(from + group * f->group);
                store(points[i] + o, sum);
            }
        points_to_filters(points, taps, m);
        for (size_t o = 0; o < f->out; o++)
            for (size_t tap = 0; tap < TAPS * TAPS; tap++)
                f->gradients[o * f->out_step + k * f->in_step + tap] = taps[tap][o];
    }
}

static void to_points_2(const lethe__winograd_filters *f) {
    points_of(f, 2);
}

static void to_points_4(const lethe__winograd_filters *f) {
    points_of(f, 4);
}

static void to_points_bf16(const lethe__winograd_filters *f) {
    const size_t n_points = 16;
    row taps[TAPS * TAPS] = {{0}}, points[POINTS_MOST], more[POINTS_MOST];
    for (size_t k = 0; k < f->in; k += 2) {
        read_filters(f, k, taps);
        filters_to_points(taps, points, 2);
        read_filters(f, k + 1, taps);
        filters_to_points(taps, more, 2);
        float *to = (float *)f->points + k / 2 * f->out;
        for (size_t i = 0; i < n_points; i++, to += f->in / 2 * f->out)
            for (size_t o = 0; o < f->out; o += LANES)
                store(to + o, pair_up(round_bf16(load(points[i] + o)), round_bf16(load(more[i] + o))));
    }
}

static void from_points_2(const lethe__winograd_filters *f) {
    gradients_of(f, 2);
}

static void from_points_4(const lethe__winograd_filters *f) {
    gradients_of(f, 4);
}

#define TABLE_NAME_(isa) lethe__winograd_filter_kernels_##isa
#define TABLE_NAME(isa) TABLE_NAME_(isa)
const lethe__winograd_filter_kernels TABLE_NAME(LETHE__ISA) = {.f32_2 = {to_points_2, from_points_2},
                                                               .f32_4 = {to_points_4, from_points_4},
                                                               .bf16_2 = {to_points_bf16, from_points_2}};
