/* wreck.h - has an unlearning destroyed the model? */
#ifndef LETHE_EXPERIMENT_WRECK_H
#define LETHE_EXPERIMENT_WRECK_H

#include "experiment/subject.h"

enum { LETHE__ADVICE_TEXT = 96 };

/* Accuracy in percent of the subject's model, as it is now, on a bounded number of retain samples. */
lethe_status lethe__wreck_accuracy(const lethe__subject *subject, const lethe_runtime *runtime, double *out);

/* What to change when `method` has destroyed a model, in a few words, by the options that it has. */
void lethe__wreck_advise(const lethe_unlearn_method *method, char text[LETHE__ADVICE_TEXT]);

#endif
