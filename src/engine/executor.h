/* executor.h - runs a graph on batches: forward, backward, in training or evaluation mode.
 *
 * An executor makes a plan for each (batch size, with gradients or without) that it meets: an implementation
 * chosen for every operation, and all activations laid out in one arena that the plans share. After the first
 * batch of a size, a step allocates nothing. */
#ifndef LETHE_ENGINE_EXECUTOR_H
#define LETHE_ENGINE_EXECUTOR_H

#include "engine/graph.h"
#include <lethe/runtime.h>

/* The flat vectors of one network. Whoever changes `parameters` or `buffers` outside the executor adds 1 to
 * version, so that packed copies of the weights are made anew. */
typedef struct lethe__weights {
    float *parameters; /* [graph->parameter_size] */
    float *gradients;  /* [graph->parameter_size], written by backward */
    float *buffers;    /* [graph->buffer_size] running means and variances */
    uint64_t version;
} lethe__weights;

typedef enum lethe__mode {
    LETHE__MODE_TRAIN, /* batch statistics; running statistics move by 0.1 towards them (unbiased variance) */
    LETHE__MODE_GRADIENT, /* running statistics; backward may follow */
    LETHE__MODE_PREDICT,  /* running statistics; no backward */
} lethe__mode;

typedef struct lethe__executor lethe__executor;

/* graph and weights are lent until destroy. `precision` is a resolved one; of the runtime the executor takes
 * threads, backend and, read now, the choices in the file `kernels` (choices.h). */
lethe_status lethe__executor_create(const lethe__graph *graph, lethe__weights *weights,
                                    lethe_precision precision, const lethe_runtime *runtime,
                                    lethe__executor **out);
void lethe__executor_destroy(lethe__executor **executor);

/* images: bytes [n, h, w, c]; *logits: f32 [n, classes], lent until the next call. */
lethe_status lethe__executor_forward(lethe__executor *executor, lethe__mode mode, const uint8_t *images,
                                     int n, const float **logits);
/* After a forward in TRAIN or GRADIENT mode: overwrites weights->gradients with d loss / d parameters, given
 * diff_logits = d loss / d logits, f32 [n, classes]. */
lethe_status lethe__executor_backward(lethe__executor *executor, const float *diff_logits);

/* What is wanted of the gradients g_i [parameter_size] of the single samples of a batch. */
typedef struct lethe__sample_products {
    float *squares;      /* [parameter_size], to which the sum over i of g_i^2 is added; NULL: not wanted */
    const float *vector; /* [parameter_size] */
    double *dots;        /* [n], to which g_i . vector is added; NULL: not wanted */
} lethe__sample_products;

/* After a forward in GRADIENT mode, in place of a backward: what `products` asks for, given diff_logits[i] =
 * d loss_i / d logits_i. Running statistics keep the samples apart, so that one pass over the batch serves
 * all, and no g_i is ever stored. weights->gradients stay as they are. Costs about one backward. */
lethe_status lethe__executor_sample_products(lethe__executor *executor, const float *diff_logits,
                                             const lethe__sample_products *products);

/* Logs a warning when the runtime asks for bf16 on a CPU that has no instructions for it. */
void lethe__precision_warn(const lethe_runtime *runtime);

/* Bytes of activations and workspaces at present. */
size_t lethe__executor_bytes(const lethe__executor *executor);

/* One line for each operation of the plan for `n` samples: kind, output, parameter, implementation and what
 * that chose ("convolution  14x14x32  layer2.0.conv1.weight  onednn  jit:avx2"). `write` gets each line
 * without newline. Ends a forward pass that waits for its backward. */
lethe_status lethe__executor_describe(lethe__executor *executor, lethe__mode mode, int n,
                                      void (*write)(void *user, const char *line), void *user);

/* Softmax cross-entropy of logits [n, classes]: *loss_sum = sum over samples, *n_correct = argmax hits (first
 * of equals), and diff_logits = scale * (softmax - onehot), unless NULL. With scale = 1/n the gradient is
 * that of the mean loss, with -1/n it ascends. losses [n] per sample, unless NULL. */
void lethe__cross_entropy(const float *logits, const int32_t *labels, int n, int classes, float scale,
                          float *diff_logits, float *losses, double *loss_sum, size_t *n_correct);

#endif
