/* ref_convolution.c - convolution (strictly, correlation), square kernel, zero padding, optional bias:
 *
 *     dst[y][x][o] = bias[o] + sum over ky, kx, i of weight[o][i][ky][kx]
 *                                 * src[y stride - padding + ky][x stride - padding + kx][i]
 *
 * Backward-data is the same sum with the roles of src and dst swapped, over those dst pixels to which a src
 * pixel contributed. For both, the weights are first packed to [ky][kx][from][to], so that the innermost loop
 * runs over adjacent channels and the compiler makes vectors of it. The weight gradient takes one tap at a
 * time, as a sum of outer products src x diff_dst: in f32 within an image, in double over the images.
 *
 * Cost: for each of the three, as many multiplications as dst has values, times the inputs of one:
 * channels of src * kernel^2. About 8 GMAC/s with 128-bit vectors. */
#include "engine/ref/ref.h"
#include <string.h>

/* A convolution's shape; the parts of its scratch memory. */
typedef struct layout {
    size_t inputs, outputs, taps; /* channels of src and of dst, kernel^2 */
    size_t pairs, widest;         /* product and maximum of the channels */
    double *sums;                 /* [inputs, outputs] */
    float *packed;                /* [taps, inputs * outputs] */
    float *row, *buffer;          /* channels of one pixel */
    size_t bytes;
} layout;

static layout measure(const lethe__operation *operation) {
    layout l = {.inputs = (size_t)operation->src.c, .outputs = (size_t)operation->dst.c};
    l.taps = (size_t)operation->node->kernel * (size_t)operation->node->kernel;
    l.pairs = l.inputs * l.outputs;
    l.widest = l.inputs > l.outputs ? l.inputs : l.outputs;
    l.bytes = l.pairs * sizeof *l.sums + (l.taps * l.pairs + 2 * l.widest) * sizeof *l.packed;
    return l;
}

static layout lay_out(const lethe__operation *operation) {
    layout l = measure(operation);
    l.sums = operation->scratch;
    l.packed = (void *)(l.sums + l.pairs);
    l.row = l.packed + l.taps * l.pairs;
    l.buffer = l.row + l.widest;
    return l;
}

static lethe_status create(lethe__operation *operation) {
    operation->scratch_bytes = measure(operation).bytes;
    return LETHE_OK;
}

/* A batch whose pixels are read or written. */
typedef struct pixels {
    void *data;
    lethe__dtype dtype;
    int h, w;
    size_t channels;
} pixels;

static pixels pixels_of(const lethe__view *view, const void *data) {
    return (pixels){(void *)data, view->dtype, view->h, view->w, (size_t)view->c};
}

static size_t pixel_offset(const pixels *batch, int sample, int y, int x) {
    return (((size_t)sample * (size_t)batch->h + (size_t)y) * (size_t)batch->w + (size_t)x) * batch->channels;
}

/* The channels of one pixel as f32: in place, or converted into `buffer`. */
static const float *read_pixel(const pixels *batch, int sample, int y, int x, float *buffer) {
    size_t offset = pixel_offset(batch, sample, y, x);
    if (batch->dtype == LETHE__F32)
        return (const float *)batch->data + offset;
    for (size_t c = 0; c < batch->channels; c++)
        buffer[c] = lethe__ref_get(batch->data, batch->dtype, offset + c);
    return buffer;
}

/* Along one side: the coordinate in src that tap k of coordinate `at` in dst reads, or the coordinate in dst
 * that reads coordinate `at` of src through tap k. Negative: there is none. */
static int src_of_dst(const lethe__node *node, int at, int k, int src_size) {
    int src = at * node->stride - node->padding + k;
    return src < src_size ? src : -1;
}
static int dst_of_src(const lethe__node *node, int at, int k, int dst_size) {
    int strided = at + node->padding - k;
    return strided % node->stride == 0 && strided / node->stride < dst_size ? strided / node->stride : -1;
}

/* to[o] += sum over i < n_from of from[i] * weights[i][o], o < n_to. */
static void add_product(const float *restrict from, size_t n_from, const float *restrict weights, size_t n_to,
                        float *restrict to) {
    for (size_t i = 0; i < n_from; i++)
        for (size_t o = 0; o < n_to; o++)
            to[o] += from[i] * weights[i * n_to + o];
}

typedef int meeting(const lethe__node *node, int at, int k, int size);

/* Every pixel of `to`: bias, if any, plus the products of the pixels of `from` that it meets with the packed
 * weights. */
static void gather(const lethe__node *node, const layout *l, const pixels *from, const pixels *to, int n,
                   const float *bias, meeting *meet) {
    size_t pairs = l->pairs;
    for (int s = 0; s < n; s++)
        for (int y = 0; y < to->h; y++)
            for (int x = 0; x < to->w; x++) {
                for (size_t c = 0; c < to->channels; c++)
                    l->row[c] = bias != NULL ? bias[c] : 0;
                for (int tap = 0; tap < node->kernel * node->kernel; tap++) {
                    int from_y = meet(node, y, tap / node->kernel, from->h);
                    int from_x = meet(node, x, tap % node->kernel, from->w);
                    if (from_y >= 0 && from_x >= 0)
                        add_product(read_pixel(from, s, from_y, from_x, l->buffer), from->channels,
                                    l->packed + (size_t)tap * pairs, to->channels, l->row);
                }
                size_t offset = pixel_offset(to, s, y, x);
                for (size_t c = 0; c < to->channels; c++)
                    lethe__ref_put(to->data, to->dtype, offset + c, l->row[c]);
            }
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    layout l = lay_out(operation);
    for (size_t o = 0; o < l.outputs; o++)
        for (size_t i = 0; i < l.inputs; i++)
            for (size_t tap = 0; tap < l.taps; tap++)
                l.packed[(tap * l.inputs + i) * l.outputs + o] =
                    operation->weight[(o * l.inputs + i) * l.taps + tap];
    pixels src = pixels_of(&operation->src, operation->src.data);
    pixels dst = pixels_of(&operation->dst, operation->dst.data);
    gather(operation->node, &l, &src, &dst, operation->src.n, operation->bias, src_of_dst);
    return LETHE_OK;
}

static void backward_data(const lethe__operation *operation, const layout *l) {
    for (size_t o = 0; o < l->outputs; o++)
        for (size_t i = 0; i < l->inputs; i++)
            for (size_t tap = 0; tap < l->taps; tap++)
                l->packed[(tap * l->outputs + o) * l->inputs + i] =
                    operation->weight[(o * l->inputs + i) * l->taps + tap];
    pixels diff_src = pixels_of(&operation->src, operation->diff_src);
    pixels diff_dst = pixels_of(&operation->dst, operation->diff_dst);
    gather(operation->node, l, &diff_dst, &diff_src, operation->src.n, NULL, dst_of_src);
}

/* products[i][o] += src[i] * diff_dst[o] */
static void add_outer(const float *restrict src, size_t n_src, const float *restrict diff_dst, size_t n_dst,
                      float *restrict products) {
    for (size_t i = 0; i < n_src; i++)
        for (size_t o = 0; o < n_dst; o++)
            products[i * n_dst + o] += src[i] * diff_dst[o];
}

/* The weight gradient of tap (ky, kx) into l->sums; the packed weights' place holds the products of one
 * image. */
static void tap_gradient(const lethe__operation *operation, const layout *l, int ky, int kx) {
    pixels src = pixels_of(&operation->src, operation->src.data);
    pixels diff_dst = pixels_of(&operation->dst, operation->diff_dst);
    size_t pairs = l->pairs;
    memset(l->sums, 0, pairs * sizeof *l->sums);
    for (int s = 0; s < operation->src.n; s++) {
        memset(l->packed, 0, pairs * sizeof *l->packed);
        for (int y = 0; y < diff_dst.h; y++)
            for (int x = 0; x < diff_dst.w; x++) {
                int src_y = src_of_dst(operation->node, y, ky, src.h),
                    src_x = src_of_dst(operation->node, x, kx, src.w);
                if (src_y >= 0 && src_x >= 0)
                    add_outer(read_pixel(&src, s, src_y, src_x, l->buffer), l->inputs,
                              read_pixel(&diff_dst, s, y, x, l->row), l->outputs, l->packed);
            }
        for (size_t k = 0; k < pairs; k++)
            l->sums[k] += (double)l->packed[k];
    }
}

static void backward_weights(const lethe__operation *operation, const layout *l) {
    for (size_t tap = 0; tap < l->taps; tap++) {
        tap_gradient(operation, l, (int)tap / operation->node->kernel, (int)tap % operation->node->kernel);
        for (size_t o = 0; o < l->outputs; o++)
            for (size_t i = 0; i < l->inputs; i++)
                operation->diff_weight[(o * l->inputs + i) * l->taps + tap] =
                    (float)l->sums[i * l->outputs + o];
    }
}

static void backward_bias(const lethe__operation *operation, const layout *l) {
    memset(l->sums, 0, l->outputs * sizeof *l->sums);
    for (size_t p = 0; p < lethe__ref_pixels(&operation->dst); p++)
        for (size_t o = 0; o < l->outputs; o++)
            l->sums[o] +=
                (double)lethe__ref_get(operation->diff_dst, operation->dst.dtype, p * l->outputs + o);
    for (size_t o = 0; o < l->outputs; o++)
        operation->diff_bias[o] = (float)l->sums[o];
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    layout l = lay_out(operation);
    if (operation->diff_src != NULL)
        backward_data(operation, &l);
    if (operation->diff_weight != NULL)
        backward_weights(operation, &l);
    if (operation->diff_bias != NULL)
        backward_bias(operation, &l);
    return LETHE_OK;
}

const lethe__implementation lethe__ref_convolution = {.name = "ref",
                                                      .kind = LETHE__CONVOLUTION,
                                                      .supports = lethe__ref_supports,
                                                      .create = create,
                                                      .forward = forward,
                                                      .backward = backward};
