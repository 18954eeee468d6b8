/* distance.c - how far training has moved the weights that the mask keeps. */
#include "base/fail.h"
#include "models/model.h"
#include <lethe/analyze.h>
#include <math.h>
#include <string.h>

static double squared_distance(const float *a, const float *b, const uint8_t *mask, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double moved = (double)a[i] - (double)b[i];
        sum += mask == NULL || mask[i] ? moved * moved : 0;
    }
    return sum;
}

lethe_status lethe_model_distance(const lethe_model *model, const lethe_model *initial, double *out) {
    size_t n = model->graph->parameter_size;
    if (strcmp(model->info.arch, initial->info.arch) != 0 || n != initial->graph->parameter_size)
        LETHE_FAIL(LETHE_USAGE, "the model is %s with %zu parameters, its initial weights are %s with %zu",
                   model->info.arch, n, initial->info.arch, initial->graph->parameter_size);
    *out = sqrt(squared_distance(model->weights.parameters, initial->weights.parameters, model->mask, n));
    return LETHE_OK;
}
