/* native_gradient.c - the weight gradient of the direct convolution, and products with the gradients of
 * single samples.
 *
 * The sum over pixels is cut into (image group, channels) tasks; groups do not depend on the number of
 * threads and are added in a fixed order, so that results are the same bits for any number of threads.
 *
 * In bf16 two neighbouring results of a row, and the two source pixels that one tap meets with them, are a
 * pair:
 *
 *     diff_dst  [pair of pixels][channels in block]     src  [pixel][in]: (pixel, pixel + stride)
 *
 * so that src has as many words as in f32, and every second of its pixels is where a pair begins. */
#include "engine/native/native_convolution.h"
#include <omp.h>
#include <string.h>

enum { MAX_GROUPS = 8, CHUNK_PIXELS = 128, MOST_LANES = 16 };

void lethe__weight_gradient_init(lethe__convolution *c, const lethe__operation *operation) {
    /* few blocks of channels leave threads idle unless the images are divided too */
    int two = 2 * (int)c->kernels->lanes, n_blocks = (operation->dst.c + two - 1) / two;
    c->n_groups = n_blocks >= MAX_GROUPS ? 1 : MAX_GROUPS / n_blocks;
    if (c->n_groups > operation->src.n)
        c->n_groups = operation->src.n;
    int taps = operation->node->kernel * operation->node->kernel;
    c->gradient_size = (size_t)taps * (size_t)operation->src.c * (size_t)operation->dst.c;
    int pixels = operation->dst.h * operation->dst.w;
    c->gradient_chunk = pixels >= CHUNK_PIXELS                     ? 1
                        : CHUNK_PIXELS / pixels < LETHE__MAX_CHUNK ? CHUNK_PIXELS / pixels
                                                                   : LETHE__MAX_CHUNK;
}

/* --- sizes, in words --- */

static size_t src_size(const lethe__pass *p) {
    return (size_t)p->padded_h * (size_t)p->padded_w * (size_t)p->in;
}

/* Words in a row of results of one channel. */
static size_t row_words(const lethe__pass *p) {
    return (size_t)(p->pairs ? (p->out_w + 1) / 2 : p->out_w);
}

/* A row of padded bf16 values before they are paired, and the pixel or two behind it. */
static size_t bare_row_size(const lethe__pass *p) {
    return p->pairs ? ((size_t)(p->padded_w + LETHE__MAX_STRIDE) * (size_t)p->in + 1) / 2 : 0;
}

/* What a thread needs beside the groups: a padded chunk, a packed block of diff_dst for it, and a bare row.
 */
static size_t thread_scratch(const lethe__convolution *c) {
    const lethe__pass *p = &c->forward;
    return (size_t)c->gradient_chunk *
               (src_size(p) + (size_t)p->out_h * row_words(p) * 2 * c->kernels->lanes) +
           bare_row_size(p);
}

size_t lethe__weight_gradient_scratch(const lethe__convolution *c) {
    return (size_t)c->n_groups * c->gradient_size + (size_t)c->threads * thread_scratch(c);
}

/* --- packing --- */

/* A zero-padded image in pairs; rows that no filter row meets are left out. */
static void pair_image(const lethe__convolution *c, const lethe__node *node, const uint16_t *src,
                       uint32_t *words, uint16_t *bare) {
    const lethe__pass *p = &c->forward;
    int stride = node->stride;
    size_t row = (size_t)p->padded_w * (size_t)p->in, inside = (size_t)p->w * (size_t)p->in;
    lethe__pairing pairing = {
        .first = bare, .second = bare + (size_t)stride * (size_t)p->in, .rows = 1, .n = row};
    memset(bare, 0, bare_row_size(p) * sizeof(uint32_t));
    for (int y = 0; y < p->padded_h; y++, words += row) {
        int from = y - p->pad_top;
        if (y % stride >= node->kernel)
            continue;
        if (from < 0 || from >= p->h) {
            memset(words, 0, row * sizeof *words);
            continue;
        }
        memcpy(bare + (size_t)p->pad_left * (size_t)p->in, src + (size_t)from * inside,
               inside * sizeof *bare);
        pairing.words = words;
        c->kernels->pair(&pairing);
    }
}

static const void *prepare_sources(const lethe__convolution *c, const lethe__operation *operation, int first,
                                   int n_images, uint32_t *padded, uint32_t *bare) {
    const lethe__pass *p = &c->forward;
    size_t size = (size_t)p->h * (size_t)p->w * (size_t)p->in;
    if (!p->pairs)
        return lethe__pass_prepare(p, (const float *)operation->src.data + (size_t)first * size, n_images,
                                   padded);
    for (int i = 0; i < n_images; i++)
        pair_image(c, operation->node, (const uint16_t *)operation->src.data + (size_t)(first + i) * size,
                   padded + (size_t)i * src_size(p), (uint16_t *)bare);
    return padded;
}

/* Rows of results of one block of channels, in pairs; what an odd row lacks is zero. */
static void pair_block(const lethe__convolution *c, const uint16_t *from, size_t n_rows, size_t channels,
                       uint32_t *to) {
    static const uint16_t zeros[2 * MOST_LANES];
    const lethe__pass *p = &c->forward;
    size_t out = (size_t)p->out, width = (size_t)p->out_w;
    for (size_t y = 0; y < n_rows; y++, from += width * out, to += row_words(p) * channels) {
        lethe__pairing whole = {from, from + out, width / 2, channels, 2 * out, to};
        c->kernels->pair(&whole);
        if (width % 2 == 0)
            continue;
        lethe__pairing last = {from + (width - 1) * out,          zeros, 1, channels, 0,
                               to + (row_words(p) - 1) * channels};
        c->kernels->pair(&last);
    }
}

/* The results of one block of channels side by side: [pixels or pairs][channels]. */
static const void *prepare_results(const lethe__convolution *c, const lethe__operation *operation, int first,
                                   int n_images, int channel, int channels, uint32_t *block) {
    const lethe__pass *p = &c->forward;
    size_t pixels = (size_t)p->out_h * (size_t)p->out_w,
           at = (size_t)first * pixels * (size_t)p->out + (size_t)channel;
    if (p->pairs) {
        pair_block(c, (const uint16_t *)operation->diff_dst + at, (size_t)n_images * (size_t)p->out_h,
                   (size_t)channels, block);
        return block;
    }
    const float *from = (const float *)operation->diff_dst + at;
    if (channels == p->out)
        return from;
    for (size_t i = 0; i < (size_t)n_images * pixels; i++)
        memcpy(block + i * (size_t)channels, from + i * (size_t)p->out, (size_t)channels * sizeof *block);
    return block;
}

/* --- summing --- */

/* Adds the weight gradient of a chunk of prepared images for one block of output channels. Maps are cut into
 * pieces of some 128 pixels, whose rows of src stay in the first-level cache while all of a filter row's
 * weights pass by. */
static void add_chunk(const lethe__convolution *c, const lethe__node *node, const uint32_t *src,
                      const uint32_t *block, int n_images, int channels, float *diff_weights) {
    const lethe__pass *p = &c->forward;
    size_t row_pitch = (size_t)p->padded_w * (size_t)p->in, run = (size_t)node->kernel * (size_t)p->in;
    int rows = p->out_h * p->out_w <= CHUNK_PIXELS ? p->out_h
               : CHUNK_PIXELS / p->out_w > 1       ? CHUNK_PIXELS / p->out_w
                                                   : 1;
    for (int y = 0; y < p->out_h; y += rows)
        for (int row = 0; row < node->kernel; row++) {
            lethe__gradient_task task = {.src = src + (size_t)(y * node->stride + row) * row_pitch,
                                         .diff_dst = block + (size_t)y * row_words(p) * (size_t)channels,
                                         .diff_weights = diff_weights + (size_t)row * run * (size_t)channels,
                                         .images = (size_t)n_images,
                                         .height = (size_t)(p->out_h - y < rows ? p->out_h - y : rows),
                                         .width = row_words(p),
                                         .src_image = src_size(p),
                                         .src_row = (size_t)node->stride * row_pitch,
                                         .src_step = (size_t)(node->stride * p->in * (p->pairs ? 2 : 1)),
                                         .dst_image = (size_t)p->out_h * row_words(p) * (size_t)channels,
                                         .run = run,
                                         .vectors = channels / (int)c->kernels->lanes};
            (p->pairs ? c->kernels->pair_gradient : c->kernels->gradient)(&task);
        }
}

/* Adds the weight gradient of images first .. last - 1 for one block of output channels. */
static void add_images(const lethe__convolution *c, const lethe__operation *operation, int first, int last,
                       int channel, int channels, uint32_t *scratch, float *diff_weights) {
    const lethe__pass *p = &c->forward;
    uint32_t *block = scratch + (size_t)c->gradient_chunk * src_size(p),
             *bare = scratch + thread_scratch(c) - bare_row_size(p);
    for (int i = first; i < last; i += c->gradient_chunk) {
        int n = last - i < c->gradient_chunk ? last - i : c->gradient_chunk;
        const uint32_t *src = prepare_sources(c, operation, i, n, scratch, bare);
        const uint32_t *results = prepare_results(c, operation, i, n, channel, channels, block);
        add_chunk(c, operation->node, src, results, n, channels, diff_weights);
    }
}

/* Words of scratch memory a thread needs when every sample's gradient is squared: that of one block, too. */
static size_t square_scratch(const lethe__convolution *c) {
    return thread_scratch(c) + c->gradient_size / (size_t)c->forward.out * 2 * c->kernels->lanes;
}

/* The same, image by image, each gradient squared before it is added: no more than one is ever there. */
static void add_squares(const lethe__convolution *c, const lethe__operation *operation, int first, int last,
                        int channel, int channels, uint32_t *scratch, float *squares) {
    const lethe__row_kernels *rows = lethe__row_kernels_choose();
    size_t size = c->gradient_size / (size_t)c->forward.out * (size_t)channels;
    float *gradient = (void *)(scratch + thread_scratch(c));
    for (int i = first; i < last; i++) {
        memset(gradient, 0, size * sizeof *gradient);
        add_images(c, operation, i, i + 1, channel, channels, scratch, gradient);
        rows->add_square(size, gradient, squares);
    }
}

/* The weight gradient of each group of images into its own packed sum, or with `squares` the sum of the
 * squares of its images' gradients. */
static void sum_groups(const lethe__convolution *c, const lethe__operation *operation, bool squares) {
    const lethe__pass *p = &c->forward;
    int two = 2 * (int)c->kernels->lanes, n_blocks = (p->out + two - 1) / two, n = operation->src.n;
    size_t each_thread = squares ? square_scratch(c) : thread_scratch(c);
    float *groups = operation->scratch;
    uint32_t *threads_scratch = (uint32_t *)operation->scratch + (size_t)c->n_groups * c->gradient_size;
    memset(groups, 0, (size_t)c->n_groups * c->gradient_size * sizeof(float));
#pragma omp parallel for schedule(dynamic) collapse(2) num_threads(c->threads)
    for (int group = 0; group < c->n_groups; group++)
        for (int block = 0; block < n_blocks; block++) {
            int channel = block * two, channels = lethe__block_channels(c->kernels, channel, p->out);
            int first = n * group / c->n_groups, last = n * (group + 1) / c->n_groups;
            float *to = groups + (size_t)group * c->gradient_size +
                        (size_t)channel * (c->gradient_size / (size_t)p->out);
            uint32_t *scratch = threads_scratch + (size_t)omp_get_thread_num() * each_thread;
            (squares ? add_squares : add_images)(c, operation, first, last, channel, channels, scratch, to);
        }
}

/* Adds the groups' packed gradients (or their squares), in their order, into OIHW: to what is there, or to 0.
 */
static void unpack(const lethe__convolution *c, const float *groups, int kernel, bool add,
                   float *diff_weight) {
    const lethe__pass *p = &c->forward;
    size_t taps = (size_t)(kernel * kernel), run = (size_t)kernel * (size_t)p->in;
    int two = 2 * (int)c->kernels->lanes;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int first = 0; first < p->out; first += two) {
        int channels = lethe__block_channels(c->kernels, first, p->out);
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

void lethe__weight_gradient(const lethe__convolution *c, lethe__operation *operation) {
    sum_groups(c, operation, false);
    unpack(c, operation->scratch, operation->node->kernel, false, operation->diff_weight);
}

/* --- single samples --- */

/* Words of scratch memory that the products with a vector take: it is packed like weights, and each thread
 * convolves one image with it. */
static size_t dot_scratch(const lethe__convolution *c) {
    const lethe__pass *p = &c->forward;
    return p->weights_size +
           (size_t)c->threads * (lethe__pass_padded_size(p) + (size_t)(p->out_h * p->out_w) * (size_t)p->out);
}

/* The gradient of a sample is linear in diff_dst and in src, so that its product with a vector is that of
 * diff_dst with the forward pass that has the vector as weights: g_i . x = diff_dst_i . convolution(src_i,
 * x).
 */
static void add_dots(const lethe__convolution *c, lethe__operation *operation, const float *vector,
                     double *dots) {
    const lethe__row_kernels *rows = lethe__row_kernels_choose();
    lethe__pass by_vector = c->forward;
    by_vector.weights = operation->scratch;
    size_t from = (size_t)(by_vector.h * by_vector.w * by_vector.in),
           to = (size_t)(by_vector.out_h * by_vector.out_w * by_vector.out);
    lethe__pass_pack(c, &by_vector, vector, operation->node->kernel, false);
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int i = 0; i < operation->src.n; i++) {
        uint32_t *padded = by_vector.weights + by_vector.weights_size +
                           (size_t)omp_get_thread_num() * (lethe__pass_padded_size(&by_vector) + to);
        float *dst = (void *)(padded + lethe__pass_padded_size(&by_vector));
        const float *src = (const float *)operation->src.data + (size_t)i * from;
        lethe__pass_run_chunk(c, &by_vector, lethe__pass_prepare(&by_vector, src, 1, padded), 1, dst);
        dots[i] += rows->dot(to, dst, (const float *)operation->diff_dst + (size_t)i * to);
    }
}

void lethe__convolution_sample_products(const lethe__convolution *c, lethe__operation *operation,
                                        const lethe__sample_products *products) {
    size_t offset = lethe__operation_offset(operation, operation->weight);
    if (products->squares != NULL) {
        sum_groups(c, operation, true);
        unpack(c, operation->scratch, operation->node->kernel, true, products->squares + offset);
    }
    if (products->dots != NULL)
        add_dots(c, operation, products->vector + offset, products->dots);
}

size_t lethe__convolution_sample_scratch(const lethe__convolution *c) {
    size_t squares = (size_t)c->n_groups * c->gradient_size + (size_t)c->threads * square_scratch(c);
    return squares > dot_scratch(c) ? squares : dot_scratch(c);
}
