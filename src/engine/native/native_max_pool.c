/* native_max_pool.c - the largest value of each window, as defined in ref_max_pool.c.
 *
 * The workspace keeps, in a byte for each value of dst, which tap of the window won: ky * kernel + kx.
 * Forward walks over the taps of a window, rows of channels at a time. Backward asks, for each pixel of src,
 * the windows that cover it: nothing is scattered, so overlapping windows need no intermediate sums and
 * pixels can be divided among threads. */
#include "engine/implementations.h"
#include "engine/native/native.h"
#include <string.h>

enum { MAX_TAPS = 256 };

static bool supports(const lethe__operation *operation) {
    return operation->node->kernel * operation->node->kernel <= MAX_TAPS;
}

static size_t pixel_at(const lethe__view *view, size_t sample, int y, int x) {
    return ((sample * (size_t)view->h + (size_t)y) * (size_t)view->w + (size_t)x) * (size_t)view->c;
}

static lethe_status create(lethe__operation *operation) {
    operation->workspace_bytes = pixel_at(&operation->dst, (size_t)operation->dst.n, 0, 0);
    return LETHE_OK;
}

typedef struct range {
    int first, end;
} range;

/* Along one side: the taps of the window at `at` that lie in the image. */
static range taps_inside(const lethe__node *node, int at, int size) {
    int start = at * node->stride - node->padding;
    return (range){start < 0 ? -start : 0, size - start < node->kernel ? size - start : node->kernel};
}

/* Along one side: the windows that cover pixel `at`. */
static range windows_over(const lethe__node *node, int at, int n_windows) {
    int past = at + node->padding - node->kernel, last = (at + node->padding) / node->stride;
    return (range){past < 0 ? 0 : past / node->stride + 1, last < n_windows ? last + 1 : n_windows};
}

/* n channels from channel c of dst's pixel (y, x). */
static void pool_window(const lethe__operation *operation, size_t sample, int y, int x, size_t c, size_t n) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    const lethe__node *node = operation->node;
    size_t at = pixel_at(dst, sample, y, x) + c;
    uint8_t *winner = (uint8_t *)operation->workspace + at;
    float src_buffer[LETHE__ROW], dst_buffer[LETHE__ROW];
    float *best = lethe__row_target(dst->data, dst->dtype, at, dst_buffer);
    range rows = taps_inside(node, y, src->h), columns = taps_inside(node, x, src->w);
    for (int ky = rows.first; ky < rows.end; ky++)
        for (int kx = columns.first; kx < columns.end; kx++) {
            size_t pixel = pixel_at(src, sample, y * node->stride - node->padding + ky,
                                    x * node->stride - node->padding + kx);
            const float *row = lethe__row_read(kernels, src->data, src->dtype, pixel + c, n, src_buffer);
            uint8_t tap = (uint8_t)(ky * node->kernel + kx);
            if (ky == rows.first && kx == columns.first) {
                memcpy(best, row, n * sizeof *best);
                memset(winner, tap, n);
            } else {
                kernels->keep_larger(n, row, tap, best, winner);
            }
        }
    lethe__row_write(kernels, dst->data, dst->dtype, at, n, best);
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__view *dst = &operation->dst;
    size_t n_rows = (size_t)dst->n * (size_t)dst->h, channels = (size_t)dst->c;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t row = 0; row < n_rows; row++)
        for (int x = 0; x < dst->w; x++)
            for (size_t c = 0; c < channels; c += LETHE__ROW)
                pool_window(operation, row / (size_t)dst->h, (int)(row % (size_t)dst->h), x, c,
                            lethe__smaller(LETHE__ROW, channels - c));
    return LETHE_OK;
}

/* n channels from channel c of diff_src's pixel (y, x). */
static void collect_gradient(const lethe__operation *operation, size_t sample, int y, int x, size_t c,
                             size_t n) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    const lethe__node *node = operation->node;
    float sums[LETHE__ROW] = {0}, buffer[LETHE__ROW];
    range rows = windows_over(node, y, dst->h), columns = windows_over(node, x, dst->w);
    for (int dst_y = rows.first; dst_y < rows.end; dst_y++)
        for (int dst_x = columns.first; dst_x < columns.end; dst_x++) {
            size_t at = pixel_at(dst, sample, dst_y, dst_x) + c;
            int ky = y + node->padding - dst_y * node->stride, kx = x + node->padding - dst_x * node->stride;
            kernels->add_won(n, lethe__row_read(kernels, operation->diff_dst, dst->dtype, at, n, buffer),
                             (const uint8_t *)operation->workspace + at, (uint8_t)(ky * node->kernel + kx),
                             sums);
        }
    size_t at = pixel_at(src, sample, y, x) + c;
    float *target = lethe__row_target(operation->diff_src, src->dtype, at, sums);
    if (target != sums)
        memcpy(target, sums, n * sizeof *sums);
    lethe__row_write(kernels, operation->diff_src, src->dtype, at, n, target);
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    const lethe__view *src = &operation->src;
    size_t n_rows = (size_t)src->n * (size_t)src->h, channels = (size_t)src->c;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t row = 0; row < n_rows; row++)
        for (int x = 0; x < src->w; x++)
            for (size_t c = 0; c < channels; c += LETHE__ROW)
                collect_gradient(operation, row / (size_t)src->h, (int)(row % (size_t)src->h), x, c,
                                 lethe__smaller(LETHE__ROW, channels - c));
    return LETHE_OK;
}

const lethe__implementation lethe__native_max_pool = {.name = "native",
                                                      .kind = LETHE__MAX_POOL,
                                                      .supports = supports,
                                                      .create = create,
                                                      .forward = forward,
                                                      .backward = backward,
                                                      .describe = lethe__native_describe};
