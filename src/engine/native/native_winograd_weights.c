/* native_winograd_weights.c - filters to their 16 points, G g G', and sums at the points to gradients of
 * filters, G' p G: a block of output channels at a time, so that whole cache lines are written: the points
 * lie megabytes apart. */
#include "engine/native/native_winograd.h"
#include <string.h>

enum { POINTS = LETHE__WINOGRAD_POINTS, LANES_MOST = 32 /* in a block of output channels */ };

/* Filters of a block of output channels beside each other, and their points: a row is one tap or point. */
typedef float filter_rows[9][LANES_MOST];
typedef float point_rows[POINTS][LANES_MOST];

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

/* The points of the filters from input channel k to a block of output channels. */
static void points_of(const lethe__winograd *g, const float *weights, bool turned, int k, int first,
                      int channels, point_rows points) {
    filter_rows filters = {{0}};
    for (int o = 0; o < channels; o++) {
        int out = first + o;
        size_t at =
            turned ? (size_t)k * (size_t)g->out + (size_t)out : (size_t)out * (size_t)g->in + (size_t)k;
        for (int tap = 0; tap < 9; tap++)
            filters[tap][o] = weights[9 * at + (size_t)(turned ? 8 - tap : tap)];
    }
    filters_to_points(filters, points);
}

void lethe__winograd_pack(lethe__winograd *g, const float *weights, bool turned) {
    size_t point = lethe__winograd_weights(g, g->out);
    int two = 2 * (int)g->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(g->threads)
    for (int first = 0; first < g->out; first += two) {
        int channels = lethe__block_channels(g->kernels, first, g->out);
        uint32_t *to = g->weights + lethe__winograd_weights(g, first);
        point_rows points, more;
        for (int word = 0; word < g->words; word++, to += channels) {
            points_of(g, weights, turned, g->pairs ? 2 * word : word, first, channels, points);
            if (g->pairs)
                points_of(g, weights, turned, 2 * word + 1, first, channels, more);
            for (size_t i = 0; i < POINTS; i++)
                if (!g->pairs)
                    memcpy(to + i * point, points[i], (size_t)channels * sizeof *to);
                else
                    for (int o = 0; o < channels; o++)
                        to[i * point + (size_t)o] =
                            lethe__f32_to_bf16(points[i][o]) | (uint32_t)lethe__f32_to_bf16(more[i][o]) << 16;
        }
    }
}

static void add_groups(const lethe__winograd *g, const float *groups, int channels, point_rows points) {
    size_t point = lethe__winograd_sums(g, g->out);
    memset(points, 0, sizeof(point_rows));
    for (size_t group = 0; group < g->n_groups; group++)
        for (size_t i = 0; i < POINTS; i++)
            for (int o = 0; o < channels; o++)
                points[i][o] += groups[(group * POINTS + i) * point + (size_t)o];
}

void lethe__winograd_unpack(const lethe__winograd *g, const float *groups, float *diff_weight) {
    int two = 2 * (int)g->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(g->threads)
    for (int first = 0; first < g->out; first += two) {
        int channels = lethe__block_channels(g->kernels, first, g->out);
        const float *from = groups + lethe__winograd_sums(g, first);
        filter_rows filters;
        point_rows points;
        for (int k = 0; k < g->in; k++, from += channels) {
            add_groups(g, from, channels, points);
            points_to_filters(points, filters);
            for (int o = 0; o < channels; o++) {
                float *to = diff_weight + 9 * ((size_t)(first + o) * (size_t)g->in + (size_t)k);
                for (int tap = 0; tap < 9; tap++)
                    to[tap] = filters[tap][o];
            }
        }
    }
}
