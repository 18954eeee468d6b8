/* distance.c - how far training has moved the weights that the mask keeps. */
#include "base/fail.h"
#include "models/model.h"
#include <lethe/analyze.h>
#include <math.h>
#include <string.h>

lethe_status lethe_model_distance(const lethe_model *model, const lethe_model *initial, double *out) {
    if (strcmp(model->info.arch, initial->info.arch) != 0 ||
        model->graph->parameter_size != initial->graph->parameter_size)
        LETHE_FAIL(LETHE_USAGE, "the model is %s with %zu parameters, its initial weights are %s with %zu",
                   model->info.arch, model->graph->parameter_size, initial->info.arch,
                   initial->graph->parameter_size);
    double sum = 0;
    for (size_t i = 0; i < model->graph->parameter_size; i++) {
        double moved = (double)model->weights.parameters[i] - (double)initial->weights.parameters[i];
        if (model->mask == NULL || model->mask[i])
            sum += moved * moved;
    }
    *out = sqrt(sum);
    return LETHE_OK;
}
