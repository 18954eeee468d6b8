/* loss.c - softmax cross-entropy, the loss of every training here: for a sample with logits z and label l,
 *
 *     loss = log(1 + sum over k except the largest of exp(z[k] - z_max)) + (z_max - z[l])
 *     d loss / d z[k] = softmax[k] - [k = l]
 *
 * The largest logit is taken off first, so that exp does not overflow, and its own 1 is left to log1p, so
 * that the loss of a sample that is known well keeps its digits; sums run in double. A logit that is NaN or
 * plus infinity gives a loss that is not finite, which is how divergence is noticed. Cost: two calls of exp
 * for each logit. */
#include "engine/executor.h"
#include <math.h>

static int largest(const float *values, int n) {
    int best = 0;
    for (int k = 1; k < n; k++)
        if (values[k] > values[best])
            best = k;
    return best;
}

void lethe__cross_entropy(const float *logits, const int32_t *labels, int n, int classes, float scale,
                          float *diff_logits, float *losses, double *loss_sum, size_t *n_correct) {
    *loss_sum = 0;
    *n_correct = 0;
    for (int i = 0; i < n; i++) {
        const float *row = logits + (size_t)i * (size_t)classes;
        int best = largest(row, classes), label = labels[i];
        double others = 0;
        for (int k = 0; k < classes; k++)
            others += k == best ? 0 : exp((double)row[k] - (double)row[best]);
        double loss = log1p(others) + ((double)row[best] - (double)row[label]);
        *loss_sum += loss;
        *n_correct += best == label;
        if (losses != NULL)
            losses[i] = (float)loss;
        for (int k = 0; diff_logits != NULL && k < classes; k++) {
            double softmax = exp((double)row[k] - (double)row[best]) / (1 + others);
            diff_logits[(size_t)i * (size_t)classes + (size_t)k] =
                (float)((double)scale * (softmax - (k == label)));
        }
    }
}
