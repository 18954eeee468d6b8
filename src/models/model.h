/* model.h - the inside of a model, and the shelf of architectures. */
#ifndef LETHE_MODELS_MODEL_H
#define LETHE_MODELS_MODEL_H

#include "engine/executor.h"
#include <lethe/model.h>

struct lethe_model {
    lethe_model_info info;
    lethe__graph *graph;
    lethe__weights weights;
    uint8_t *mask; /* [graph->parameter_size] 0 or 1, all 1 outside prunable slots; NULL: dense */
    int64_t num_batches_tracked; /* PyTorch's counter, the same for every BatchNorm */
};

/* One architecture: builds its graph from the model's information. Each models/arch_FAMILY.c exports an array
 * `lethe__archs_FAMILY` ended by an empty record; the build makes the registry from the file names. */
typedef struct lethe__arch {
    const char *name, *title, *source;
    lethe_status (*build)(lethe__graph *graph, const lethe_model_info *info);
} lethe__arch;

/* Made by the build: the arrays of all families, ended by NULL. */
const lethe__arch *const *lethe__arch_families(void);

lethe_status lethe__arch_find(const char *name, const lethe__arch **out);

/* Writes the parameters and running statistics of `from` to `to`, whose mask stays on. LETHE_USAGE: the two
 * are of different networks. */
lethe_status lethe__model_copy_weights(const lethe_model *from, lethe_model *to);

/* Gives a dense model an all-ones mask. */
lethe_status lethe__model_make_mask(lethe_model *model);
/* Zeroes masked weights and adds 1 to the version. */
void lethe__model_apply_mask(lethe_model *model);

#endif
