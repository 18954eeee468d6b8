/* sgd.c - stochastic gradient descent with momentum, weight decay, l1 penalty and mask, fused into one sweep.
 *
 *   g = gradient + gamma sign(theta) + weight_decay theta      sign(0) = 0, a subgradient
 *   v = momentum v + g                                         the first step's v = g follows from v = 0
 *   theta = theta - lr v                                       both zero where the mask is 0
 *
 * The rounding is that of PyTorch's SGD (torch.optim.SGD, dampening 0, no Nesterov): the same operations in
 * the same order in f32, none of them fused. Every entry is computed by itself, so the bits do not depend on
 * the number of threads. Cost: one read of four vectors and one write of two, bound by memory. */
#include "train/sgd.h"

static inline float sign(float value) {
    return (float)(value > 0.0f) - (float)(value < 0.0f);
}

static void step_dense(const lethe__sgd *sgd, float *restrict parameters, float *restrict velocity,
                       const float *restrict gradients, size_t n) {
    const float lr = sgd->lr, momentum = sgd->momentum, decay = sgd->weight_decay, gamma = sgd->gamma;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) {
        float g = gradients[i] + gamma * sign(parameters[i]) + decay * parameters[i];
        velocity[i] = momentum * velocity[i] + g;
        parameters[i] -= lr * velocity[i];
    }
}

static void step_masked(const lethe__sgd *sgd, float *restrict parameters, float *restrict velocity,
                        const float *restrict gradients, const uint8_t *restrict mask, size_t n) {
    const float lr = sgd->lr, momentum = sgd->momentum, decay = sgd->weight_decay, gamma = sgd->gamma;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) {
        float g = gradients[i] + gamma * sign(parameters[i]) + decay * parameters[i];
        float v = momentum * velocity[i] + g;
        velocity[i] = mask[i] ? v : 0.0f;
        parameters[i] = mask[i] ? parameters[i] - lr * v : 0.0f;
    }
}

void lethe__sgd_step(const lethe__sgd *sgd, float *parameters, float *velocity, const float *gradients,
                     const uint8_t *mask, size_t n) {
    if (mask == NULL)
        step_dense(sgd, parameters, velocity, gradients, n);
    else
        step_masked(sgd, parameters, velocity, gradients, mask, n);
}
