/* ref_samples.c - products with the gradients of single samples, word for word: the reference's backward pass
 * of one sample after another, each gradient squared into the sum or multiplied by the vector, and dropped.
 *
 * This is the oracle of the faster ways, and what stands in where an implementation has none. Cost: that of
 * the reference's weight gradient. */
#include "base/fail.h"
#include "engine/ref/ref.h"

/* The reference stands last in each list. */
static const lethe__implementation *reference(lethe__op_kind kind) {
    const lethe__implementation *const *each = lethe__implementations(kind);
    while (each[1] != NULL)
        each++;
    return *each;
}

static size_t weight_size(const lethe__operation *operation) {
    return operation->graph->parameters[operation->node->weight].size;
}
static size_t bias_size(const lethe__operation *operation) {
    return operation->node->bias >= 0 ? operation->graph->parameters[operation->node->bias].size : 0;
}

/* Of the gradient of one sample, at the start of the scratch memory; a multiple of 64. */
static size_t gradient_bytes(const lethe__operation *operation) {
    return ((weight_size(operation) + bias_size(operation)) * sizeof(float) + 63) / 64 * 64;
}

size_t lethe__ref_sample_scratch_bytes(const lethe__operation *operation) {
    lethe__operation alone = *operation;
    const lethe__implementation *ref = reference(operation->node->kind);
    alone.scratch = NULL;
    alone.scratch_bytes = 0;
    if (ref->create != NULL)
        ref->create(&alone); /* of the reference: sets sizes, cannot fail */
    return gradient_bytes(operation) + alone.scratch_bytes;
}

/* Advances the view of a batch to sample i alone. */
static void take_sample(lethe__view *view, const void **gradient, size_t i) {
    size_t bytes = lethe__ref_sample_size(view) * lethe__dtype_bytes(view->dtype) * i;
    view->n = 1;
    if (view->data != NULL)
        view->data = (uint8_t *)view->data + bytes;
    if (gradient != NULL && *gradient != NULL)
        *gradient = (const uint8_t *)*gradient + bytes;
}

static void use_gradient(const lethe__sample_products *products, const float *gradient, size_t n,
                         size_t offset, size_t sample) {
    double dot = 0;
    for (size_t k = 0; k < n; k++) {
        if (products->squares != NULL)
            products->squares[offset + k] += gradient[k] * gradient[k];
        if (products->dots != NULL)
            dot += (double)gradient[k] * (double)products->vector[offset + k];
    }
    if (products->dots != NULL)
        products->dots[sample] += dot;
}

lethe_status lethe__ref_sample_products(lethe__operation *operation, const lethe__sample_products *products) {
    size_t n_weights = weight_size(operation), n_biases = bias_size(operation);
    for (size_t i = 0; i < (size_t)operation->src.n; i++) {
        lethe__operation alone = *operation;
        lethe__view dst = operation->dst;
        take_sample(&alone.src, NULL, i);
        take_sample(&alone.residual, NULL, i);
        take_sample(&alone.dst, &alone.diff_dst, i);
        take_sample(&dst, &alone.diff_dst_2, i);
        alone.diff_src = alone.diff_residual = NULL;
        alone.diff_weight = operation->scratch;
        alone.diff_bias = n_biases > 0 ? alone.diff_weight + n_weights : NULL;
        alone.scratch = (uint8_t *)operation->scratch + gradient_bytes(operation);
        LETHE_TRY(reference(operation->node->kind)->backward(&alone, LETHE__MODE_GRADIENT));
        use_gradient(products, alone.diff_weight, n_weights,
                     lethe__operation_offset(operation, operation->weight), i);
        if (n_biases > 0)
            use_gradient(products, alone.diff_bias, n_biases,
                         lethe__operation_offset(operation, operation->bias), i);
    }
    return LETHE_OK;
}
