/* native_batchnorm.c - batch normalisation with residual and ReLU, in as few passes over memory as it takes.
 *
 *     forward:    one pass reads src for the statistics (training), one reads src [, residual] and writes dst
 *     backward:   g = diff_dst [+ diff_dst_2] where dst > 0. One pass reads what g takes and src, for sum g
 * and sum g (src - mean), and writes diff_residual = g; one reads g and src and writes diff_src:
 *
 *     diff_src = weight i (g - sum g / m - (src - mean) i^2 sum(g (src - mean)) / m)     i = 1 /
 * sqrt(variance + eps)
 *
 * The formulas are those of ref_batchnorm.c. Without a residual the ReLU's mask is computed again from src,
 * which is read anyway, rather than read from dst.
 *
 * The batch is a matrix [pixels, channels]. It is cut into chunks of pixels, and chunks into panels of at
 * most LETHE__ROW channels. Few channels are folded: several pixels side by side make one row, so that rows
 * are always long enough for the vector loops, whatever the number of channels. A chunk's sums are taken in
 * f32 while it is in cache, first the mean, then the squares around it; chunks are joined in double in their
 * order. The cut depends on the shape alone, so the results are the same bits for any number of threads. */
#include "base/fail.h"
#include "engine/implementations.h"
#include "engine/native/native.h"
#include <math.h>
#include <string.h>

static const double epsilon = 1e-5, momentum = 0.1;

enum { CHUNK_VALUES = 16384, MIN_CHUNK_PIXELS = 64 };

/* How the batch is cut. */
typedef struct cut {
    size_t pixels, channels;
    size_t fold;  /* pixels side by side in a row */
    size_t pitch; /* values from row to row: fold * channels */
    size_t chunk_pixels, n_chunks, n_panels;
} cut;

static cut cut_batch(const lethe__view *src) {
    cut c = {.pixels = (size_t)src->n * (size_t)src->h * (size_t)src->w, .channels = (size_t)src->c};
    c.fold = c.channels < LETHE__ROW ? LETHE__ROW / c.channels : 1;
    c.pitch = c.fold * c.channels;
    c.chunk_pixels =
        CHUNK_VALUES / c.channels > MIN_CHUNK_PIXELS ? CHUNK_VALUES / c.channels : MIN_CHUNK_PIXELS;
    c.n_chunks = (c.pixels + c.chunk_pixels - 1) / c.chunk_pixels;
    c.n_panels = (c.pitch + LETHE__ROW - 1) / LETHE__ROW;
    return c;
}

/* One panel of one chunk: rows start at begin, begin + pitch, ... below end. */
typedef struct tile {
    size_t chunk, pixels, begin, end;
    size_t lane,
        n_lanes; /* the first lane of the panel; values in a row, fewer in the last if that is cut short */
} tile;

static tile tile_at(const cut *c, size_t i) {
    tile t = {.chunk = i / c->n_panels, .lane = i % c->n_panels * LETHE__ROW};
    size_t first = t.chunk * c->chunk_pixels;
    t.pixels = lethe__smaller(c->chunk_pixels, c->pixels - first);
    t.begin = first * c->channels + t.lane;
    t.end = (first + t.pixels) * c->channels;
    t.n_lanes = lethe__smaller(LETHE__ROW, c->pitch - t.lane);
    return t;
}

static size_t row_length(const tile *t, size_t at) {
    return lethe__smaller(t->n_lanes, t->end - at);
}

/* The parts of the scratch memory. Lanes hold a channel's value once for each pixel of a row: [pitch]. */
typedef struct memory {
    double *total[2]; /* [channels] */
    float *partial;   /* [n_chunks, 2, channels] */
    float *mean, *scale, *shift, *by_gradient, *by_src, *constant;
} memory;

enum { N_LANES = 6 };

static memory split_scratch(const cut *c, void *scratch) {
    memory m = {.total = {scratch, (double *)scratch + c->channels}};
    m.partial = (float *)(m.total[1] + c->channels);
    m.mean = m.partial + c->n_chunks * 2 * c->channels;
    m.scale = m.mean + c->pitch;
    m.shift = m.scale + c->pitch;
    m.by_gradient = m.shift + c->pitch;
    m.by_src = m.by_gradient + c->pitch;
    m.constant = m.by_src + c->pitch;
    return m;
}

static lethe_status create(lethe__operation *operation) {
    cut c = cut_batch(&operation->src);
    operation->workspace_bytes = 2 * c.channels * sizeof(float); /* mean, and 1 / sqrt(variance + epsilon) */
    operation->scratch_bytes =
        2 * c.channels * sizeof(double) + (c.n_chunks * 2 * c.channels + N_LANES * c.pitch) * sizeof(float);
    return LETHE_OK;
}

static float *partial_sums(const cut *c, const memory *m, const tile *t, size_t which) {
    return m->partial + (2 * t->chunk + which) * c->channels + t->lane;
}

/* Adds up the pixels that lie side by side in a row. */
static void unfold(const cut *c, const tile *t, const float *lanes, float *sums) {
    size_t n = c->fold == 1 ? t->n_lanes : c->channels;
    memcpy(sums, lanes, n * sizeof *sums);
    for (size_t pixel = 1; pixel < c->fold; pixel++)
        for (size_t i = 0; i < n; i++)
            sums[i] += lanes[pixel * n + i];
}

static void spread(const cut *c, const float *values, float *lanes) {
    for (size_t pixel = 0; pixel < c->fold; pixel++)
        memcpy(lanes + pixel * c->channels, values, c->channels * sizeof *values);
}

/* --- forward --- */

static void tile_statistics(const lethe__operation *operation, const cut *c, const memory *m, const tile *t) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    const lethe__view *src = &operation->src;
    float sums[LETHE__ROW] = {0}, squares[LETHE__ROW] = {0}, buffer[LETHE__ROW];
    for (size_t at = t->begin; at < t->end; at += c->pitch) {
        size_t n = row_length(t, at);
        kernels->add(n, lethe__row_read(src->data, src->dtype, at, n, buffer), sums);
    }
    float *mean = partial_sums(c, m, t, 0);
    unfold(c, t, sums, mean);
    size_t n_channels = c->fold == 1 ? t->n_lanes : c->channels;
    for (size_t i = 0; i < n_channels; i++)
        mean[i] /= (float)t->pixels;
    for (size_t i = 0; i < t->n_lanes; i++)
        sums[i] = mean[i % n_channels];
    for (size_t at = t->begin; at < t->end; at += c->pitch) {
        size_t n = row_length(t, at);
        kernels->add_squares(n, lethe__row_read(src->data, src->dtype, at, n, buffer), sums, squares);
    }
    unfold(c, t, squares, partial_sums(c, m, t, 1));
}

/* Leaves the batch's means and sums of squared deviations in m->total. */
static void batch_statistics(const lethe__operation *operation, const cut *c, const memory *m) {
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t i = 0; i < c->n_chunks * c->n_panels; i++) {
        tile t = tile_at(c, i);
        tile_statistics(operation, c, m, &t);
    }
    memset(m->total[0], 0, 2 * c->channels * sizeof(double));
    for (size_t chunk = 0; chunk < c->n_chunks; chunk++) {
        size_t before = chunk * c->chunk_pixels, more = lethe__smaller(c->chunk_pixels, c->pixels - before);
        const float *partial = m->partial + 2 * chunk * c->channels;
        lethe__row_kernels_choose()->join_statistics(c->channels, (double)before, (double)more, partial,
                                                     partial + c->channels, m->total[0], m->total[1]);
    }
}

static void move_towards(float *running, double value) {
    *running = (float)((1 - momentum) * (double)*running + momentum * value);
}

/* Fills the workspace from the batch (moving the running statistics) or from the running statistics. */
static lethe_status prepare_statistics(lethe__operation *operation, lethe__mode mode, const cut *c,
                                       const memory *m) {
    float *mean = operation->workspace, *inverse = mean + c->channels;
    if (mode == LETHE__MODE_TRAIN && c->pixels < 2)
        LETHE_FAIL(LETHE_USAGE,
                   "BatchNorm cannot be trained on a batch of %d sample of %dx%d pixels: the variance needs "
                   "more than "
                   "1 value per channel; use a larger batch",
                   operation->src.n, operation->src.h, operation->src.w);
    if (mode == LETHE__MODE_TRAIN)
        batch_statistics(operation, c, m);
    for (size_t i = 0; i < c->channels; i++) {
        double variance = (double)operation->running_var[i];
        mean[i] = operation->running_mean[i];
        if (mode == LETHE__MODE_TRAIN) {
            variance = m->total[1][i] / (double)c->pixels;
            mean[i] = (float)m->total[0][i];
            move_towards(&operation->running_mean[i], m->total[0][i]);
            move_towards(&operation->running_var[i], m->total[1][i] / (double)(c->pixels - 1));
        }
        inverse[i] = (float)(1 / sqrt(variance + epsilon));
    }
    return LETHE_OK;
}

/* dst before residual and ReLU = (src - mean) * scale + shift. */
static void prepare_lanes(const lethe__operation *operation, const cut *c, const memory *m) {
    const float *mean = operation->workspace, *inverse = mean + c->channels;
    spread(c, mean, m->mean);
    spread(c, operation->bias, m->shift);
    for (size_t i = 0; i < c->pitch; i++)
        m->scale[i] = operation->weight[i % c->channels] * inverse[i % c->channels];
}

static void tile_normalise(const lethe__operation *operation, const cut *c, const memory *m, const tile *t) {
    const lethe__view *src = &operation->src, *residual = &operation->residual, *dst = &operation->dst;
    float src_buffer[LETHE__ROW], residual_buffer[LETHE__ROW], dst_buffer[LETHE__ROW];
    for (size_t at = t->begin; at < t->end; at += c->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(src->data, src->dtype, at, n, src_buffer), *r = NULL;
        if (residual->data != NULL)
            r = lethe__row_read(residual->data, residual->dtype, at, n, residual_buffer);
        float *y = lethe__row_target(dst->data, dst->dtype, at, dst_buffer);
        lethe__row_kernels_choose()->normalise(n, x, m->mean + t->lane, m->scale + t->lane,
                                               m->shift + t->lane, r, operation->node->relu, y);
        lethe__row_write(dst->data, dst->dtype, at, n, y);
    }
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    cut c = cut_batch(&operation->src);
    memory m = split_scratch(&c, operation->scratch);
    LETHE_TRY(prepare_statistics(operation, mode, &c, &m));
    prepare_lanes(operation, &c, &m);
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t i = 0; i < c.n_chunks * c.n_panels; i++) {
        tile t = tile_at(&c, i);
        tile_normalise(operation, &c, &m, &t);
    }
    return LETHE_OK;
}

/* --- backward --- */

typedef struct buffers {
    float src[LETHE__ROW], dst[LETHE__ROW], diff_dst[LETHE__ROW], diff_dst_2[LETHE__ROW],
        gradient[LETHE__ROW], diff_src[LETHE__ROW];
} buffers;

/* g of n values from index `at`; `x` are those of src. Also writes diff_residual where there is one. */
static const float *gradient_row(const lethe__operation *operation, const memory *m, size_t lane, size_t at,
                                 size_t n, const float *x, buffers *b) {
    const lethe__row_kernels *kernels = lethe__row_kernels_choose();
    lethe__dtype dtype = operation->dst.dtype;
    bool relu = operation->node->relu, masked_by_dst = relu && operation->residual.data != NULL;
    const float *first = lethe__row_read(operation->diff_dst, dtype, at, n, b->diff_dst), *second = NULL,
                *y = NULL;
    if (!relu && operation->diff_dst_2 == NULL && operation->diff_residual == NULL)
        return first;
    if (operation->diff_dst_2 != NULL)
        second = lethe__row_read(operation->diff_dst_2, dtype, at, n, b->diff_dst_2);
    if (masked_by_dst) {
        y = lethe__row_read(operation->dst.data, dtype, at, n, b->dst);
    } else if (relu) {
        kernels->normalise(n, x, m->mean + lane, m->scale + lane, m->shift + lane, NULL, false, b->dst);
        y = b->dst;
    }
    float *g = b->gradient;
    if (operation->diff_residual != NULL)
        g = lethe__row_target(operation->diff_residual, dtype, at, b->gradient);
    kernels->gradient(n, first, second, y, g);
    if (operation->diff_residual != NULL)
        lethe__row_write(operation->diff_residual, dtype, at, n, g);
    return g;
}

static void tile_sums(const lethe__operation *operation, const cut *c, const memory *m, const tile *t) {
    const lethe__view *src = &operation->src;
    float sums[LETHE__ROW] = {0}, products[LETHE__ROW] = {0};
    buffers b;
    for (size_t at = t->begin; at < t->end; at += c->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(src->data, src->dtype, at, n, b.src);
        const float *g = gradient_row(operation, m, t->lane, at, n, x, &b);
        lethe__row_kernels_choose()->add_products(n, g, x, m->mean + t->lane, sums, products);
    }
    unfold(c, t, sums, partial_sums(c, m, t, 0));
    unfold(c, t, products, partial_sums(c, m, t, 1));
}

static void tile_diff_src(const lethe__operation *operation, const cut *c, const memory *m, const tile *t) {
    const lethe__view *src = &operation->src;
    buffers b;
    for (size_t at = t->begin; at < t->end; at += c->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(src->data, src->dtype, at, n, b.src);
        const float *g = operation->diff_residual != NULL
                             ? lethe__row_read(operation->diff_residual, src->dtype, at, n, b.gradient)
                             : gradient_row(operation, m, t->lane, at, n, x, &b);
        float *to = lethe__row_target(operation->diff_src, src->dtype, at, b.diff_src);
        lethe__row_kernels_choose()->diff_src(n, g, x, m->mean + t->lane, m->by_gradient + t->lane,
                                              m->by_src + t->lane, m->constant + t->lane, to);
        lethe__row_write(operation->diff_src, src->dtype, at, n, to);
    }
}

/* Sums over the batch: parameter gradients, and the lanes of diff_src. */
static void finish_sums(lethe__operation *operation, lethe__mode mode, const cut *c, const memory *m) {
    memset(m->total[0], 0, 2 * c->channels * sizeof(double));
    for (size_t chunk = 0; chunk < c->n_chunks; chunk++) /* both sums lie side by side */
        lethe__row_kernels_choose()->add_double(2 * c->channels, m->partial + 2 * chunk * c->channels,
                                                m->total[0]);
    const float *inverse = (const float *)operation->workspace + c->channels;
    /* running statistics do not depend on src */
    double share = mode == LETHE__MODE_TRAIN ? 1 / (double)c->pixels : 0;
    for (size_t i = 0; i < c->pitch; i++) {
        size_t channel = i % c->channels;
        double inv = (double)inverse[channel], slope = (double)operation->weight[channel] * inv;
        m->by_gradient[i] = (float)slope;
        m->by_src[i] = (float)(-slope * inv * inv * m->total[1][channel] * share);
        m->constant[i] = (float)(-slope * m->total[0][channel] * share);
    }
    for (size_t i = 0; i < c->channels; i++) {
        operation->diff_bias[i] = (float)m->total[0][i];
        operation->diff_weight[i] = (float)(m->total[1][i] * (double)inverse[i]);
    }
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    cut c = cut_batch(&operation->src);
    memory m = split_scratch(&c, operation->scratch);
    prepare_lanes(operation, &c, &m);
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t i = 0; i < c.n_chunks * c.n_panels; i++) {
        tile t = tile_at(&c, i);
        tile_sums(operation, &c, &m, &t);
    }
    finish_sums(operation, mode, &c, &m);
    if (operation->diff_src == NULL)
        return LETHE_OK;
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t i = 0; i < c.n_chunks * c.n_panels; i++) {
        tile t = tile_at(&c, i);
        tile_diff_src(operation, &c, &m, &t);
    }
    return LETHE_OK;
}

const lethe__implementation lethe__native_batchnorm = {.name = "native",
                                                       .kind = LETHE__BATCHNORM,
                                                       .supports = lethe__native_supports,
                                                       .create = create,
                                                       .forward = forward,
                                                       .backward = backward,
                                                       .describe = lethe__native_describe};
