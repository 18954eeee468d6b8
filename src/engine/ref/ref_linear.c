/* ref_linear.c - the fully connected layer: dst[n][o] = bias[o] + sum over i of weight[o][i] * src[n][i].
 *
 *     diff_src[n][i]    = sum over o of diff_dst[n][o] * weight[o][i]
 *     diff_weight[o][i] = sum over n of diff_dst[n][o] * src[n][i]
 *     diff_bias[o]      = sum over n of diff_dst[n][o]
 *
 * The head of a network is small and f32 whatever the precision, so every sum runs in double. */
#include "engine/ref/ref.h"

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const float *src = operation->src.data;
    float *dst = operation->dst.data;
    size_t n = (size_t)operation->dst.n, inputs = (size_t)operation->src.c,
           outputs = (size_t)operation->dst.c;
    for (size_t s = 0; s < n; s++)
        for (size_t o = 0; o < outputs; o++) {
            double sum = (double)operation->bias[o];
            for (size_t i = 0; i < inputs; i++)
                sum += (double)operation->weight[o * inputs + i] * (double)src[s * inputs + i];
            dst[s * outputs + o] = (float)sum;
        }
    return LETHE_OK;
}

static void backward_data(const lethe__operation *operation) {
    const float *diff_dst = operation->diff_dst;
    float *diff_src = operation->diff_src;
    size_t n = (size_t)operation->dst.n, inputs = (size_t)operation->src.c,
           outputs = (size_t)operation->dst.c;
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < inputs; i++) {
            double sum = 0;
            for (size_t o = 0; o < outputs; o++)
                sum += (double)diff_dst[s * outputs + o] * (double)operation->weight[o * inputs + i];
            diff_src[s * inputs + i] = (float)sum;
        }
}

static void backward_parameters(const lethe__operation *operation) {
    const float *src = operation->src.data, *diff_dst = operation->diff_dst;
    size_t n = (size_t)operation->dst.n, inputs = (size_t)operation->src.c,
           outputs = (size_t)operation->dst.c;
    for (size_t o = 0; o < outputs; o++) {
        double bias_sum = 0;
        for (size_t s = 0; s < n; s++)
            bias_sum += (double)diff_dst[s * outputs + o];
        operation->diff_bias[o] = (float)bias_sum;
        for (size_t i = 0; i < inputs; i++) {
            double sum = 0;
            for (size_t s = 0; s < n; s++)
                sum += (double)diff_dst[s * outputs + o] * (double)src[s * inputs + i];
            operation->diff_weight[o * inputs + i] = (float)sum;
        }
    }
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src != NULL)
        backward_data(operation);
    if (operation->diff_weight != NULL)
        backward_parameters(operation);
    return LETHE_OK;
}

const lethe__implementation lethe__ref_linear = {.name = "ref",
                                                 .kind = LETHE__LINEAR,
                                                 .supports = lethe__ref_supports,
                                                 .forward = forward,
                                                 .backward = backward};
