/* predict.h - forward passes over several sets of samples with one executor, and what they mean. */
#ifndef LETHE_EVALUATE_PREDICT_H
#define LETHE_EVALUATE_PREDICT_H

#include <lethe/model.h>

/* Logits in evaluation mode of the samples of `parts`, one part after the other: f32 [sum of n, classes],
 * memory of the caller. LETHE_INPUT: images of another shape than the model's; LETHE_STOPPED: the runtime's
 * stop flag was raised. */
lethe_status lethe__predict(lethe_model *model, const lethe_samples *parts, size_t n_parts, size_t batch,
                            const lethe_runtime *runtime, float *logits);

/* Turns each row of logits [n, classes] into probabilities, in place. */
void lethe__softmax(float *logits, size_t n, size_t classes);

#endif
