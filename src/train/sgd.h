/* sgd.h - one step of stochastic gradient descent over a flat vector. */
#ifndef LETHE_TRAIN_SGD_H
#define LETHE_TRAIN_SGD_H

#include <stddef.h>
#include <stdint.h>

typedef struct lethe__sgd {
    float lr, momentum, weight_decay;
    float gamma; /* coefficient of the l1 penalty in this step */
} lethe__sgd;

/* parameters, velocity, gradients: [n]; the first two change. velocity is zero before the first step. mask:
 * [n] 0 or 1, or NULL; parameters and velocity are zero where it is 0, and stay so. */
void lethe__sgd_step(const lethe__sgd *sgd, float *parameters, float *velocity, const float *gradients,
                     const uint8_t *mask, size_t n);

#endif
