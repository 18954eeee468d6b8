/* native_convolution.c - f32 convolution by our own kernels: NHWC, direct, no im2col.
 *
 * In a row of a zero-padded NHWC image the taps of one filter row and all their channels lie side by side: a
 * "run" of taps * channels floats. A convolution is then a sum over filter rows of (run) x (matrix of
 * weights), and the register tile needs only one offset for each output pixel. Forward is one such pass.
 * Backward-data is the same pass over diff_dst with the filter turned round; with stride 2 it falls into four
 * phases (output pixels of equal parity see the same taps), each a pass of its own:
 *
 *     output row y = s i + q:   kh = (q + p) mod s + s t,   row i + (q + p - kh) / s of diff_dst
 *
 * Work is cut into chunks of images, one chunk at a time a thread: pad the chunk, then for each block of
 * output channels walk over all pixels of the chunk, so that a block's weights stay in the second-level
 * cache. The weight gradient is cut into (image group, channels) tasks; groups do not depend on the number of
 * threads and are added in a fixed order, so that results are the same bits for any number of threads.
 * Weights are packed to [block][row][run][channels in block] once for each version of the weights. */
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"
#include "engine/native/convolution_kernels.h"
#include "engine/native/native.h"
#include <omp.h>
#include <string.h>

enum { MAX_STRIDE = 2, MAX_PHASES = MAX_STRIDE * MAX_STRIDE, MAX_GROUPS = 8, MAX_CHUNK = 8 };

/* Output rows (or columns) first, first + step, ... of one phase: which taps they see, and where. */
typedef struct axis {
    int n_out, dst_first, dst_step;  /* output positions: dst_first + i * dst_step, i < n_out */
    int src_first, src_step;         /* unpadded source position of the first tap: src_first + i * src_step */
    int n_taps, tap_first, tap_step; /* u-th tap along the source: filter position tap_first + u * tap_step */
} axis;

typedef struct phase {
    axis y, x;
    size_t weights_offset;          /* in the packed weights */
    int *src_offsets, *dst_offsets; /* [chunk * y.n_out * x.n_out] */
} phase;

/* Forward or backward-data: source maps [h, w, in] to output maps [out_h, out_w, out]. */
typedef struct pass {
    int h, w, in, out_h, out_w, out;
    int pad_top, pad_left, padded_h, padded_w; /* no padding: the source is read where it lies */
    bool padded;
    phase phases[MAX_PHASES];
    int n_phases;
    int chunk; /* images */
    float *weights;
    size_t weights_size;
} pass;

typedef struct convolution {
    const lethe__convolution_kernels *kernels;
    int threads; /* scratch memory is made for this many, so that no team may be larger */
    pass forward, backward;
    int n_groups;
    int gradient_chunk;   /* images whose weight gradient is summed in registers in one go */
    size_t gradient_size; /* of one group: packed like the forward weights */
} convolution;

static const lethe__convolution_kernels *choose_kernels(void) {
    static const lethe__convolution_kernels *const sets[] = {&lethe__convolution_kernels_baseline,
                                                             &lethe__convolution_kernels_avx2,
                                                             &lethe__convolution_kernels_avx512};
    return sets[lethe__isa_choose()];
}

static bool supports(const lethe__operation *operation) {
    const lethe__node *node = operation->node;
    int lanes = (int)choose_kernels()->lanes;
    return operation->src.dtype == LETHE__F32 && node->bias < 0 && node->stride <= MAX_STRIDE &&
           operation->dst.c % lanes == 0 && (!operation->wants_diff_src || operation->src.c % lanes == 0);
}

/* --- geometry --- */

static axis forward_axis(const lethe__node *node, int n_out) {
    return (axis){.n_out = n_out,
                  .dst_step = 1,
                  .src_first = -node->padding,
                  .src_step = node->stride,
                  .n_taps = node->kernel,
                  .tap_step = 1};
}

/* The output positions q, q + s, ... below n of a backward-data pass. */
static axis backward_axis(const lethe__node *node, int n, int q) {
    int s = node->stride, kh = (q + node->padding) % s;
    int n_taps = kh < node->kernel ? (node->kernel - kh + s - 1) / s : 0;
    return (axis){.n_out = n > q ? (n - q + s - 1) / s : 0,
                  .dst_first = q,
                  .dst_step = s,
                  .src_first = (q + node->padding - kh) / s - (n_taps - 1),
                  .src_step = 1,
                  .n_taps = n_taps,
                  .tap_first = kh + s * (n_taps - 1),
                  .tap_step = -s};
}

static void extend(const axis *along, int size, int *before, int *after) {
    int last = along->src_first + (along->n_out - 1) * along->src_step + along->n_taps - 1;
    if (along->n_out == 0 || along->n_taps == 0)
        return;
    if (-along->src_first > *before)
        *before = -along->src_first;
    if (last - (size - 1) > *after)
        *after = last - (size - 1);
}

/* Padding that covers every phase, and where each phase's packed weights begin. */
static void finish_geometry(pass *p) {
    int top = 0, bottom = 0, left = 0, right = 0;
    for (int i = 0; i < p->n_phases; i++) {
        phase *each = &p->phases[i];
        extend(&each->y, p->h, &top, &bottom);
        extend(&each->x, p->w, &left, &right);
        each->weights_offset = p->weights_size;
        p->weights_size += (size_t)each->y.n_taps * (size_t)each->x.n_taps * (size_t)p->in * (size_t)p->out;
    }
    p->pad_top = top;
    p->pad_left = left;
    p->padded_h = p->h + top + bottom;
    p->padded_w = p->w + left + right;
    p->padded = top + bottom + left + right > 0;
}

static size_t padded_size(const pass *p) {
    return (size_t)p->padded_h * (size_t)p->padded_w * (size_t)p->in;
}

/* Images a chunk: few enough to stay in cache, enough that the last register tile of a chunk is nearly full.
 */
static int choose_chunk(const lethe__convolution_kernels *kernels, const pass *p, int n) {
    size_t pixels = (size_t)p->phases[0].y.n_out * (size_t)p->phases[0].x.n_out;
    int chunk = 1;
    for (; chunk < MAX_CHUNK && chunk < n; chunk++) {
        size_t all = pixels * (size_t)chunk,
               whole = (all + kernels->pixels - 1) / kernels->pixels * kernels->pixels;
        if ((whole - all) * 32 <= all)
            break;
    }
    return chunk;
}

static lethe_status make_offsets(pass *p) {
    for (int i = 0; i < p->n_phases; i++) {
        phase *each = &p->phases[i];
        size_t n = (size_t)p->chunk * (size_t)each->y.n_out * (size_t)each->x.n_out, at = 0;
        LETHE_TRY(lethe__allocate(n, sizeof(int), &each->src_offsets));
        LETHE_TRY(lethe__allocate(n, sizeof(int), &each->dst_offsets));
        for (int image = 0; image < p->chunk; image++)
            for (int y = 0; y < each->y.n_out; y++)
                for (int x = 0; x < each->x.n_out; x++, at++) {
                    int row = image * p->padded_h + p->pad_top + each->y.src_first + y * each->y.src_step;
                    int column = p->pad_left + each->x.src_first + x * each->x.src_step;
                    each->src_offsets[at] = (row * p->padded_w + column) * p->in;
                    row = image * p->out_h + each->y.dst_first + y * each->y.dst_step;
                    column = each->x.dst_first + x * each->x.dst_step;
                    each->dst_offsets[at] = (row * p->out_w + column) * p->out;
                }
    }
    return LETHE_OK;
}

static lethe_status make_pass(const convolution *c, pass *p, int n) {
    finish_geometry(p);
    p->chunk = choose_chunk(c->kernels, p, n);
    LETHE_TRY(make_offsets(p));
    return lethe__allocate(p->weights_size, sizeof(float), &p->weights);
}

static lethe_status make_forward(convolution *c, const lethe__operation *operation) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    c->forward = (pass){.h = src->h,
                        .w = src->w,
                        .in = src->c,
                        .out_h = dst->h,
                        .out_w = dst->w,
                        .out = dst->c,
                        .n_phases = 1};
    c->forward.phases[0].y = forward_axis(operation->node, dst->h);
    c->forward.phases[0].x = forward_axis(operation->node, dst->w);
    return make_pass(c, &c->forward, src->n);
}

static lethe_status make_backward(convolution *c, const lethe__operation *operation) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    int stride = operation->node->stride;
    c->backward =
        (pass){.h = dst->h, .w = dst->w, .in = dst->c, .out_h = src->h, .out_w = src->w, .out = src->c};
    for (int y = 0; y < stride; y++)
        for (int x = 0; x < stride; x++) {
            phase *each = &c->backward.phases[c->backward.n_phases++];
            each->y = backward_axis(operation->node, src->h, y);
            each->x = backward_axis(operation->node, src->w, x);
        }
    return make_pass(c, &c->backward, src->n);
}

/* --- packing --- */

/* Channels in the block that begins at channel `first` of `n`: two vectors, or the one that is left. */
static int block_channels(const lethe__convolution_kernels *kernels, int first, int n) {
    int two = 2 * (int)kernels->lanes;
    return n - first < two ? n - first : two;
}

/* Packs OIHW weights; with `turned`, the roles of input and output channels change. */
static void pack_weights(const convolution *c, const pass *p, const float *weights, int kernel, bool turned) {
    size_t taps = (size_t)(kernel * kernel);
    size_t out_stride = turned ? taps : taps * (size_t)p->in,
           in_stride = turned ? taps * (size_t)p->out : taps;
    int two = 2 * (int)c->kernels->lanes;
    for (int i = 0; i < p->n_phases; i++) {
        const phase *each = &p->phases[i];
        size_t run = (size_t)each->x.n_taps * (size_t)p->in, n_rows = (size_t)each->y.n_taps;
#pragma omp parallel for schedule(static) num_threads(c->threads)
        for (int first = 0; first < p->out; first += two) {
            int channels = block_channels(c->kernels, first, p->out);
            float *to = p->weights + each->weights_offset + (size_t)first * n_rows * run;
            for (int u = 0; u < each->y.n_taps; u++)
                for (int v = 0; v < each->x.n_taps; v++) {
                    size_t tap = (size_t)((each->y.tap_first + u * each->y.tap_step) * kernel +
                                          each->x.tap_first + v * each->x.tap_step);
                    for (int k = 0; k < p->in; k++)
                        for (int o = 0; o < channels; o++)
                            *to++ = weights[(size_t)(first + o) * out_stride + (size_t)k * in_stride + tap];
                }
        }
    }
}

/* Adds the groups' packed gradients (or their squares), in their order, into OIHW: to what is there, or to 0.
 */
static void unpack_gradient(const convolution *c, const float *groups, int kernel, bool add,
                            float *diff_weight) {
    const pass *p = &c->forward;
    size_t taps = (size_t)(kernel * kernel), run = (size_t)kernel * (size_t)p->in;
    int two = 2 * (int)c->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int first = 0; first < p->out; first += two) {
        int channels = block_channels(c->kernels, first, p->out);
        for (size_t row = 0; row < (size_t)kernel; row++)
            for (size_t k = 0; k < run; k++) {
                const float *from =
                    groups + (size_t)first * (size_t)kernel * run + (row * run + k) * (size_t)channels;
                size_t tap = row * (size_t)kernel + k / (size_t)p->in, in = k % (size_t)p->in;
                for (int o = 0; o < channels; o++) {
                    float *to = &diff_weight[((size_t)(first + o) * (size_t)p->in + in) * taps + tap];
                    float sum = add ? *to : 0;
                    for (int group = 0; group < c->n_groups; group++)
                        sum += from[(size_t)group * c->gradient_size + (size_t)o];
                    *to = sum;
                }
            }
    }
}

/* --- running --- */

/* A zero-padded copy of one image. */
static void pad_image(const pass *p, const float *src, float *padded) {
    size_t row = (size_t)p->padded_w * (size_t)p->in, before = (size_t)p->pad_left * (size_t)p->in,
           inside = (size_t)p->w * (size_t)p->in, after = row - before - inside;
    memset(padded, 0, (size_t)p->pad_top * row * sizeof(float));
    padded += (size_t)p->pad_top * row;
    for (int y = 0; y < p->h; y++, padded += row) {
        memset(padded, 0, before * sizeof(float));
        memcpy(padded + before, src + (size_t)y * inside, inside * sizeof(float));
        memset(padded + before + inside, 0, after * sizeof(float));
    }
    memset(padded, 0, (size_t)(p->padded_h - p->h - p->pad_top) * row * sizeof(float));
}

/* The chunk's source, padded into `padded` where that is needed. */
static const float *prepare_chunk(const pass *p, const float *src, int n_images, float *padded) {
    if (!p->padded)
        return src;
    for (int i = 0; i < n_images; i++)
        pad_image(p, src + (size_t)i * (size_t)(p->h * p->w * p->in), padded + (size_t)i * padded_size(p));
    return padded;
}

static void zero_pixels(const pass *p, const phase *each, size_t n_pixels, float *dst) {
    for (size_t i = 0; i < n_pixels; i++)
        memset(dst + each->dst_offsets[i], 0, (size_t)p->out * sizeof(float));
}

static void run_chunk(const convolution *c, const pass *p, const float *src, int n_images, float *dst) {
    int two = 2 * (int)c->kernels->lanes;
    for (int i = 0; i < p->n_phases; i++) {
        const phase *each = &p->phases[i];
        lethe__tile_task task = {.src = src,
                                 .src_offsets = each->src_offsets,
                                 .dst_offsets = each->dst_offsets,
                                 .n_pixels = (size_t)n_images * (size_t)each->y.n_out * (size_t)each->x.n_out,
                                 .n_rows = (size_t)each->y.n_taps,
                                 .row_pitch = (size_t)p->padded_w * (size_t)p->in,
                                 .run = (size_t)each->x.n_taps * (size_t)p->in};
        if (task.n_rows == 0 || task.run == 0) { /* a 1x1 filter with stride 2 skips these pixels */
            zero_pixels(p, each, task.n_pixels, dst);
            continue;
        }
        for (int first = 0; first < p->out; first += two) {
            task.vectors = block_channels(c->kernels, first, p->out) / (int)c->kernels->lanes;
            task.weights = p->weights + each->weights_offset + (size_t)first * task.n_rows * task.run;
            task.dst = dst + first;
            c->kernels->tiles(&task);
        }
    }
}

static void run_pass(const convolution *c, const pass *p, const float *src, int n, float *dst,
                     float *scratch) {
    size_t src_size = (size_t)(p->h * p->w * p->in), dst_size = (size_t)(p->out_h * p->out_w * p->out);
#pragma omp parallel for schedule(dynamic) num_threads(c->threads)
    for (int first = 0; first < n; first += p->chunk) {
        int n_images = n - first < p->chunk ? n - first : p->chunk;
        float *padded = scratch + (size_t)omp_get_thread_num() * (size_t)p->chunk * padded_size(p);
        const float *prepared = prepare_chunk(p, src + (size_t)first * src_size, n_images, padded);
        run_chunk(c, p, prepared, n_images, dst + (size_t)first * dst_size);
    }
}

/* The pixels of one block of channels side by side: [n_pixels][channels]. */
static void pack_block(const float *from, size_t n_pixels, size_t pitch, size_t channels, float *to) {
    for (size_t i = 0; i < n_pixels; i++)
        memcpy(to + i * channels, from + i * pitch, channels * sizeof(float));
}

/* Adds the weight gradient of a chunk of images for one block of output channels. Maps are cut into pieces of
 * some 128 pixels, whose rows of src stay in the first-level cache while all of a filter row's weights pass
 * by. */
static void gradient_of_chunk(const convolution *c, const lethe__node *node, const float *src,
                              const float *block, int n_images, int channels, float *diff_weights) {
    const pass *p = &c->forward;
    size_t row_pitch = (size_t)p->padded_w * (size_t)p->in, run = (size_t)node->kernel * (size_t)p->in;
    int rows = p->out_h * p->out_w <= 128 ? p->out_h : 128 / p->out_w > 1 ? 128 / p->out_w : 1;
    for (int y = 0; y < p->out_h; y += rows)
        for (int row = 0; row < node->kernel; row++) {
            lethe__gradient_task task = {.src = src + (size_t)(y * node->stride + row) * row_pitch,
                                         .diff_dst = block + (size_t)(y * p->out_w * channels),
                                         .diff_weights = diff_weights + (size_t)row * run * (size_t)channels,
                                         .images = (size_t)n_images,
                                         .height = (size_t)(p->out_h - y < rows ? p->out_h - y : rows),
                                         .width = (size_t)p->out_w,
                                         .src_image = padded_size(p),
                                         .src_row = (size_t)node->stride * row_pitch,
                                         .src_step = (size_t)(node->stride * p->in),
                                         .dst_image = (size_t)(p->out_h * p->out_w * channels),
                                         .run = run,
                                         .vectors = channels / (int)c->kernels->lanes};
            c->kernels->gradient(&task);
        }
}

/* What a thread needs beside the groups: a padded chunk, and a packed block of diff_dst for it. */
static size_t gradient_scratch(const convolution *c) {
    const pass *p = &c->forward;
    return (size_t)c->gradient_chunk *
           (padded_size(p) + (size_t)(p->out_h * p->out_w) * 2 * c->kernels->lanes);
}

/* The weight gradient of images first .. last - 1 for one block of output channels. */
static void gradient_of_images(const convolution *c, const lethe__operation *operation, int first, int last,
                               int channel, int channels, float *scratch, float *diff_weights) {
    const pass *p = &c->forward;
    size_t src_size = (size_t)(p->h * p->w * p->in), dst_pixels = (size_t)(p->out_h * p->out_w);
    float *block = scratch + (size_t)c->gradient_chunk * padded_size(p);
    for (int i = first; i < last; i += c->gradient_chunk) {
        int n_images = last - i < c->gradient_chunk ? last - i : c->gradient_chunk;
        const float *src =
            prepare_chunk(p, (const float *)operation->src.data + (size_t)i * src_size, n_images, scratch);
        const float *diff_dst =
            (const float *)operation->diff_dst + (size_t)i * dst_pixels * (size_t)p->out + channel;
        if (channels < p->out) {
            pack_block(diff_dst, (size_t)n_images * dst_pixels, (size_t)p->out, (size_t)channels, block);
            diff_dst = block;
        }
        gradient_of_chunk(c, operation->node, src, diff_dst, n_images, channels, diff_weights);
    }
}

/* Floats of scratch memory a thread needs when every sample's gradient is squared: that of one block, too. */
static size_t square_scratch(const convolution *c) {
    return gradient_scratch(c) + c->gradient_size / (size_t)c->forward.out * 2 * c->kernels->lanes;
}

/* The same, image by image, each gradient squared before it is added: no more than one is ever there. */
static void squares_of_images(const convolution *c, const lethe__operation *operation, int first, int last,
                              int channel, int channels, float *scratch, float *squares) {
    const lethe__row_kernels *rows = lethe__row_kernels_choose();
    size_t size = c->gradient_size / (size_t)c->forward.out * (size_t)channels;
    float *gradient = scratch + gradient_scratch(c);
    for (int i = first; i < last; i++) {
        memset(gradient, 0, size * sizeof *gradient);
        gradient_of_images(c, operation, i, i + 1, channel, channels, scratch, gradient);
        rows->add_square(size, gradient, squares);
    }
}

/* The weight gradient of each group of images into its own packed sum, or with `squares` the sum of the
 * squares of its images' gradients. */
static void gradient_of_groups(const convolution *c, const lethe__operation *operation, bool squares) {
    const pass *p = &c->forward;
    int two = 2 * (int)c->kernels->lanes, n_blocks = (p->out + two - 1) / two, n = operation->src.n;
    size_t each_thread = squares ? square_scratch(c) : gradient_scratch(c);
    float *groups = operation->scratch, *threads_scratch = groups + (size_t)c->n_groups * c->gradient_size;
    memset(groups, 0, (size_t)c->n_groups * c->gradient_size * sizeof(float));
#pragma omp parallel for schedule(dynamic) collapse(2) num_threads(c->threads)
    for (int group = 0; group < c->n_groups; group++)
        for (int block = 0; block < n_blocks; block++) {
            int channel = block * two, channels = block_channels(c->kernels, channel, p->out);
            int first = n * group / c->n_groups, last = n * (group + 1) / c->n_groups;
            float *to = groups + (size_t)group * c->gradient_size +
                        (size_t)channel * (c->gradient_size / (size_t)p->out);
            float *scratch = threads_scratch + (size_t)omp_get_thread_num() * each_thread;
            (squares ? squares_of_images : gradient_of_images)(c, operation, first, last, channel, channels,
                                                               scratch, to);
        }
}

static void weight_gradient(const convolution *c, lethe__operation *operation) {
    gradient_of_groups(c, operation, false);
    unpack_gradient(c, operation->scratch, operation->node->kernel, false, operation->diff_weight);
}

/* --- single samples --- */

/* Floats of scratch memory that the products with a vector take: it is packed like weights, and each thread
 * convolves one image with it. */
static size_t dot_scratch(const convolution *c) {
    const pass *p = &c->forward;
    return p->weights_size +
           (size_t)c->threads * (padded_size(p) + (size_t)(p->out_h * p->out_w) * (size_t)p->out);
}

/* The gradient of a sample is linear in diff_dst and in src, so that its product with a vector is that of
 * diff_dst with the forward pass that has the vector as weights: g_i . x = diff_dst_i . convolution(src_i,
 * x).
 */
static void add_dots(const convolution *c, lethe__operation *operation, const float *vector, double *dots) {
    const lethe__row_kernels *rows = lethe__row_kernels_choose();
    pass by_vector = c->forward;
    by_vector.weights = operation->scratch;
    size_t src_size = (size_t)(by_vector.h * by_vector.w * by_vector.in),
           dst_size = (size_t)(by_vector.out_h * by_vector.out_w * by_vector.out);
    pack_weights(c, &by_vector, vector, operation->node->kernel, false);
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int i = 0; i < operation->src.n; i++) {
        float *padded = by_vector.weights + by_vector.weights_size +
                        (size_t)omp_get_thread_num() * (padded_size(&by_vector) + dst_size);
        float *dst = padded + padded_size(&by_vector);
        const float *src = (const float *)operation->src.data + (size_t)i * src_size;
        run_chunk(c, &by_vector, prepare_chunk(&by_vector, src, 1, padded), 1, dst);
        dots[i] += rows->dot(dst_size, dst, (const float *)operation->diff_dst + (size_t)i * dst_size);
    }
}

static lethe_status sample_products(lethe__operation *operation, const lethe__sample_products *products) {
    const convolution *c = operation->state;
    size_t offset = lethe__operation_offset(operation, operation->weight);
    if (products->squares != NULL) {
        gradient_of_groups(c, operation, true);
        unpack_gradient(c, operation->scratch, operation->node->kernel, true, products->squares + offset);
    }
    if (products->dots != NULL)
        add_dots(c, operation, products->vector + offset, products->dots);
    return LETHE_OK;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t sample_scratch_bytes(const lethe__operation *operation) {
    const convolution *c = operation->state;
    size_t squares = (size_t)c->n_groups * c->gradient_size + (size_t)c->threads * square_scratch(c);
    return sizeof(float) * larger(squares, dot_scratch(c));
}

/* --- the implementation --- */

static void fini_pass(pass *p) {
    for (int i = 0; i < p->n_phases; i++) {
        lethe__free(p->phases[i].src_offsets);
        lethe__free(p->phases[i].dst_offsets);
    }
    lethe__free(p->weights);
}

static void destroy(lethe__operation *operation) {
    convolution *c = operation->state;
    if (c == NULL)
        return;
    fini_pass(&c->forward);
    fini_pass(&c->backward);
    lethe__free(c);
    operation->state = NULL;
}

static lethe_status create(lethe__operation *operation) {
    convolution *c;
    LETHE_TRY(lethe__allocate(1, sizeof *c, &c));
    operation->state = c;
    c->kernels = choose_kernels();
    c->threads = operation->threads;
    lethe_status status = make_forward(c, operation);
    if (status == LETHE_OK && operation->wants_diff_src)
        status = make_backward(c, operation);
    if (status != LETHE_OK) {
        destroy(operation);
        return status;
    }
    /* few blocks of channels leave threads idle unless the images are divided too */
    int n_blocks = (operation->dst.c + 2 * (int)c->kernels->lanes - 1) / (2 * (int)c->kernels->lanes);
    c->n_groups = n_blocks >= MAX_GROUPS ? 1 : MAX_GROUPS / n_blocks;
    if (c->n_groups > operation->src.n)
        c->n_groups = operation->src.n;
    c->gradient_size = c->forward.weights_size;
    int pixels = operation->dst.h * operation->dst.w;
    c->gradient_chunk = pixels >= 128 ? 1 : 128 / pixels < MAX_CHUNK ? 128 / pixels : MAX_CHUNK;
    size_t threads = (size_t)operation->threads,
           forward = (size_t)c->forward.chunk * padded_size(&c->forward),
           backward = operation->wants_diff_src ? (size_t)c->backward.chunk * padded_size(&c->backward) : 0;
    size_t gradient = operation->with_gradients
                          ? (size_t)c->n_groups * c->gradient_size + threads * gradient_scratch(c)
                          : 0;
    operation->scratch_bytes = sizeof(float) * larger(threads * larger(forward, backward), gradient);
    return LETHE_OK;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    convolution *c = operation->state;
    if (operation->packed_version != operation->weights->version) {
        pack_weights(c, &c->forward, operation->weight, operation->node->kernel, false);
        if (operation->wants_diff_src)
            pack_weights(c, &c->backward, operation->weight, operation->node->kernel, true);
        operation->packed_version = operation->weights->version;
    }
    run_pass(c, &c->forward, operation->src.data, operation->src.n, operation->dst.data, operation->scratch);
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    convolution *c = operation->state;
    if (operation->diff_weight != NULL)
        weight_gradient(c, operation);
    if (operation->diff_src != NULL)
        run_pass(c, &c->backward, operation->diff_dst, operation->src.n, operation->diff_src,
                 operation->scratch);
    return LETHE_OK;
}

const lethe__implementation lethe__native_convolution = {
    .name = "native",
    .kind = LETHE__CONVOLUTION,
    .supports = supports,
    .create = create,
    .destroy = destroy,
    .forward = forward,
    .backward = backward,
    .sample_products = sample_products,
    .sample_scratch_bytes = sample_scratch_bytes,
    .describe = lethe__native_describe,
};
