/* native_convolution.c - convolution by our own kernels: NHWC, direct, no im2col; f32, and bf16 summed in
 * f32.
 *
 * In a row of a zero-padded NHWC image the taps of one filter row and all their channels lie side by side: a
 * "run" of taps * channels values. A convolution is then a sum over filter rows of (run) x (matrix of
 * weights), and the register tile needs only one offset for each output pixel. Forward and backward-data are
 * such passes (native_pass.c); the weight gradient turns the product round (native_gradient.c).
 *
 * Values are multiplied in words of 4 bytes: a float, or two bf16 values, which an instruction of AVX512_BF16
 * multiplies and adds in the time of one f32 product; where it is missing, two f32 products stand in for it.
 *
 * Work is cut into chunks of images, one chunk at a time a thread: pad the chunk, then for each block of
 * output channels walk over all pixels of the chunk, so that a block's weights stay in the second-level
 * cache. Weights are packed to [block][row][run][channels in block] once for each version of the weights. */
#include "engine/native/native_convolution.h"
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"

const lethe__convolution_kernels *lethe__convolution_kernels_choose(void) {
    static const lethe__convolution_kernels *const sets[] = {
        &lethe__convolution_kernels_baseline, &lethe__convolution_kernels_avx2,
        &lethe__convolution_kernels_avx512, &lethe__convolution_kernels_avx512bf16};
    return sets[lethe__isa_choose()];
}

static bool supports(const lethe__operation *operation) {
    const lethe__node *node = operation->node;
    int lanes = (int)lethe__convolution_kernels_choose()->lanes;
    /* products with single samples are made in f32 alone */
    bool known = operation->src.dtype == LETHE__F32 ||
                 (operation->src.dtype == LETHE__BF16 && !operation->with_samples);
    return known && node->bias < 0 && node->stride <= LETHE__MAX_STRIDE && operation->dst.c % lanes == 0 &&
           (!operation->wants_diff_src || operation->src.c % lanes == 0);
}

static void destroy(lethe__operation *operation) {
    lethe__convolution *c = operation->state;
    if (c == NULL)
        return;
    lethe__pass_fini(&c->forward);
    lethe__pass_fini(&c->backward);
    lethe__free(c);
    operation->state = NULL;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t pass_scratch(const lethe__convolution *c, const lethe__pass *pass) {
    return (size_t)c->threads * (size_t)pass->chunk * lethe__pass_padded_size(pass);
}

static lethe_status create(lethe__operation *operation) {
    lethe__convolution *c;
    LETHE_TRY(lethe__allocate(1, sizeof *c, &c));
    operation->state = c;
    operation->calls_follower = true;
    c->kernels = lethe__convolution_kernels_choose();
    c->threads = operation->threads;
    lethe_status status = lethe__pass_init(c, operation, false, &c->forward);
    if (status == LETHE_OK && operation->wants_diff_src)
        status = lethe__pass_init(c, operation, true, &c->backward);
    if (status != LETHE_OK) {
        destroy(operation);
        return status;
    }
    lethe__weight_gradient_init(c, operation);
    size_t words = larger(pass_scratch(c, &c->forward), pass_scratch(c, &c->backward));
    if (operation->with_gradients)
        words = larger(words, lethe__weight_gradient_scratch(c));
    operation->scratch_bytes = words * sizeof(uint32_t);
    return LETHE_OK;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__convolution *c = operation->state;
    int kernel = operation->node->kernel;
    if (operation->packed_version != operation->weights->version) {
        lethe__pass_pack(c, &c->forward, operation->weight, kernel, false);
        if (operation->wants_diff_src)
            lethe__pass_pack(c, &c->backward, operation->weight, kernel, true);
        operation->packed_version = operation->weights->version;
    }
    lethe__pass_run(c, &c->forward, operation->src.data, operation->src.n, operation->dst.data,
                    operation->follower, operation->scratch);
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__convolution *c = operation->state;
    if (operation->diff_weight != NULL)
        lethe__weight_gradient(c, operation);
    if (operation->diff_src != NULL)
        lethe__pass_run(c, &c->backward, operation->diff_dst, operation->src.n, operation->diff_src, NULL,
                        operation->scratch);
    return LETHE_OK;
}

static lethe_status sample_products(lethe__operation *operation, const lethe__sample_products *products) {
    lethe__convolution_sample_products(operation->state, operation, products);
    return LETHE_OK;
}

static size_t sample_scratch_bytes(const lethe__operation *operation) {
    return lethe__convolution_sample_scratch(operation->state) * sizeof(uint32_t);
}

const lethe__implementation lethe__native_convolution = {
    .name = "native",
    .kind = LETHE__CONVOLUTION,
    .supports = supports,
    .create = create,
    .destroy = destroy,
    .forward = forward,
    .backward = backward,
    .sample_products = sample_products,
    .sample_scratch_bytes = sample_scratch_bytes,
    .describe = lethe__native_describe,
};
