/* exact_operation.h - one operation of an exact pass. Its functions read and write dual numbers; tangents are
 * NULL throughout in a pass without them, and at the input. */
#ifndef LETHE_ENGINE_EXACT_EXACT_OPERATION_H
#define LETHE_ENGINE_EXACT_EXACT_OPERATION_H

#include "engine/exact.h"

typedef struct lethe__exact_tensor {
    int n, h, w, c;
    size_t size;
    lethe__dual value, diff; /* diff.value NULL: no parameter stands before it */
} lethe__exact_tensor;

typedef struct lethe__exact_operation {
    const lethe__node *node;
    const lethe__exact_tensor *src, *residual, *dst; /* residual NULL: none */
    lethe__dual weight, bias, diff_weight, diff_bias;
    const double *running_mean, *running_var;
    double *statistics; /* BatchNorm: kept from forward to backward */
    double *scratch;    /* valid within one call */
    int threads;
} lethe__exact_operation;

/* Doubles of scratch memory and of statistics that an operation needs. */
size_t lethe__exact_convolution_scratch(const lethe__exact_operation *operation);
size_t lethe__exact_batchnorm_scratch(const lethe__exact_operation *operation);
size_t lethe__exact_batchnorm_statistics(const lethe__exact_operation *operation);

/* Forward overwrites dst; backward adds to the diffs of src and residual and overwrites those of parameters.
 * A linear layer is a convolution of one pixel. */
void lethe__exact_convolution_forward(const lethe__exact_operation *operation);
void lethe__exact_convolution_backward(const lethe__exact_operation *operation);
void lethe__exact_batchnorm_forward(const lethe__exact_operation *operation, lethe__mode mode);
void lethe__exact_batchnorm_backward(const lethe__exact_operation *operation, lethe__mode mode);
/* The pools and the padding shortcut: each linear once the winners of a max pool are known, so that values
 * and tangents go the same way. */
void lethe__exact_linear_map_forward(const lethe__exact_operation *operation);
void lethe__exact_linear_map_backward(const lethe__exact_operation *operation);

#endif
