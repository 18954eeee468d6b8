/* exact_batchnorm.c - batch normalisation of dual numbers, with residual and ReLU. The formulas are those of
 * ref_batchnorm.c; their derivatives along the direction, written ', over the m values of a channel:
 *
 *     x^ = (x - mean) i        x^' = (x' - mean') i + (x - mean) i'
 *     mean' = sum x' / m       i' = -i^2 sum x^ x' / m        both 0 with running statistics
 *     S = sum g, Q = sum g x^, S' = sum g', Q' = sum (g' x^ + g x^')     the gradients of bias and weight
 *     e = g - S / m - x^ Q / m
 *     diff_x = w i e           diff_x' = (w i)' e + w i (g' - S' / m - x^' Q / m - x^ Q' / m)
 *
 * Sums run over the pixels of one image after another, and over images in their order, for any number of
 * threads. */
#include "engine/exact/exact_operation.h"
#include <math.h>
#include <string.h>

static const double epsilon = 1e-5;

enum { MEAN, INVERSE, MEAN_TANGENT, INVERSE_TANGENT, N_STATISTICS };
enum { SUM, SUM_PRODUCT, SUM_TANGENT, SUM_PRODUCT_TANGENT, N_SUMS };

size_t lethe__exact_batchnorm_scratch(const lethe__exact_operation *operation) {
    return N_SUMS * (size_t)operation->src->c * (size_t)(operation->src->n + 1);
}

size_t lethe__exact_batchnorm_statistics(const lethe__exact_operation *operation) {
    return N_STATISTICS * (size_t)operation->src->c;
}

static double *statistic(const lethe__exact_operation *operation, int which) {
    return operation->statistics + (size_t)which * (size_t)operation->src->c;
}

/* x^ and x^' of value i of channel c; x' counts as 0 in a pass without tangents. */
typedef struct dual {
    double value, tangent;
} dual;

static dual normalised(const lethe__exact_operation *operation, size_t i, size_t c) {
    lethe__dual src = operation->src->value;
    double centred = src.value[i] - statistic(operation, MEAN)[c];
    double inverse = statistic(operation, INVERSE)[c];
    dual x = {.value = centred * inverse};
    if (src.tangent != NULL)
        x.tangent = (src.tangent[i] - statistic(operation, MEAN_TANGENT)[c]) * inverse +
                    centred * statistic(operation, INVERSE_TANGENT)[c];
    return x;
}

/* g and g' of value i: what comes through the ReLU. */
static dual gradient(const lethe__exact_operation *operation, size_t i) {
    const lethe__exact_tensor *dst = operation->dst;
    if (operation->node->relu && !(dst->value.value[i] > 0))
        return (dual){0};
    return (dual){dst->diff.value[i], dst->diff.tangent != NULL ? dst->diff.tangent[i] : 0};
}

/* --- sums over the batch --- */

/* Adds what value i of channel c contributes to sums[which * channels + c]. */
typedef void adder(const lethe__exact_operation *operation, size_t i, size_t c, double *sums);

/* Leaves N_SUMS sums over all pixels at the start of the scratch memory. */
static const double *sum_up(const lethe__exact_operation *operation, adder *add) {
    const lethe__exact_tensor *src = operation->src;
    size_t channels = (size_t)src->c, width = N_SUMS * channels, image = src->size / (size_t)src->n;
    memset(operation->scratch, 0, width * (size_t)(src->n + 1) * sizeof(double));
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (int sample = 0; sample < src->n; sample++) {
        double *sums = operation->scratch + (size_t)(sample + 1) * width;
        for (size_t at = (size_t)sample * image; at < (size_t)(sample + 1) * image; at += channels)
            for (size_t c = 0; c < channels; c++)
                add(operation, at + c, c, sums);
    }
    for (int sample = 0; sample < src->n; sample++)
        for (size_t k = 0; k < width; k++)
            operation->scratch[k] += operation->scratch[(size_t)(sample + 1) * width + k];
    return operation->scratch;
}

static void add_values(const lethe__exact_operation *operation, size_t i, size_t c, double *sums) {
    lethe__dual src = operation->src->value;
    sums[c] += src.value[i];
    if (src.tangent != NULL)
        sums[SUM_TANGENT * (size_t)operation->src->c + c] += src.tangent[i];
}

static void add_squares(const lethe__exact_operation *operation, size_t i, size_t c, double *sums) {
    lethe__dual src = operation->src->value;
    double centred = src.value[i] - statistic(operation, MEAN)[c];
    sums[c] += centred * centred;
    if (src.tangent != NULL)
        sums[SUM_TANGENT * (size_t)operation->src->c + c] += centred * src.tangent[i];
}

static void add_gradients(const lethe__exact_operation *operation, size_t i, size_t c, double *sums) {
    size_t channels = (size_t)operation->src->c;
    dual g = gradient(operation, i), x = normalised(operation, i, c);
    sums[SUM * channels + c] += g.value;
    sums[SUM_PRODUCT * channels + c] += g.value * x.value;
    sums[SUM_TANGENT * channels + c] += g.tangent;
    sums[SUM_PRODUCT_TANGENT * channels + c] += g.tangent * x.value + g.value * x.tangent;
}

/* --- forward --- */

static void use_running_statistics(const lethe__exact_operation *operation) {
    for (size_t c = 0; c < (size_t)operation->src->c; c++) {
        statistic(operation, MEAN)[c] = operation->running_mean[c];
        statistic(operation, INVERSE)[c] = 1 / sqrt(operation->running_var[c] + epsilon);
        statistic(operation, MEAN_TANGENT)[c] = statistic(operation, INVERSE_TANGENT)[c] = 0;
    }
}

static void use_batch_statistics(const lethe__exact_operation *operation) {
    size_t channels = (size_t)operation->src->c;
    size_t pixels = operation->src->size / channels;
    double m = (double)pixels;
    const double *sums = sum_up(operation, add_values);
    for (size_t c = 0; c < channels; c++) {
        statistic(operation, MEAN)[c] = sums[c] / m;
        statistic(operation, MEAN_TANGENT)[c] = sums[SUM_TANGENT * channels + c] / m;
    }
    sums = sum_up(operation, add_squares);
    for (size_t c = 0; c < channels; c++) {
        double inverse = 1 / sqrt(sums[c] / m + epsilon);
        statistic(operation, INVERSE)[c] = inverse;
        statistic(operation, INVERSE_TANGENT)[c] =
            -inverse * inverse * inverse * sums[SUM_TANGENT * channels + c] / m;
    }
}

static void apply(const lethe__exact_operation *operation, size_t i, size_t c) {
    const lethe__exact_tensor *residual = operation->residual;
    lethe__dual dst = operation->dst->value, weight = operation->weight, bias = operation->bias;
    dual x = normalised(operation, i, c);
    double value = weight.value[c] * x.value + bias.value[c];
    if (residual != NULL)
        value += residual->value.value[i];
    bool cut = operation->node->relu && value < 0;
    dst.value[i] = cut ? 0 : value;
    if (dst.tangent == NULL)
        return;
    double tangent = weight.tangent[c] * x.value + weight.value[c] * x.tangent + bias.tangent[c];
    if (residual != NULL)
        tangent += residual->value.tangent[i];
    dst.tangent[i] = cut ? 0 : tangent;
}

void lethe__exact_batchnorm_forward(const lethe__exact_operation *operation, lethe__mode mode) {
    size_t channels = (size_t)operation->src->c;
    if (mode == LETHE__MODE_TRAIN)
        use_batch_statistics(operation);
    else
        use_running_statistics(operation);
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t pixel = 0; pixel < operation->src->size / channels; pixel++)
        for (size_t c = 0; c < channels; c++)
            apply(operation, pixel * channels + c, c);
}

/* --- backward --- */

static void write_parameter_gradients(const lethe__exact_operation *operation, const double *sums) {
    size_t channels = (size_t)operation->src->c, bytes = channels * sizeof(double);
    double *const gradients[N_SUMS] = {operation->diff_bias.value, operation->diff_weight.value,
                                       operation->diff_bias.tangent, operation->diff_weight.tangent};
    for (size_t k = 0; k < N_SUMS; k++)
        if (gradients[k] != NULL)
            memcpy(gradients[k], sums + k * channels, bytes);
}

/* `share` is 1 / m while training, 0 with running statistics, which do not depend on src. */
static void add_diffs(const lethe__exact_operation *operation, const double *sums, double share, size_t i,
                      size_t c) {
    const lethe__exact_tensor *residual = operation->residual;
    lethe__dual weight = operation->weight, diff_src = operation->src->diff;
    size_t channels = (size_t)operation->src->c;
    dual g = gradient(operation, i), x = normalised(operation, i, c);
    double s = share * sums[SUM * channels + c], q = share * sums[SUM_PRODUCT * channels + c];
    double inverse = statistic(operation, INVERSE)[c], slope = weight.value[c] * inverse;
    double e = g.value - s - x.value * q;
    if (diff_src.value != NULL)
        diff_src.value[i] += slope * e;
    if (residual != NULL)
        residual->diff.value[i] += g.value;
    if (operation->dst->diff.tangent == NULL)
        return;
    double s_tangent = share * sums[SUM_TANGENT * channels + c];
    double q_tangent = share * sums[SUM_PRODUCT_TANGENT * channels + c];
    double slope_tangent =
        weight.tangent[c] * inverse + weight.value[c] * statistic(operation, INVERSE_TANGENT)[c];
    if (diff_src.tangent != NULL)
        diff_src.tangent[i] +=
            slope_tangent * e + slope * (g.tangent - s_tangent - x.tangent * q - x.value * q_tangent);
    if (residual != NULL)
        residual->diff.tangent[i] += g.tangent;
}

void lethe__exact_batchnorm_backward(const lethe__exact_operation *operation, lethe__mode mode) {
    size_t channels = (size_t)operation->src->c, pixels = operation->src->size / channels;
    double share = mode == LETHE__MODE_TRAIN ? 1 / (double)pixels : 0;
    const double *sums = sum_up(operation, add_gradients);
    write_parameter_gradients(operation, sums);
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t c = 0; c < channels; c++)
            add_diffs(operation, sums, share, pixel * channels + c, c);
}
