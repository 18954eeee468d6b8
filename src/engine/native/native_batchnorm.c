/* native_batchnorm.c - batch normalisation with residual and ReLU, in few passes over memory.
 *
 * forward:   one pass reads src for the statistics (in training); one reads src [, residual] and writes dst.
 *            The latter pass a follower makes on each part of src that its convolution has just written.
 * backward:  one pass takes the sums over g = diff_dst [+ diff_dst_2] where dst > 0, and writes
 *            diff_residual = g; one reads g and src and writes diff_src. With i = 1 / sqrt(variance + eps),
 *
 *     diff_src = weight i (g - (sum g) / m - (src - mean) i^2 (sum g (src - mean)) / m)
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

/* A batch in work: what is computed with what, how the batch is cut, and the parts of its memory.
 * Lanes hold the value of a channel once for each pixel of a row: [pitch]. */
typedef struct batch {
    const lethe__operation *operation;
    const lethe__row_kernels *kernels;
    size_t pixels, channels;
    size_t fold;  /* pixels side by side in a row */
    size_t pitch; /* values from row to row: fold * channels */
    size_t chunk_pixels, n_chunks, n_panels;
    double *totals;                                                /* [2, channels] */
    float *partial;                                                /* [n_chunks, 2, channels] */
    float *mean, *scale, *shift, *by_gradient, *by_src, *constant; /* lanes */
} batch;

enum { N_LANES = 6 };

static batch open_batch(const lethe__operation *operation) {
    const lethe__view *src = &operation->src;
    batch b = {.operation = operation,
               .kernels = lethe__row_kernels_choose(),
               .pixels = (size_t)src->n * (size_t)src->h * (size_t)src->w,
               .channels = (size_t)src->c};
    b.fold = b.channels < LETHE__ROW ? LETHE__ROW / b.channels : 1;
    b.pitch = b.fold * b.channels;
    b.chunk_pixels =
        CHUNK_VALUES / b.channels > MIN_CHUNK_PIXELS ? CHUNK_VALUES / b.channels : MIN_CHUNK_PIXELS;
    b.n_chunks = (b.pixels + b.chunk_pixels - 1) / b.chunk_pixels;
    b.n_panels = (b.pitch + LETHE__ROW - 1) / LETHE__ROW;
    return b;
}

/* The same with one chunk a sample. */
static batch open_samples(const lethe__operation *operation) {
    batch b = open_batch(operation);
    b.n_chunks = (size_t)operation->src.n;
    b.chunk_pixels = b.pixels / b.n_chunks;
    return b;
}

/* The workspace begins with mean, and 1 / sqrt(variance + epsilon). */
static size_t kept_bytes(const batch *b) {
    return 2 * b->channels * sizeof(float);
}

static size_t work_bytes(const batch *b) {
    return 2 * b->channels * sizeof *b->totals +
           (b->n_chunks * 2 * b->channels + N_LANES * b->pitch) * sizeof *b->partial;
}

/* The batch with its memory: scratch memory, or the rest of a follower's workspace. */
static batch with_memory(batch b) {
    const lethe__operation *operation = b.operation;
    b.totals = operation->leader == NULL ? operation->scratch
                                         : (void *)((uint8_t *)operation->workspace + kept_bytes(&b));
    b.partial = (void *)(b.totals + 2 * b.channels);
    float **const lanes[N_LANES] = {&b.mean, &b.scale, &b.shift, &b.by_gradient, &b.by_src, &b.constant};
    for (size_t i = 0; i < N_LANES; i++)
        *lanes[i] = b.partial + b.n_chunks * 2 * b.channels + i * b.pitch;
    return b;
}

static lethe_status create(lethe__operation *operation) {
    batch b = open_batch(operation);
    bool follows = operation->leader != NULL;
    operation->workspace_bytes = kept_bytes(&b) + (follows ? work_bytes(&b) : 0);
    operation->scratch_bytes = follows ? 0 : work_bytes(&b);
    return LETHE_OK;
}

/* One panel of one chunk: rows start at begin, begin + pitch, ... below end. */
typedef struct tile {
    size_t chunk, pixels, begin, end;
    size_t lane, n_lanes; /* first lane of the panel; values in a row, fewer in the last if it is cut short */
    size_t n_channels;
} tile;

static tile tile_of(const batch *b, size_t first, size_t pixels, size_t panel) {
    size_t lane = panel * LETHE__ROW, n_lanes = lethe__smaller(LETHE__ROW, b->pitch - lane);
    return (tile){.pixels = pixels,
                  .begin = first * b->channels + lane,
                  .end = (first + pixels) * b->channels,
                  .lane = lane,
                  .n_lanes = n_lanes,
                  .n_channels = n_lanes / b->fold};
}

static tile tile_at(const batch *b, size_t i) {
    size_t chunk = i / b->n_panels, first = chunk * b->chunk_pixels;
    tile t = tile_of(b, first, lethe__smaller(b->chunk_pixels, b->pixels - first), i % b->n_panels);
    t.chunk = chunk;
    return t;
}

static size_t row_length(const tile *t, size_t at) {
    return lethe__smaller(t->n_lanes, t->end - at);
}

static void visit_tiles(const batch *b, void (*visit)(const batch *b, const tile *t)) {
#pragma omp parallel for schedule(static) num_threads(b->operation->threads)
    for (size_t i = 0; i < b->n_chunks * b->n_panels; i++) {
        tile t = tile_at(b, i);
        visit(b, &t);
    }
}

/* Adds up the pixels that lie side by side in a row: sum 0 or 1 of the tile's channels. */
static float *unfold(const batch *b, const tile *t, const float *lanes, size_t which) {
    float *sums = b->partial + (2 * t->chunk + which) * b->channels + t->lane;
    memcpy(sums, lanes, t->n_channels * sizeof *sums);
    for (size_t pixel = 1; pixel < b->fold; pixel++)
        for (size_t i = 0; i < t->n_channels; i++)
            sums[i] += lanes[pixel * t->n_channels + i];
    return sums;
}

/* --- forward --- */

static void tile_statistics(const batch *b, const tile *t) {
    const lethe__view *src = &b->operation->src;
    float sums[LETHE__ROW] = {0}, squares[LETHE__ROW] = {0}, buffer[LETHE__ROW];
    for (size_t at = t->begin; at < t->end; at += b->pitch) {
        size_t n = row_length(t, at);
        b->kernels->add(n, lethe__row_read(b->kernels, src->data, src->dtype, at, n, buffer), sums);
    }
    float *mean = unfold(b, t, sums, 0);
    for (size_t i = 0; i < t->n_channels; i++)
        mean[i] /= (float)t->pixels;
    for (size_t i = 0; i < t->n_lanes; i++)
        sums[i] = mean[i % t->n_channels]; /* NOLINT: a panel has a channel at least */
    for (size_t at = t->begin; at < t->end; at += b->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(b->kernels, src->data, src->dtype, at, n, buffer);
        b->kernels->add_squares(n, x, sums, squares);
    }
    unfold(b, t, squares, 1);
}

/* Leaves the batch's means and sums of squared deviations in b->totals. */
static void batch_statistics(const batch *b) {
    visit_tiles(b, tile_statistics);
    memset(b->totals, 0, 2 * b->channels * sizeof *b->totals);
    for (size_t chunk = 0; chunk < b->n_chunks; chunk++) {
        size_t before = chunk * b->chunk_pixels, more = lethe__smaller(b->chunk_pixels, b->pixels - before);
        const float *partial = b->partial + 2 * chunk * b->channels;
        b->kernels->join_statistics(b->channels, (double)before, (double)more, partial, partial + b->channels,
                                    b->totals, b->totals + b->channels);
    }
}

static void move_towards(float *running, double value) {
    *running = (float)((1 - momentum) * (double)*running + momentum * value);
}

/* Fills the workspace from the batch (moving the running statistics) or from the running statistics. */
static lethe_status prepare_statistics(const batch *b, lethe__mode mode) {
    const lethe__operation *operation = b->operation;
    float *mean = operation->workspace, *inverse = mean + b->channels;
    const double *squares = b->totals + b->channels;
    if (mode == LETHE__MODE_TRAIN && b->pixels < 2)
        LETHE_FAIL(LETHE_USAGE,
                   "BatchNorm cannot be trained on a batch of %d sample of %dx%d pixels: the variance needs "
                   "more than 1 value per channel; use a larger batch",
                   operation->src.n, operation->src.h, operation->src.w);
    if (mode == LETHE__MODE_TRAIN)
        batch_statistics(b);
    for (size_t i = 0; i < b->channels; i++) {
        double variance = (double)operation->running_var[i];
        mean[i] = operation->running_mean[i];
        if (mode == LETHE__MODE_TRAIN) {
            variance = squares[i] / (double)b->pixels;
            mean[i] = (float)b->totals[i];
            move_towards(&operation->running_mean[i], b->totals[i]);
            move_towards(&operation->running_var[i], squares[i] / (double)(b->pixels - 1));
        }
        inverse[i] = (float)(1 / sqrt(variance + epsilon));
    }
    return LETHE_OK;
}

/* dst before residual and ReLU = (src - mean) * scale + shift. */
static void prepare_lanes(const batch *b) {
    const float *mean = b->operation->workspace, *inverse = mean + b->channels;
    for (size_t i = 0; i < b->pitch; i++) {
        size_t channel = i % b->channels;
        b->mean[i] = mean[channel];
        b->scale[i] = b->operation->weight[channel] * inverse[channel];
        b->shift[i] = b->operation->bias[channel];
    }
}

static void normalise(const batch *b, const tile *t, size_t n, const float *x, const float *residual,
                      bool relu, float *y) {
    b->kernels->normalise(n, x, b->mean + t->lane, b->scale + t->lane, b->shift + t->lane, residual, relu, y);
}

static void tile_normalise(const batch *b, const tile *t) {
    const lethe__view *src = &b->operation->src, *residual = &b->operation->residual,
                      *dst = &b->operation->dst;
    float src_buffer[LETHE__ROW], residual_buffer[LETHE__ROW], dst_buffer[LETHE__ROW];
    for (size_t at = t->begin; at < t->end; at += b->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(b->kernels, src->data, src->dtype, at, n, src_buffer), *r = NULL;
        if (residual->data != NULL)
            r = lethe__row_read(b->kernels, residual->data, residual->dtype, at, n, residual_buffer);
        float *y = lethe__row_target(dst->data, dst->dtype, at, dst_buffer);
        normalise(b, t, n, x, r, b->operation->node->relu, y);
        lethe__row_write(b->kernels, dst->data, dst->dtype, at, n, y);
    }
}

/* All that normalising needs. */
static lethe_status await(lethe__operation *operation, lethe__mode mode) {
    batch b = with_memory(open_batch(operation));
    LETHE_TRY(prepare_statistics(&b, mode));
    prepare_lanes(&b);
    return LETHE_OK;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    batch b = with_memory(open_batch(operation));
    LETHE_TRY(await(operation, mode));
    visit_tiles(&b, tile_normalise);
    return LETHE_OK;
}

static void follow(const lethe__operation *operation, size_t first, size_t n) {
    batch b = with_memory(open_batch(operation));
    for (size_t panel = 0; panel < b.n_panels; panel++) {
        tile t = tile_of(&b, first, n, panel);
        tile_normalise(&b, &t);
    }
}

/* --- backward --- */

typedef struct buffers {
    float src[LETHE__ROW], dst[LETHE__ROW], diff_dst[LETHE__ROW], diff_dst_2[LETHE__ROW],
        gradient[LETHE__ROW], diff_src[LETHE__ROW];
} buffers;

/* g of n values from index `at`; `x` are those of src. Also writes diff_residual where there is one. */
static const float *gradient_row(const batch *b, const tile *t, size_t at, size_t n, const float *x,
                                 buffers *rows) {
    const lethe__operation *operation = b->operation;
    lethe__dtype dtype = operation->dst.dtype;
    bool relu = operation->node->relu;
    const float *first = lethe__row_read(b->kernels, operation->diff_dst, dtype, at, n, rows->diff_dst);
    const float *second = NULL, *y = NULL;
    if (!relu && operation->diff_dst_2 == NULL && operation->diff_residual == NULL)
        return first;
    if (operation->diff_dst_2 != NULL)
        second = lethe__row_read(b->kernels, operation->diff_dst_2, dtype, at, n, rows->diff_dst_2);
    if (relu && operation->residual.data != NULL) {
        y = lethe__row_read(b->kernels, operation->dst.data, dtype, at, n, rows->dst);
    } else if (relu) {
        normalise(b, t, n, x, NULL, false, rows->dst);
        y = rows->dst;
    }
    float *g = rows->gradient;
    if (operation->diff_residual != NULL)
        g = lethe__row_target(operation->diff_residual, dtype, at, rows->gradient);
    b->kernels->gradient(n, first, second, y, g);
    if (operation->diff_residual != NULL)
        lethe__row_write(b->kernels, operation->diff_residual, dtype, at, n, g);
    return g;
}

static void tile_sums(const batch *b, const tile *t) {
    const lethe__view *src = &b->operation->src;
    float sums[LETHE__ROW] = {0}, products[LETHE__ROW] = {0};
    buffers rows;
    for (size_t at = t->begin; at < t->end; at += b->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(b->kernels, src->data, src->dtype, at, n, rows.src);
        const float *g = gradient_row(b, t, at, n, x, &rows);
        b->kernels->add_products(n, g, x, b->mean + t->lane, sums, products);
    }
    unfold(b, t, sums, 0);
    unfold(b, t, products, 1);
}

static void tile_diff_src(const batch *b, const tile *t) {
    const lethe__view *src = &b->operation->src;
    const void *diff_residual = b->operation->diff_residual;
    void *diff_src = b->operation->diff_src;
    buffers rows;
    for (size_t at = t->begin; at < t->end; at += b->pitch) {
        size_t n = row_length(t, at);
        const float *x = lethe__row_read(b->kernels, src->data, src->dtype, at, n, rows.src);
        const float *g = diff_residual != NULL
                             ? lethe__row_read(b->kernels, diff_residual, src->dtype, at, n, rows.gradient)
                             : gradient_row(b, t, at, n, x, &rows);
        float *to = lethe__row_target(diff_src, src->dtype, at, rows.diff_src);
        b->kernels->diff_src(n, g, x, b->mean + t->lane, b->by_gradient + t->lane, b->by_src + t->lane,
                             b->constant + t->lane, to);
        lethe__row_write(b->kernels, diff_src, src->dtype, at, n, to);
    }
}

/* Sums over the batch: parameter gradients, and the lanes of diff_src. */
static void finish_sums(const batch *b, lethe__mode mode) {
    const lethe__operation *operation = b->operation;
    const double *sums = b->totals, *products = b->totals + b->channels;
    const float *inverse = (const float *)operation->workspace + b->channels;
    memset(b->totals, 0, 2 * b->channels * sizeof *b->totals);
    for (size_t chunk = 0; chunk < b->n_chunks; chunk++) /* both sums lie side by side */
        b->kernels->add_double(2 * b->channels, b->partial + 2 * chunk * b->channels, b->totals);
    /* running statistics do not depend on src */
    double share = mode == LETHE__MODE_TRAIN ? 1 / (double)b->pixels : 0;
    for (size_t i = 0; i < b->pitch; i++) {
        size_t channel = i % b->channels;
        double inv = (double)inverse[channel], slope = (double)operation->weight[channel] * inv;
        b->by_gradient[i] = (float)slope;
        b->by_src[i] = (float)(-slope * inv * inv * products[channel] * share);
        b->constant[i] = (float)(-slope * sums[channel] * share);
    }
    for (size_t i = 0; operation->diff_weight != NULL && i < b->channels; i++) {
        operation->diff_bias[i] = (float)sums[i];
        operation->diff_weight[i] = (float)(products[i] * (double)inverse[i]);
    }
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    batch b = with_memory(open_batch(operation));
    prepare_lanes(&b);
    visit_tiles(&b, tile_sums);
    finish_sums(&b, mode);
    if (operation->diff_src != NULL)
        visit_tiles(&b, tile_diff_src);
    return LETHE_OK;
}

/* --- single samples: the sums of a chunk are the gradient of a sample, but for the factor `inverse` --- */

static size_t sample_scratch_bytes(const lethe__operation *operation) {
    batch b = open_samples(operation);
    return work_bytes(&b);
}

static void use_sample(const batch *b, const lethe__sample_products *products, size_t sample) {
    const lethe__operation *operation = b->operation;
    const float *inverse = (const float *)operation->workspace + b->channels;
    const float *by_bias = b->partial + 2 * sample * b->channels, *by_weight = by_bias + b->channels;
    size_t weight = lethe__operation_offset(operation, operation->weight),
           bias = lethe__operation_offset(operation, operation->bias);
    for (size_t i = 0; products->squares != NULL && i < b->channels; i++) {
        float slope = by_weight[i] * inverse[i];
        products->squares[weight + i] += slope * slope;
        products->squares[bias + i] += by_bias[i] * by_bias[i];
    }
    for (size_t i = 0; products->dots != NULL && i < b->channels; i++)
        products->dots[sample] += (double)(by_weight[i] * inverse[i]) * (double)products->vector[weight + i] +
                                  (double)by_bias[i] * (double)products->vector[bias + i];
}

static lethe_status sample_products(lethe__operation *operation, const lethe__sample_products *products) {
    batch b = with_memory(open_samples(operation));
    prepare_lanes(&b);
    visit_tiles(&b, tile_sums);
    for (size_t sample = 0; sample < b.n_chunks; sample++)
        use_sample(&b, products, sample);
    return LETHE_OK;
}

const lethe__implementation lethe__native_batchnorm = {.name = "native",
                                                       .kind = LETHE__BATCHNORM,
                                                       .supports = lethe__native_supports,
                                                       .create = create,
                                                       .forward = forward,
                                                       .await = await,
                                                       .follow = follow,
                                                       .backward = backward,
                                                       .sample_products = sample_products,
                                                       .sample_scratch_bytes = sample_scratch_bytes,
                                                       .describe = lethe__native_describe};
