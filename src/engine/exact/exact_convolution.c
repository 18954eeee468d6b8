/* exact_convolution.c - convolution of dual numbers, as products of matrices of doubles.
 *
 *     dst  = src * w                 diff_src  = diff_dst *T w               diff_w  = src x diff_dst
 *     dst' = src' * w + src * w'     diff_src' = diff_dst' *T w + diff_dst *T w'    diff_w' likewise
 *
 * All are bilinear, so three functions that add to their result do for values and tangents. Each goes tap by
 * tap over blocks of pixels: the pixels that a tap meets are gathered into a matrix [pixels, channels], zero
 * where it meets none, and multiplied. The cut depends on the shape alone, and each output belongs to one
 * task: the same bits for any number of threads. */
#include "engine/exact/exact_operation.h"
#include "engine/native/native.h"
#include "engine/native/product_kernels.h"
#include <omp.h>
#include <string.h>

enum { BLOCK_VALUES = 16384, MIN_BLOCK = 32, MAX_BLOCK = 256, COLUMNS = 64 };

typedef struct shape {
    int kernel, stride, padding;
    size_t inputs, outputs, taps;
} shape;

static shape shape_of(const lethe__exact_operation *operation) {
    const lethe__node *node = operation->node;
    shape s = {
        .kernel = 1, .stride = 1, .inputs = (size_t)operation->src->c, .outputs = (size_t)operation->dst->c};
    if (node->kind == LETHE__CONVOLUTION) {
        s.kernel = node->kernel;
        s.stride = node->stride;
        s.padding = node->padding;
    }
    s.taps = (size_t)(s.kernel * s.kernel);
    return s;
}

static size_t panels(size_t columns) {
    return (columns + LETHE__PANEL - 1) / LETHE__PANEL;
}

static size_t block_pixels(size_t channels) {
    size_t pixels = BLOCK_VALUES / channels;
    return pixels < MIN_BLOCK ? MIN_BLOCK : pixels > MAX_BLOCK ? MAX_BLOCK : pixels;
}

static size_t packed_size(const shape *s) {
    size_t forward = s->inputs * panels(s->outputs), backward = s->outputs * panels(s->inputs);
    return s->taps * LETHE__PANEL * (forward > backward ? forward : backward);
}

/* Of one thread: gathered pixels, and a block of diff_dst in panels. */
static size_t thread_size(const shape *s) {
    size_t widest = s->inputs > s->outputs ? s->inputs : s->outputs;
    return block_pixels(widest) * widest + BLOCK_VALUES + MAX_BLOCK * COLUMNS;
}

size_t lethe__exact_convolution_scratch(const lethe__exact_operation *operation) {
    shape s = shape_of(operation);
    return packed_size(&s) + (size_t)operation->threads * thread_size(&s);
}

static double *thread_scratch(const lethe__exact_operation *operation, const shape *s) {
    return operation->scratch + packed_size(s) + (size_t)omp_get_thread_num() * thread_size(s);
}

static const lethe__product_kernels *choose_kernels(void) {
    static const lethe__product_kernels *const sets[] = {
        &lethe__product_kernels_baseline, &lethe__product_kernels_avx2, &lethe__product_kernels_avx512,
        &lethe__product_kernels_avx512bf16};
    return sets[lethe__isa_choose()];
}

/* --- meeting pixels --- */

/* Along one side: the position that tap k of position `at` meets, negative: none. */
typedef int meeting(const shape *s, int at, int k, int size);

static int src_of_dst(const shape *s, int at, int k, int size) {
    int src = at * s->stride - s->padding + k;
    return src < size ? src : -1;
}

static int dst_of_src(const shape *s, int at, int k, int size) {
    int strided = at + s->padding - k;
    return strided % s->stride == 0 && strided / s->stride < size ? strided / s->stride : -1;
}

typedef struct map {
    const lethe__exact_tensor *tensor;
    double *data;
} map;

/* The pixels of `from` that tap meets at pixels first .. first + n - 1 of `at`; zeros where there is none. */
static void gather(const shape *s, map from, const lethe__exact_tensor *at, size_t tap, meeting *meet,
                   size_t first, size_t n, double *rows) {
    size_t channels = (size_t)from.tensor->c, image = (size_t)at->h * (size_t)at->w;
    for (size_t p = first; p < first + n; p++, rows += channels) {
        size_t sample = p / image;
        int y = (int)(p % image) / at->w, x = (int)(p % image) % at->w;
        int from_y = meet(s, y, (int)tap / s->kernel, from.tensor->h);
        int from_x = meet(s, x, (int)tap % s->kernel, from.tensor->w);
        if (from_y < 0 || from_x < 0) {
            memset(rows, 0, channels * sizeof *rows);
            continue;
        }
        size_t pixel = (sample * (size_t)from.tensor->h + (size_t)from_y) * (size_t)from.tensor->w;
        memcpy(rows, from.data + (pixel + (size_t)from_x) * channels, channels * sizeof *rows);
    }
}

/* --- dst and diff_src --- */

/* Weights [outputs, inputs, taps] to [tap][panel of to][from][LETHE__PANEL]; surplus columns are zero. */
static void pack(const lethe__exact_operation *operation, const shape *s, const double *weight,
                 bool to_outputs) {
    size_t n_from = to_outputs ? s->inputs : s->outputs, n_to = to_outputs ? s->outputs : s->inputs;
    size_t by_from = to_outputs ? s->taps : s->inputs * s->taps;
    size_t by_to = to_outputs ? s->inputs * s->taps : s->taps;
#pragma omp parallel for collapse(2) schedule(static) num_threads(operation->threads)
    for (size_t panel = 0; panel < panels(n_to); panel++)
        for (size_t tap = 0; tap < s->taps; tap++) {
            double *packed = operation->scratch + (tap * panels(n_to) + panel) * n_from * LETHE__PANEL;
            for (size_t from = 0; from < n_from; from++)
                for (size_t j = 0; j < LETHE__PANEL; j++) {
                    size_t to = panel * LETHE__PANEL + j;
                    packed[from * LETHE__PANEL + j] =
                        to < n_to ? weight[from * by_from + to * by_to + tap] : 0;
                }
        }
}

typedef struct pass {
    const lethe__exact_operation *operation;
    shape s;
    map from, to;
    meeting *meet;
} pass;

/* Pixels first .. first + n - 1 of `to`, columns from `column` to below `end`. */
static void add_block(const pass *p, size_t first, size_t n, size_t column, size_t end) {
    const lethe__product_kernels *kernels = choose_kernels();
    size_t n_from = (size_t)p->from.tensor->c, n_to = (size_t)p->to.tensor->c;
    double *rows = thread_scratch(p->operation, &p->s);
    for (size_t tap = 0; tap < p->s.taps; tap++) {
        gather(&p->s, p->from, p->to.tensor, tap, p->meet, first, n, rows);
        for (size_t at = column; at < end; at += LETHE__PANEL) {
            size_t panel = tap * panels(n_to) + at / LETHE__PANEL;
            lethe__product product = {.rows = n,
                                      .columns = lethe__smaller(LETHE__PANEL, end - at),
                                      .depth = n_from,
                                      .a = rows,
                                      .a_row = n_from,
                                      .a_step = 1,
                                      .b = p->operation->scratch + panel * n_from * LETHE__PANEL,
                                      .c = p->to.data + first * n_to + at,
                                      .c_row = n_to};
            kernels->add_product(&product);
        }
    }
}

/* to += the pixels of `from` that it meets, times the packed weights. */
static void add_pass(const pass *p) {
    const lethe__exact_tensor *to = p->to.tensor;
    size_t n_to = (size_t)to->c, pixels = to->size / n_to, block = block_pixels((size_t)p->from.tensor->c);
    size_t n_blocks = (pixels + block - 1) / block, n_columns = (n_to + COLUMNS - 1) / COLUMNS;
    if (p->from.data == NULL)
        return;
#pragma omp parallel for schedule(dynamic) num_threads(p->operation->threads)
    for (size_t i = 0; i < n_blocks * n_columns; i++) {
        size_t first = i / n_columns * block, column = i % n_columns * COLUMNS;
        add_block(p, first, lethe__smaller(block, pixels - first), column,
                  lethe__smaller(column + COLUMNS, n_to));
    }
}

static void add_bias(const lethe__exact_tensor *dst, const double *bias, double *values) {
    for (size_t i = 0; bias != NULL && i < dst->size; i++)
        values[i] = bias[i % (size_t)dst->c];
}

void lethe__exact_convolution_forward(const lethe__exact_operation *operation) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    pass p = {operation, shape_of(operation), {src, src->value.value}, {dst, dst->value.value}, src_of_dst};
    memset(dst->value.value, 0, dst->size * sizeof(double));
    add_bias(dst, operation->bias.value, dst->value.value);
    pack(operation, &p.s, operation->weight.value, true);
    add_pass(&p);
    if (dst->value.tangent == NULL)
        return;
    memset(dst->value.tangent, 0, dst->size * sizeof(double));
    add_bias(dst, operation->bias.tangent, dst->value.tangent);
    p.to.data = dst->value.tangent;
    p.from.data = src->value.tangent;
    add_pass(&p);
    pack(operation, &p.s, operation->weight.tangent, true);
    p.from.data = src->value.value;
    add_pass(&p);
}

static void add_diff_src(const lethe__exact_operation *operation) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    pass p = {operation, shape_of(operation), {dst, dst->diff.value}, {src, src->diff.value}, dst_of_src};
    pack(operation, &p.s, operation->weight.value, false);
    add_pass(&p);
    if (src->diff.tangent == NULL)
        return;
    p.to.data = src->diff.tangent;
    p.from.data = dst->diff.tangent;
    add_pass(&p);
    pack(operation, &p.s, operation->weight.tangent, false);
    p.from.data = dst->diff.value;
    add_pass(&p);
}

/* --- diff_weight --- */

/* Columns of pixels of diff_dst as panels [panel][n][LETHE__PANEL]. */
static void pack_columns(map diff_dst, size_t first, size_t n, size_t column, size_t end, double *packed) {
    size_t channels = (size_t)diff_dst.tensor->c;
    for (size_t at = column; at < end; at += LETHE__PANEL)
        for (size_t p = first; p < first + n; p++, packed += LETHE__PANEL)
            for (size_t j = 0; j < LETHE__PANEL; j++)
                packed[j] = at + j < end ? diff_dst.data[p * channels + at + j] : 0;
}

/* One tap and some columns of the packed gradient [tap][inputs][outputs]. */
static void add_tap(const pass *p, size_t tap, size_t column, size_t end) {
    const lethe__product_kernels *kernels = choose_kernels();
    size_t n_from = p->s.inputs, n_to = p->s.outputs, pixels = p->to.tensor->size / n_to,
           block = block_pixels(n_from);
    double *rows = thread_scratch(p->operation, &p->s), *columns = rows + block * n_from;
    for (size_t first = 0; first < pixels; first += block) {
        size_t n = lethe__smaller(block, pixels - first);
        gather(&p->s, p->from, p->to.tensor, tap, src_of_dst, first, n, rows);
        pack_columns(p->to, first, n, column, end, columns);
        for (size_t at = column; at < end; at += LETHE__PANEL) {
            lethe__product product = {.rows = n_from,
                                      .columns = lethe__smaller(LETHE__PANEL, end - at),
                                      .depth = n,
                                      .a = rows,
                                      .a_row = 1,
                                      .a_step = n_from,
                                      .b = columns + (at - column) * n,
                                      .c = p->operation->scratch + tap * n_from * n_to + at,
                                      .c_row = n_to};
            kernels->add_product(&product);
        }
    }
}

/* The packed gradient += src x diff_dst. */
static void add_weight_gradient(const lethe__exact_operation *operation, const shape *s, double *src,
                                double *diff_dst) {
    pass p = {operation, *s, {operation->src, src}, {operation->dst, diff_dst}, src_of_dst};
    size_t n_columns = (s->outputs + COLUMNS - 1) / COLUMNS;
    if (src == NULL || diff_dst == NULL)
        return;
#pragma omp parallel for schedule(dynamic) num_threads(operation->threads)
    for (size_t i = 0; i < s->taps * n_columns; i++) {
        size_t column = i % n_columns * COLUMNS;
        add_tap(&p, i / n_columns, column, lethe__smaller(column + COLUMNS, s->outputs));
    }
}

static void unpack_gradient(const lethe__exact_operation *operation, const shape *s, double *gradient) {
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t i = 0; i < s->inputs; i++)
            for (size_t tap = 0; tap < s->taps; tap++)
                gradient[(o * s->inputs + i) * s->taps + tap] =
                    operation->scratch[(tap * s->inputs + i) * s->outputs + o];
}

static void sum_bias(const lethe__exact_tensor *dst, const double *diff_dst, double *gradient) {
    if (gradient == NULL)
        return;
    memset(gradient, 0, (size_t)dst->c * sizeof *gradient);
    for (size_t i = 0; i < dst->size; i++)
        gradient[i % (size_t)dst->c] += diff_dst[i];
}

void lethe__exact_convolution_backward(const lethe__exact_operation *operation) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    shape s = shape_of(operation);
    size_t bytes = s.taps * s.inputs * s.outputs * sizeof(double);
    if (src->diff.value != NULL)
        add_diff_src(operation);
    sum_bias(dst, dst->diff.value, operation->diff_bias.value);
    sum_bias(dst, dst->diff.tangent, operation->diff_bias.tangent);
    if (operation->diff_weight.value != NULL) {
        memset(operation->scratch, 0, bytes);
        add_weight_gradient(operation, &s, src->value.value, dst->diff.value);
        unpack_gradient(operation, &s, operation->diff_weight.value);
    }
    if (operation->diff_weight.tangent != NULL) {
        memset(operation->scratch, 0, bytes);
        add_weight_gradient(operation, &s, src->value.tangent, dst->diff.value);
        add_weight_gradient(operation, &s, src->value.value, dst->diff.tangent);
        unpack_gradient(operation, &s, operation->diff_weight.tangent);
    }
}
