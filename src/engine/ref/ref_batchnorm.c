/* ref_batchnorm.c - batch normalisation (Ioffe and Szegedy 2015), with residual and ReLU behind it:
 *
 *     x^ = (src - mean) i,   i = 1 / sqrt(variance + 1e-5)
 *     dst = relu(weight x^ + bias + residual)
 *
 * While training, mean and (biased) variance are those of the batch, over the m = n h w values of a channel,
 * and the running statistics move by 0.1 towards them, the variance towards the unbiased one. Otherwise the
 * running statistics stand in for them. Backward, with g = diff_dst where dst > 0, else 0:
 *
 *     diff_bias = sum g      diff_weight = sum g x^      diff_residual = g
 *     diff_src = weight i (g - diff_bias / m - x^ diff_weight / m)
 *     diff_src = weight i g      with running statistics, which are constants
 *
 * The workspace keeps mean and i, in double; scratch memory holds the two sums. */
#include "base/fail.h"
#include "engine/ref/ref.h"
#include <math.h>
#include <string.h>

static const double epsilon = 1e-5, momentum = 0.1;

static lethe_status create(lethe__operation *operation) {
    operation->workspace_bytes = operation->scratch_bytes = 2 * (size_t)operation->src.c * sizeof(double);
    return LETHE_OK;
}

static void batch_statistics(const lethe__view *src, double *mean, double *variance) {
    size_t channels = (size_t)src->c, pixels = lethe__ref_pixels(src);
    memset(mean, 0, channels * sizeof *mean);
    memset(variance, 0, channels * sizeof *variance);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            mean[c] += (double)lethe__ref_get(src->data, src->dtype, p * channels + c);
    for (size_t c = 0; c < channels; c++)
        mean[c] /= (double)pixels;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            double centred = (double)lethe__ref_get(src->data, src->dtype, p * channels + c) - mean[c];
            variance[c] += centred * centred;
        }
    for (size_t c = 0; c < channels; c++)
        variance[c] /= (double)pixels;
}

static void move_towards(float *running, double value) {
    *running = (float)((1 - momentum) * (double)*running + momentum * value);
}

/* Fills the workspace: mean, and 1 / sqrt(variance + epsilon). */
static lethe_status prepare(lethe__operation *operation, lethe__mode mode) {
    const lethe__view *src = &operation->src;
    size_t channels = (size_t)src->c, pixels = lethe__ref_pixels(src);
    double *mean = operation->workspace, *inverse = mean + channels;
    if (mode == LETHE__MODE_TRAIN && pixels < 2)
        LETHE_FAIL(LETHE_USAGE,
                   "BatchNorm cannot be trained on a batch of %d sample of %dx%d pixels: the variance needs "
                   "more than 1 value per channel; use a larger batch",
                   src->n, src->h, src->w);
    if (mode == LETHE__MODE_TRAIN)
        batch_statistics(src, mean, inverse);
    for (size_t c = 0; c < channels; c++) {
        if (mode == LETHE__MODE_TRAIN) {
            move_towards(&operation->running_mean[c], mean[c]);
            move_towards(&operation->running_var[c], inverse[c] * (double)pixels / (double)(pixels - 1));
        } else {
            mean[c] = (double)operation->running_mean[c];
            inverse[c] = (double)operation->running_var[c];
        }
        inverse[c] = 1 / sqrt(inverse[c] + epsilon);
    }
    return LETHE_OK;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    LETHE_TRY(prepare(operation, mode));
    const lethe__view *src = &operation->src, *residual = &operation->residual, *dst = &operation->dst;
    size_t channels = (size_t)src->c, pixels = lethe__ref_pixels(src);
    const double *mean = operation->workspace, *inverse = mean + channels;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            size_t i = p * channels + c;
            double normalised = ((double)lethe__ref_get(src->data, src->dtype, i) - mean[c]) * inverse[c];
            double value = normalised * (double)operation->weight[c] + (double)operation->bias[c];
            if (residual->data != NULL)
                value += (double)lethe__ref_get(residual->data, residual->dtype, i);
            /* written so that NaN stays NaN: a diverged network must not look healthy */
            lethe__ref_put(dst->data, dst->dtype, i, operation->node->relu && value < 0 ? 0 : (float)value);
        }
    return LETHE_OK;
}

/* g: the gradient that comes through the ReLU to value i. */
static double gradient(const lethe__operation *operation, size_t i) {
    const lethe__view *dst = &operation->dst;
    if (operation->node->relu && !(lethe__ref_get(dst->data, dst->dtype, i) > 0))
        return 0;
    float sum = lethe__ref_get(operation->diff_dst, dst->dtype, i);
    if (operation->diff_dst_2 != NULL)
        sum += lethe__ref_get(operation->diff_dst_2, dst->dtype, i);
    return (double)sum;
}

static double normalised(const lethe__operation *operation, size_t i, size_t c) {
    const double *mean = operation->workspace, *inverse = mean + operation->src.c;
    return ((double)lethe__ref_get(operation->src.data, operation->src.dtype, i) - mean[c]) * inverse[c];
}

static void backward_parameters(const lethe__operation *operation, double *sum_g, double *sum_gx) {
    size_t channels = (size_t)operation->src.c, pixels = lethe__ref_pixels(&operation->src);
    memset(sum_g, 0, channels * sizeof *sum_g);
    memset(sum_gx, 0, channels * sizeof *sum_gx);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            double g = gradient(operation, p * channels + c);
            sum_g[c] += g;
            sum_gx[c] += g * normalised(operation, p * channels + c, c);
        }
    for (size_t c = 0; operation->diff_weight != NULL && c < channels; c++) {
        operation->diff_bias[c] = (float)sum_g[c];
        operation->diff_weight[c] = (float)sum_gx[c];
    }
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    size_t channels = (size_t)operation->src.c, pixels = lethe__ref_pixels(&operation->src);
    const double *inverse = (const double *)operation->workspace + channels;
    double *sum_g = operation->scratch, *sum_gx = sum_g + channels, m = (double)pixels;
    backward_parameters(operation, sum_g, sum_gx);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            size_t i = p * channels + c;
            double g = gradient(operation, i), centred = g;
            if (mode == LETHE__MODE_TRAIN)
                centred -= (sum_g[c] + normalised(operation, i, c) * sum_gx[c]) / m;
            if (operation->diff_src != NULL)
                lethe__ref_put(operation->diff_src, operation->src.dtype, i,
                               (float)((double)operation->weight[c] * inverse[c] * centred));
            if (operation->diff_residual != NULL)
                lethe__ref_put(operation->diff_residual, operation->residual.dtype, i, (float)g);
        }
    return LETHE_OK;
}

const lethe__implementation lethe__ref_batchnorm = {.name = "ref",
                                                    .kind = LETHE__BATCHNORM,
                                                    .supports = lethe__ref_supports,
                                                    .create = create,
                                                    .forward = forward,
                                                    .backward = backward};
