/* sgd.c - stochastic gradient descent with momentum, weight decay, l1 penalty and mask, fused into one sweep.
 *
 *   g = mask (gradient + gamma sign(theta) + weight_decay theta)   sign(0) = 0, a subgradient
 *   v = momentum v + g                                             the first step's v = g follows from v = 0
 *   theta = theta - lr v
 *   theta = sign(theta) max(0, |theta| - mask threshold)           the proximal step; 0 changes nothing
 *
 * Where the mask is 0, v is zero and theta stays as it is (zero, if the mask is that of pruning), since g is
 * 0. The rounding is that of PyTorch's SGD
 * (torch.optim.SGD, dampening 0, no Nesterov): the same operations in the same order in f32, none of them
 * fused. Every entry is computed by itself, so the bits do not depend on the number of threads.
 *
 * Cost: three reads and two writes of a vector, bound by memory once the loop is vectorised: hence no branch
 * in it, and a private copy of the coefficients (a shared one might be one of the floats written). */
#include "train/sgd.h"
#include <math.h>

static inline void step_one(const lethe__sgd sgd, float *theta, float *velocity, float gradient, float mask) {
    float sign = copysignf(*theta != 0.0f, *theta);
    float g = mask * (gradient + sgd.gamma * sign + sgd.weight_decay * *theta);
    *velocity = sgd.momentum * *velocity + g;
    float moved = *theta - sgd.lr * *velocity, size = fabsf(moved) - mask * sgd.threshold;
    *theta = copysignf(size < 0 ? 0 : size, moved); /* NaN stays, so that divergence is noticed */
}

void lethe__sgd_step(const lethe__sgd *sgd, float *restrict parameters, float *restrict velocity,
                     const float *restrict gradients, const uint8_t *restrict mask, size_t n) {
    const lethe__sgd now = *sgd;
    if (mask == NULL) {
#pragma omp parallel for simd schedule(static) firstprivate(now)
        for (size_t i = 0; i < n; i++)
            step_one(now, &parameters[i], &velocity[i], gradients[i], 1.0f);
    } else {
#pragma omp parallel for simd schedule(static) firstprivate(now)
        for (size_t i = 0; i < n; i++)
            step_one(now, &parameters[i], &velocity[i], gradients[i], mask[i]);
    }
}
