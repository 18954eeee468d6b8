/* wreck.h - has an unlearning destroyed the model? */
#ifndef LETHE_EXPERIMENT_WRECK_H
#define LETHE_EXPERIMENT_WRECK_H

#include "experiment/subject.h"

/* Accuracy in percent of the subject's model, as it is now, on a bounded number of retain samples. */
lethe_status lethe__wreck_accuracy(const lethe__subject *subject, const lethe_runtime *runtime, double *out);

#endif
