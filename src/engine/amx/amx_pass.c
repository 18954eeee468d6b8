/* amx_pass.c - forward and backward-data of the bf16 convolution on AMX: one gathering pass.
 *
 * An output pixel of 32 images is the sum over those taps of the filter that fall on a source pixel:
 *
 *     to[pixel][32 images][o] = sum over taps, inputs of from[pixel of tap][32 images][i] *
 * weights[tap][i][o]
 *
 * For backward-data `from` is diff_dst, and the taps are those through which a source pixel was read; with
 * stride 2 there are 1, 2 or 4 of 9. A task is 32 images by a band of rows: what these need of `from` is
 * packed into blocks (an image's pixels lie 2^n bytes apart in NHWC, where the rows of a tile would fight for
 * one set of the cache), then each block of output channels passes over all pixels of the band, with its
 * weights in the cache. Every output is one sum in one order: threads change nothing. */
#include "base/fail.h"
#include "base/memory.h"
#include "engine/amx/amx_convolution.h"
#include <omp.h>
#include <string.h>

static int src_of_dst(const lethe__node *node, int at, int k, int src_size) {
    int src = at * node->stride - node->padding + k;
    return src < src_size ? src : -1;
}
static int dst_of_src(const lethe__node *node, int at, int k, int dst_size) {
    int strided = at + node->padding - k;
    return strided >= 0 && strided % node->stride == 0 && strided / node->stride < dst_size
               ? strided / node->stride
               : -1;
}

/* Rows first .. last - 1 of `from` that rows top .. bottom - 1 of `to` need. */
static void rows_needed(const lethe__amx_pass *pass, const lethe__node *node, int top, int bottom, int *first,
                        int *last) {
    *first = pass->from_h;
    *last = 0;
    for (int y = top; y < bottom; y++)
        for (int k = 0; k < node->kernel; k++) {
            int row = pass->meet(node, y, k, pass->from_h);
            if (row >= 0 && row < *first)
                *first = row;
            if (row >= *last)
                *last = row + 1;
        }
}

static int most_rows_needed(const lethe__amx_pass *pass, const lethe__node *node, int band) {
    int most = 0;
    for (int top = 0; top < pass->to_h; top += band) {
        int first, last;
        rows_needed(pass, node, top, top + lethe__amx_part(pass->to_h, top, band), &first, &last);
        if (last - first > most)
            most = last - first;
    }
    return most;
}

static size_t row_size(const lethe__amx_pass *pass) {
    return (size_t)pass->from_w * (size_t)lethe__amx_blocks(pass->from_c) * LETHE__AMX_BLOCK;
}

lethe_status lethe__amx_pass_init(lethe__amx_pass *pass, const lethe__operation *operation, bool backward) {
    const lethe__view *src = &operation->src, *dst = &operation->dst, *from = backward ? dst : src,
                      *to = backward ? src : dst;
    *pass = (lethe__amx_pass){.from_h = from->h,
                              .from_w = from->w,
                              .from_c = from->c,
                              .to_h = to->h,
                              .to_w = to->w,
                              .to_c = to->c,
                              .meet = backward ? dst_of_src : src_of_dst};
    /* whole maps if they fit; fewer rows where threads would have nothing to do */
    int n_blocks = lethe__amx_blocks(from->n);
    pass->band = to->h;
    while (pass->band > 1 && ((size_t)most_rows_needed(pass, operation->node, pass->band) * row_size(pass) >
                                  LETHE__AMX_CACHED ||
                              n_blocks * ((to->h + pass->band - 1) / pass->band) < operation->threads))
        pass->band--;
    pass->band_from = most_rows_needed(pass, operation->node, pass->band);
    size_t taps = (size_t)(operation->node->kernel * operation->node->kernel);
    return lethe__allocate((size_t)lethe__amx_blocks(pass->to_c) * taps *
                               (size_t)lethe__amx_blocks(pass->from_c) * LETHE__AMX_BLOCK,
                           sizeof *pass->weights, &pass->weights);
}

size_t lethe__amx_pass_scratch(const lethe__amx_pass *pass) {
    return (size_t)pass->band_from * row_size(pass) * sizeof(uint16_t);
}

/* --- weights --- */

/* f32 weights of 32 outputs by 32 inputs, read in PyTorch's order, into the blocks of their taps. In
 * backward-data inputs and outputs have changed their roles. */
static void pack_blocks(const lethe__amx_pass *pass, const lethe__operation *operation, int first_out,
                        int first_in, bool turned) {
    size_t taps = (size_t)(operation->node->kernel * operation->node->kernel);
    size_t in = (size_t)operation->src.c, from_blocks = (size_t)lethe__amx_blocks(pass->from_c);
    size_t n_out = (size_t)lethe__amx_part(operation->dst.c, first_out, LETHE__AMX_SIDE),
           n_in = (size_t)lethe__amx_part(operation->src.c, first_in, LETHE__AMX_SIDE);
    size_t to_block = (size_t)(turned ? first_in : first_out) / LETHE__AMX_SIDE,
           from_block = (size_t)(turned ? first_out : first_in) / LETHE__AMX_SIDE;
    uint16_t *blocks = pass->weights + (to_block * taps * from_blocks + from_block) * LETHE__AMX_BLOCK;
    for (size_t o = 0; o < n_out; o++) {
        const float *weights = operation->weight + (((size_t)first_out + o) * in + (size_t)first_in) * taps;
        for (size_t i = 0; i < n_in; i++)
            for (size_t tap = 0; tap < taps; tap++) {
                size_t at = turned ? lethe__amx_weight_at(o, i) : lethe__amx_weight_at(i, o);
                blocks[tap * from_blocks * LETHE__AMX_BLOCK + at] = lethe__f32_to_bf16(*weights++);
            }
    }
}

void lethe__amx_pass_pack(const lethe__amx_state *state, lethe__amx_pass *pass,
                          const lethe__operation *operation) {
    bool turned = pass == &state->backward;
#pragma omp parallel for schedule(static) collapse(2) num_threads(state->threads)
    for (int out = 0; out < operation->dst.c; out += LETHE__AMX_SIDE)
        for (int in = 0; in < operation->src.c; in += LETHE__AMX_SIDE)
            pack_blocks(pass, operation, out, in, turned);
}

/* --- running --- */

/* The part of a pass that one task does: images first_image .., rows top .. bottom - 1 of `to`. */
typedef struct task {
    const lethe__amx_pass *pass;
    const lethe__amx_kernels *kernels;
    const lethe__node *node;
    int first_image, n_images, top, bottom;
    int first_row; /* of `from`, the first that is packed */
    uint16_t *from, *to, *packed;
} task;

static uint16_t *pixel_at(uint16_t *maps, int image, int y, int x, int h, int w, int c) {
    return maps + (((size_t)image * (size_t)h + (size_t)y) * (size_t)w + (size_t)x) * (size_t)c;
}

static void pack_rows(const task *t, int last_row) {
    const lethe__amx_pass *pass = t->pass;
    uint16_t *block = t->packed;
    for (int y = t->first_row; y < last_row; y++)
        for (int x = 0; x < pass->from_w; x++) {
            uint16_t *at = pixel_at(t->from, t->first_image, y, x, pass->from_h, pass->from_w, pass->from_c);
            for (int c = 0; c < pass->from_c; c += LETHE__AMX_SIDE, block += LETHE__AMX_BLOCK) {
                lethe__amx_pixel pixel = {at + c, (size_t)(pass->from_h * pass->from_w * pass->from_c),
                                          t->n_images, lethe__amx_part(pass->from_c, c, LETHE__AMX_SIDE)};
                t->kernels->pack_images(&pixel, block);
            }
        }
}

/* The taps of output pixel (y, x) that fall on a source pixel; how many. `weights` are of one block of
 * outputs. */
static int find_taps(const task *t, int y, int x, const uint16_t *weights, lethe__amx_tap *taps) {
    const lethe__amx_pass *pass = t->pass;
    size_t tap_size = (size_t)lethe__amx_blocks(pass->from_c) * LETHE__AMX_BLOCK;
    int n = 0;
    for (int ky = 0; ky < t->node->kernel; ky++) {
        int from_y = pass->meet(t->node, y, ky, pass->from_h);
        for (int kx = 0; from_y >= 0 && kx < t->node->kernel; kx++) {
            int from_x = pass->meet(t->node, x, kx, pass->from_w);
            if (from_x < 0)
                continue;
            size_t pixel = (size_t)(from_y - t->first_row) * (size_t)pass->from_w + (size_t)from_x,
                   tap = (size_t)(ky * t->node->kernel + kx);
            taps[n++] = (lethe__amx_tap){t->packed + pixel * tap_size, weights + tap * tap_size};
        }
    }
    return n;
}

static void run_task(task *t) {
    const lethe__amx_pass *pass = t->pass;
    size_t blocks = (size_t)lethe__amx_blocks(pass->from_c),
           weights_size = (size_t)(t->node->kernel * t->node->kernel) * blocks * LETHE__AMX_BLOCK;
    int last_row;
    rows_needed(pass, t->node, t->top, t->bottom, &t->first_row, &last_row);
    pack_rows(t, last_row);
    for (int c = 0; c < pass->to_c; c += LETHE__AMX_SIDE) {
        const uint16_t *weights = pass->weights + (size_t)(c / LETHE__AMX_SIDE) * weights_size;
        for (int y = t->top; y < t->bottom; y++)
            for (int x = 0; x < pass->to_w; x++) {
                lethe__amx_tap taps[LETHE__AMX_TAPS];
                int n_taps = find_taps(t, y, x, weights, taps);
                lethe__amx_pixel pixel = {
                    pixel_at(t->to, t->first_image, y, x, pass->to_h, pass->to_w, pass->to_c) + c,
                    (size_t)(pass->to_h * pass->to_w * pass->to_c), t->n_images,
                    lethe__amx_part(pass->to_c, c, LETHE__AMX_SIDE)};
                t->kernels->gather(taps, n_taps, blocks, &pixel);
            }
    }
}

void lethe__amx_pass_run(const lethe__amx_state *state, const lethe__amx_pass *pass,
                         const lethe__operation *operation, const void *from, void *to) {
    int n = operation->src.n;
    size_t scratch = lethe__amx_pass_scratch(pass) / sizeof(uint16_t);
#pragma omp parallel num_threads(state->threads)
    {
        state->kernels->open();
#pragma omp for schedule(dynamic) collapse(2)
        for (int image = 0; image < n; image += LETHE__AMX_SIDE)
            for (int top = 0; top < pass->to_h; top += pass->band) {
                task t = {.pass = pass,
                          .kernels = state->kernels,
                          .node = operation->node,
                          .first_image = image,
                          .n_images = lethe__amx_part(n, image, LETHE__AMX_SIDE),
                          .top = top,
                          .bottom = top + lethe__amx_part(pass->to_h, top, pass->band),
                          .from = (uint16_t *)from,
                          .to = to,
                          .packed = (uint16_t *)operation->scratch + (size_t)omp_get_thread_num() * scratch};
                run_task(&t);
            }
        state->kernels->close();
    }
}
