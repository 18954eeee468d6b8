/* onednn_compat.h - the part of oneDNN's C interface that differs between its versions 2 and 3, in one form.
 *
 * Version 3 made memory descriptors opaque objects, and creates a primitive descriptor in one call where
 * version 2 takes an operation descriptor first. What both versions spell alike (engines, streams, memory,
 * reorders, execution) is used directly. Enumerators have other values in version 3: they are never stored.
 */
#ifndef LETHE_ENGINE_ONEDNN_COMPAT_H
#define LETHE_ENGINE_ONEDNN_COMPAT_H

#include <dnnl.h>
#include <stdbool.h>
#include <stdint.h>

/* A memory descriptor, lent. */
#if DNNL_VERSION_MAJOR < 3
typedef const dnnl_memory_desc_t *lethe__dnnl_layout;
#else
typedef const_dnnl_memory_desc_t lethe__dnnl_layout;
#endif

/* A convolution of NHWC maps of `type`. Bias and the gradients of weights and bias are f32. */
typedef struct lethe__dnnl_convolution {
    int64_t n, in, in_h, in_w, out, out_h, out_w, kernel, stride, padding;
    dnnl_data_type_t type;
    bool bias, training;
} lethe__dnnl_convolution;

typedef enum lethe__dnnl_pass {
    LETHE__DNNL_FORWARD,
    LETHE__DNNL_BACKWARD_DATA,
    LETHE__DNNL_BACKWARD_WEIGHTS,
    LETHE__DNNL_PASSES
} lethe__dnnl_pass;

typedef enum lethe__dnnl_tensor {
    LETHE__DNNL_SRC,
    LETHE__DNNL_WEIGHTS, /* as memory: f32 in PyTorch's layout, OIHW */
    LETHE__DNNL_BIAS,
    LETHE__DNNL_DST,
    LETHE__DNNL_TENSORS
} lethe__dnnl_tensor;

/* The library chooses the layout of the weights; scratch memory is lent to the primitive when it runs.
 * `forward` is the descriptor of the forward pass, NULL when that is described. */
dnnl_status_t lethe__dnnl_describe(const lethe__dnnl_convolution *convolution, lethe__dnnl_pass pass,
                                   dnnl_engine_t engine, const_dnnl_primitive_desc_t forward,
                                   dnnl_primitive_desc_t *out);

/* A tensor as memory that points nowhere yet. */
dnnl_status_t lethe__dnnl_memory_create(const lethe__dnnl_convolution *convolution, lethe__dnnl_tensor tensor,
                                        dnnl_engine_t engine, dnnl_memory_t *out);

#endif
