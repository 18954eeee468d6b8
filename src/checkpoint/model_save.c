/* model_save.c - a model as a safetensors file that PyTorch's load_state_dict takes.
 *
 * Tensors bear PyTorch's names and layouts, which are those of the flat vectors, so nothing is converted:
 *   NAME                      F32   every parameter and every running statistic
 *   BN.num_batches_tracked    I64   a scalar for each BatchNorm; lethe counts once for all of them
 *   NAME_mask                 U8    0 or 1, beside each convolution weight of a model with a mask; the weight
 *                                   itself holds zeros where the mask does
 * Nothing in the file depends on when or where it was written: equal models give equal bytes. */
#include "base/fail.h"
#include "base/memory.h"
#include "checkpoint/model_file.h"
#include <stdio.h>
#include <string.h>

typedef char tensor_name[LETHE__TENSOR_NAME_BYTES];

lethe__st_tensor lethe__slot_tensor(const lethe__slot *slot, const char *name, const void *bytes) {
    lethe__st_tensor tensor = {.name = name,
                               .dtype = LETHE__ST_F32,
                               .n_dims = slot->n_dims,
                               .n_bytes = slot->size * sizeof(float),
                               .bytes = bytes};
    for (int i = 0; i < slot->n_dims; i++)
        tensor.shape[i] = slot->shape[i];
    return tensor;
}

bool lethe__slot_counter_name(const lethe__slot *buffer, char name[LETHE__TENSOR_NAME_BYTES]) {
    static const char leaf[] = ".running_mean";
    size_t n = strlen(buffer->name), n_leaf = sizeof leaf - 1;
    if (n < n_leaf || strcmp(buffer->name + n - n_leaf, leaf) != 0)
        return false;
    snprintf(name, LETHE__TENSOR_NAME_BYTES, "%.*s.num_batches_tracked", (int)(n - n_leaf), buffer->name);
    return true;
}

/* Lists the tensors of `model`, which lends their bytes; `names` holds the names that no slot has. Returns
 * how many there are, at most two for each slot. */
static size_t list_tensors(const lethe_model *model, tensor_name *names, lethe__st_tensor *tensors) {
    const lethe__graph *graph = model->graph;
    size_t n = 0;
    for (size_t i = 0; i < graph->n_parameters; i++) {
        const lethe__slot *slot = &graph->parameters[i];
        tensors[n++] = lethe__slot_tensor(slot, slot->name, model->weights.parameters + slot->offset);
        if (model->mask == NULL || !slot->prunable)
            continue;
        snprintf(names[n], sizeof names[n], "%s_mask", slot->name);
        tensors[n] = lethe__slot_tensor(slot, names[n], model->mask + slot->offset);
        tensors[n].dtype = LETHE__ST_U8;
        tensors[n++].n_bytes = slot->size;
    }
    for (size_t i = 0; i < graph->n_buffers; i++) {
        const lethe__slot *slot = &graph->buffers[i];
        tensors[n++] = lethe__slot_tensor(slot, slot->name, model->weights.buffers + slot->offset);
        if (!lethe__slot_counter_name(slot, names[n]))
            continue;
        tensors[n] = (lethe__st_tensor){.name = names[n],
                                        .dtype = LETHE__ST_I64,
                                        .n_bytes = sizeof model->num_batches_tracked,
                                        .bytes = &model->num_batches_tracked};
        n++;
    }
    return n;
}

lethe_status lethe_model_save(const lethe_model *model, const char *path) {
    size_t capacity = 2 * (model->graph->n_parameters + model->graph->n_buffers);
    tensor_name *names = NULL;
    lethe__st_tensor *tensors = NULL;
    char *json = NULL;
    lethe_status status = lethe__allocate(capacity, sizeof *names, &names);
    if (status == LETHE_OK)
        status = lethe__allocate(capacity, sizeof *tensors, &tensors);
    if (status == LETHE_OK)
        status = lethe__model_info_write(&model->info, &json);
    if (status == LETHE_OK) {
        const lethe__st_metadata metadata[] = {{"format", "pt"}, {LETHE__MODEL_KEY, json}};
        size_t n = list_tensors(model, names, tensors);
        status = lethe__st_write(path, tensors, n, metadata, 2);
    }
    lethe__free(names);
    lethe__free(tensors);
    lethe__free(json);
    return status;
}
