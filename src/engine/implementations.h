/* implementations.h - the implementations of operations, by folder. implementations.c puts them in order. */
#ifndef LETHE_ENGINE_IMPLEMENTATIONS_H
#define LETHE_ENGINE_IMPLEMENTATIONS_H

#include "engine/operation.h"

extern const lethe__implementation lethe__amx_convolution;

extern const lethe__implementation lethe__onednn_convolution, lethe__onednn_linear;

extern const lethe__implementation lethe__native_normalise, lethe__native_winograd, lethe__native_winograd_4,
    lethe__native_convolution, lethe__native_batchnorm, lethe__native_max_pool, lethe__native_global_pool,
    lethe__native_pad_shortcut;

extern const lethe__implementation lethe__ref_normalise, lethe__ref_convolution, lethe__ref_batchnorm,
    lethe__ref_max_pool, lethe__ref_global_pool, lethe__ref_pad_shortcut, lethe__ref_linear;

/* sample_products by the reference kernels, whatever implementation ran the forward pass (see operation.h).
 */
lethe_status lethe__ref_sample_products(lethe__operation *operation, const lethe__sample_products *products);
size_t lethe__ref_sample_scratch_bytes(const lethe__operation *operation);

#endif
