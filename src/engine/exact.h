/* exact.h - a network in double precision, with exact second derivatives: for what is measured, not trained.
 *
 * Scores that decide which weight goes, and Hessian-vector products, are sums of many small terms of both
 * signs; in f32 a ReLU whose input lies near 0 flips, and a product over fifty layers leaves the range. An
 * exact pass runs the same graph forward and backward in double. With tangents it also carries the derivative
 * of everything along a direction of the parameters (the R-operator, Pearlmutter 1994): differentiating the
 * backward pass along v gives H v, without step sizes. Against PyTorch's float64, H g of ResNet-20s
 * agrees to 1e-7, gradients to the 3e-8 by which the model's f32 normalisation differs.
 *
 * Cost: about 10 GMAC/s a core with AVX2, an eighth of the f32 kernels; a gradient is 3 passes over the
 * network, a gradient with H v is 9. Memory: 8 bytes a value of every activation, 16 with tangents. */
#ifndef LETHE_ENGINE_EXACT_H
#define LETHE_ENGINE_EXACT_H

#include "engine/executor.h"

/* Numbers, and their derivative along the direction; tangent NULL: there is none (or it is zero). */
typedef struct lethe__dual {
    double *value, *tangent;
} lethe__dual;

typedef struct lethe__exact lethe__exact;

/* For batches of `n`; the graph is lent until destroy. */
lethe_status lethe__exact_create(const lethe__graph *graph, int n, bool tangents, int threads,
                                 lethe__exact **out);
void lethe__exact_destroy(lethe__exact **exact);

/* What the network sees behind its normalisation, [n, h, w, c]: to be written before a forward pass, or set
 * from bytes [n, h, w, c], which are normalised. */
double *lethe__exact_input(lethe__exact *exact, size_t *size);
void lethe__exact_set_images(lethe__exact *exact, const uint8_t *images);

/* parameters: [parameter_size], the tangent being the direction (required with tangents); buffers:
 * [buffer_size], read unless the mode is TRAIN and never moved. All are lent until after backward. *logits:
 * [n, classes] with their tangents, lent until the next forward. */
lethe_status lethe__exact_forward(lethe__exact *exact, lethe__mode mode, lethe__dual parameters,
                                  const double *buffers, lethe__dual *logits);

/* After forward: overwrites `gradients` [parameter_size], of which either may be NULL, given d loss / d
 * logits [n, classes] and its derivative along the direction. */
void lethe__exact_backward(lethe__exact *exact, lethe__dual diff_logits, lethe__dual gradients);

/* Mean cross-entropy of logits / temperature; fills diff_logits, and its tangent unless NULL. */
double lethe__exact_cross_entropy(lethe__dual logits, const int32_t *labels, int n, int classes,
                                  double temperature, lethe__dual diff_logits);

#endif
