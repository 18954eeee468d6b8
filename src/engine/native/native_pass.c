/* native_pass.c - the forward and the backward-data pass of the direct convolution: geometry, weights,
 * running.
 *
 * Backward-data is the same pass over diff_dst with the filter turned round; with stride 2 it falls into four
 * phases (output pixels of equal parity see the same taps), each a pass of its own:
 *
 *     output row y = s i + q:   kh = (q + p) mod s + s t,   row i + (q + p - kh) / s of diff_dst
 */
#include "base/fail.h"
#include "base/memory.h"
#include "engine/native/native_convolution.h"
#include <omp.h>
#include <string.h>

/* --- geometry --- */

static lethe__axis forward_axis(const lethe__node *node, int n_out) {
    return (lethe__axis){.n_out = n_out,
                         .dst_step = 1,
                         .src_first = -node->padding,
                         .src_step = node->stride,
                         .n_taps = node->kernel,
                         .tap_step = 1};
}

/* The output positions q, q + s, ... below n of a backward-data pass. */
static lethe__axis backward_axis(const lethe__node *node, int n, int q) {
    int s = node->stride, kh = (q + node->padding) % s;
    int n_taps = kh < node->kernel ? (node->kernel - kh + s - 1) / s : 0;
    return (lethe__axis){.n_out = n > q ? (n - q + s - 1) / s : 0,
                         .dst_first = q,
                         .dst_step = s,
                         .src_first = (q + node->padding - kh) / s - (n_taps - 1),
                         .src_step = 1,
                         .n_taps = n_taps,
                         .tap_first = kh + s * (n_taps - 1),
                         .tap_step = -s};
}

static void set_maps(lethe__pass *p, const lethe__view *src, const lethe__view *dst) {
    *p = (lethe__pass){.h = src->h,
                       .w = src->w,
                       .in = src->c,
                       .out_h = dst->h,
                       .out_w = dst->w,
                       .out = dst->c,
                       .pairs = src->dtype == LETHE__BF16,
                       .words = src->dtype == LETHE__BF16 ? (src->c + 1) / 2 : src->c};
}

static void set_phases(lethe__pass *p, const lethe__node *node, bool backward) {
    int stride = backward ? node->stride : 1;
    for (int y = 0; y < stride; y++)
        for (int x = 0; x < stride; x++) {
            lethe__phase *each = &p->phases[p->n_phases++];
            each->y = backward ? backward_axis(node, p->out_h, y) : forward_axis(node, p->out_h);
            each->x = backward ? backward_axis(node, p->out_w, x) : forward_axis(node, p->out_w);
        }
}

static void extend(const lethe__axis *along, int size, int *before, int *after) {
    int last = along->src_first + (along->n_out - 1) * along->src_step + along->n_taps - 1;
    if (along->n_out == 0 || along->n_taps == 0)
        return;
    if (-along->src_first > *before)
        *before = -along->src_first;
    if (last - (size - 1) > *after)
        *after = last - (size - 1);
}

/* Padding that covers every phase, and where each phase's packed weights begin. */
static void finish_geometry(lethe__pass *p) {
    int top = 0, bottom = 0, left = 0, right = 0;
    for (int i = 0; i < p->n_phases; i++) {
        lethe__phase *each = &p->phases[i];
        extend(&each->y, p->h, &top, &bottom);
        extend(&each->x, p->w, &left, &right);
        each->weights_offset = p->weights_size;
        p->weights_size +=
            (size_t)each->y.n_taps * (size_t)each->x.n_taps * (size_t)p->words * (size_t)p->out;
    }
    p->pad_top = top;
    p->pad_left = left;
    p->padded_h = p->h + top + bottom;
    p->padded_w = p->w + left + right;
    p->copied = top + bottom + left + right > 0 || (p->pairs && p->in % 2 != 0);
}

size_t lethe__pass_padded_size(const lethe__pass *p) {
    return (size_t)p->padded_h * (size_t)p->padded_w * (size_t)p->words;
}

/* Images a chunk: few enough to stay in cache, enough that the last register tile of a chunk is nearly full.
 */
static int choose_chunk(const lethe__convolution_kernels *kernels, const lethe__pass *p, int n) {
    size_t pixels = (size_t)p->phases[0].y.n_out * (size_t)p->phases[0].x.n_out;
    int chunk = 1;
    for (; chunk < LETHE__MAX_CHUNK && chunk < n; chunk++) {
        size_t all = pixels * (size_t)chunk,
               whole = (all + kernels->pixels - 1) / kernels->pixels * kernels->pixels;
        if ((whole - all) * 32 <= all)
            break;
    }
    return chunk;
}

static lethe_status make_offsets(lethe__pass *p) {
    for (int i = 0; i < p->n_phases; i++) {
        lethe__phase *each = &p->phases[i];
        size_t n = (size_t)p->chunk * (size_t)each->y.n_out * (size_t)each->x.n_out, at = 0;
        LETHE_TRY(lethe__allocate(n, sizeof(int), &each->src_offsets));
        LETHE_TRY(lethe__allocate(n, sizeof(int), &each->dst_offsets));
        for (int image = 0; image < p->chunk; image++)
            for (int y = 0; y < each->y.n_out; y++)
                for (int x = 0; x < each->x.n_out; x++, at++) {
                    int row = image * p->padded_h + p->pad_top + each->y.src_first + y * each->y.src_step;
                    int column = p->pad_left + each->x.src_first + x * each->x.src_step;
                    each->src_offsets[at] = (row * p->padded_w + column) * p->words;
                    row = image * p->out_h + each->y.dst_first + y * each->y.dst_step;
                    column = each->x.dst_first + x * each->x.dst_step;
                    each->dst_offsets[at] = (row * p->out_w + column) * p->out;
                }
    }
    return LETHE_OK;
}

lethe_status lethe__pass_init(const lethe__convolution *c, const lethe__operation *operation, bool backward,
                              lethe__pass *out) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    set_maps(out, backward ? dst : src, backward ? src : dst);
    set_phases(out, operation->node, backward);
    finish_geometry(out);
    out->chunk = choose_chunk(c->kernels, out, src->n);
    LETHE_TRY(make_offsets(out));
    return lethe__allocate(out->weights_size, sizeof *out->weights, &out->weights);
}

void lethe__pass_fini(lethe__pass *pass) {
    for (int i = 0; i < pass->n_phases; i++) {
        lethe__free(pass->phases[i].src_offsets);
        lethe__free(pass->phases[i].dst_offsets);
    }
    lethe__free(pass->weights);
}

/* --- weights --- */

/* The weights of one output channel and one tap: those of an input channel lie `step` apart. */
static uint32_t weight_word(const lethe__pass *p, const float *weights, size_t step, int word) {
    if (!p->pairs) {
        uint32_t bits;
        memcpy(&bits, weights + (size_t)word * step, sizeof bits);
        return bits;
    }
    int k = 2 * word;
    uint32_t first = lethe__f32_to_bf16(weights[(size_t)k * step]),
             second = k + 1 < p->in ? lethe__f32_to_bf16(weights[(size_t)(k + 1) * step]) : 0;
    return first | second << 16;
}

void lethe__pass_pack(const lethe__convolution *c, const lethe__pass *p, const float *weights, int kernel,
                      bool backward) {
    size_t taps = (size_t)(kernel * kernel);
    size_t out_stride = backward ? taps : taps * (size_t)p->in,
           in_stride = backward ? taps * (size_t)p->out : taps;
    int two = 2 * (int)c->kernels->lanes;
    for (int i = 0; i < p->n_phases; i++) {
        const lethe__phase *each = &p->phases[i];
        size_t run = (size_t)each->x.n_taps * (size_t)p->words, n_rows = (size_t)each->y.n_taps;
#pragma omp parallel for schedule(static) num_threads(c->threads)
        for (int first = 0; first < p->out; first += two) {
            int channels = lethe__block_channels(c->kernels, first, p->out);
            uint32_t *to = p->weights + each->weights_offset + (size_t)first * n_rows * run;
            for (int u = 0; u < each->y.n_taps; u++)
                for (int v = 0; v < each->x.n_taps; v++) {
                    size_t tap = (size_t)((each->y.tap_first + u * each->y.tap_step) * kernel +
                                          each->x.tap_first + v * each->x.tap_step);
                    for (int k = 0; k < p->words; k++)
                        for (int o = 0; o < channels; o++)
                            *to++ = weight_word(p, weights + (size_t)(first + o) * out_stride + tap,
                                                in_stride, k);
                }
        }
    }
}

/* --- running --- */

static size_t value_bytes(const lethe__pass *p) {
    return p->pairs ? sizeof(uint16_t) : sizeof(float);
}

/* A row of pixels in words; an odd last channel gets a zero beside it. */
static void copy_row(const lethe__pass *p, const uint8_t *src, uint32_t *to) {
    size_t pixel = (size_t)p->in * value_bytes(p);
    if (pixel == (size_t)p->words * sizeof *to) {
        memcpy(to, src, (size_t)p->w * pixel);
        return;
    }
    for (int x = 0; x < p->w; x++, src += pixel, to += p->words) {
        to[p->words - 1] = 0;
        memcpy(to, src, pixel);
    }
}

/* A zero-padded copy of one image. */
static void pad_image(const lethe__pass *p, const uint8_t *src, uint32_t *padded) {
    size_t row = (size_t)p->padded_w * (size_t)p->words, before = (size_t)p->pad_left * (size_t)p->words,
           inside = (size_t)p->w * (size_t)p->words, after = row - before - inside;
    size_t src_row = (size_t)p->w * (size_t)p->in * value_bytes(p);
    memset(padded, 0, (size_t)p->pad_top * row * sizeof *padded);
    padded += (size_t)p->pad_top * row;
    for (int y = 0; y < p->h; y++, padded += row) {
        memset(padded, 0, before * sizeof *padded);
        copy_row(p, src + (size_t)y * src_row, padded + before);
        memset(padded + before + inside, 0, after * sizeof *padded);
    }
    memset(padded, 0, (size_t)(p->padded_h - p->h - p->pad_top) * row * sizeof *padded);
}

static size_t src_image_bytes(const lethe__pass *p) {
    return (size_t)p->h * (size_t)p->w * (size_t)p->in * value_bytes(p);
}

const void *lethe__pass_prepare(const lethe__pass *p, const void *src, int n_images, uint32_t *padded) {
    if (!p->copied)
        return src;
    for (int i = 0; i < n_images; i++)
        pad_image(p, (const uint8_t *)src + (size_t)i * src_image_bytes(p),
                  padded + (size_t)i * lethe__pass_padded_size(p));
    return padded;
}

static void zero_pixels(const lethe__pass *p, const lethe__phase *each, size_t n_pixels, uint8_t *dst) {
    for (size_t i = 0; i < n_pixels; i++)
        memset(dst + (size_t)each->dst_offsets[i] * value_bytes(p), 0, (size_t)p->out * value_bytes(p));
}

void lethe__pass_run_chunk(const lethe__convolution *c, const lethe__pass *p, const void *prepared,
                           int n_images, void *dst) {
    int two = 2 * (int)c->kernels->lanes;
    for (int i = 0; i < p->n_phases; i++) {
        const lethe__phase *each = &p->phases[i];
        lethe__tile_task task = {.src = prepared,
                                 .narrow = p->pairs,
                                 .src_offsets = each->src_offsets,
                                 .dst_offsets = each->dst_offsets,
                                 .n_pixels = (size_t)n_images * (size_t)each->y.n_out * (size_t)each->x.n_out,
                                 .n_rows = (size_t)each->y.n_taps,
                                 .row_pitch = (size_t)p->padded_w * (size_t)p->words,
                                 .run = (size_t)each->x.n_taps * (size_t)p->words};
        if (task.n_rows == 0 || task.run == 0) { /* a 1x1 filter with stride 2 skips these pixels */
            zero_pixels(p, each, task.n_pixels, dst);
            continue;
        }
        for (int first = 0; first < p->out; first += two) {
            task.vectors = lethe__block_channels(c->kernels, first, p->out) / (int)c->kernels->lanes;
            task.weights = p->weights + each->weights_offset + (size_t)first * task.n_rows * task.run;
            task.dst = (uint8_t *)dst + (size_t)first * value_bytes(p);
            (p->pairs ? c->kernels->pair_tiles : c->kernels->tiles)(&task);
        }
    }
}

void lethe__pass_run(const lethe__convolution *c, const lethe__pass *p, const void *src, int n, void *dst,
                     const lethe__operation *follower, uint32_t *scratch) {
    size_t pixels = (size_t)p->out_h * (size_t)p->out_w, dst_bytes = pixels * (size_t)p->out * value_bytes(p);
#pragma omp parallel for schedule(dynamic) num_threads(c->threads)
    for (int first = 0; first < n; first += p->chunk) {
        int n_images = n - first < p->chunk ? n - first : p->chunk;
        uint32_t *padded =
            scratch + (size_t)omp_get_thread_num() * (size_t)p->chunk * lethe__pass_padded_size(p);
        const void *prepared = lethe__pass_prepare(
            p, (const uint8_t *)src + (size_t)first * src_image_bytes(p), n_images, padded);
        lethe__pass_run_chunk(c, p, prepared, n_images, (uint8_t *)dst + (size_t)first * dst_bytes);
        lethe__operation_follow(follower, (size_t)first * pixels, (size_t)n_images * pixels);
    }
}
