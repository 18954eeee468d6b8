/* sgd.h - one step of stochastic gradient descent over a flat vector. */
#ifndef LETHE_TRAIN_SGD_H
#define LETHE_TRAIN_SGD_H

#include <stddef.h>
#include <stdint.h>

typedef struct lethe__sgd {
    float lr, momentum, weight_decay;
    float gamma;     /* coefficient of the l1 penalty in this step, by subgradient */
    float threshold; /* soft threshold on the weights after the step, the proximal form of the penalty */
} lethe__sgd;

/* parameters, velocity, gradients: [n]; the first two change. velocity is zero before the first step. mask:
 * [n] 0 or 1, or NULL; where it is 0 velocity is zero and the parameter stays as it is. */
void lethe__sgd_step(const lethe__sgd *sgd, float *parameters, float *velocity, const float *gradients,
                     const uint8_t *mask, size_t n);

#endif
