/* model_file.h - what saving and loading a model share: how its tensors are called in a file, and lethe's
 * entry in the metadata. */
#ifndef LETHE_CHECKPOINT_MODEL_FILE_H
#define LETHE_CHECKPOINT_MODEL_FILE_H

#include "checkpoint/safetensors.h"
#include "models/model.h"

enum { LETHE__TENSOR_NAME_BYTES = LETHE__NAME_BYTES + 24 };

/* Metadata key of the JSON text that describes the model. */
#define LETHE__MODEL_KEY "lethe"

/* The F32 tensor that holds `slot`; name and bytes are lent. */
lethe__st_tensor lethe__slot_tensor(const lethe__slot *slot, const char *name, const void *bytes);

/* Each BatchNorm has a counter of batches beside its running mean: true, and the counter's name, when
 * `buffer` is a running mean. */
bool lethe__slot_counter_name(const lethe__slot *buffer, char name[LETHE__TENSOR_NAME_BYTES]);

/* `info` as one JSON object, freed by lethe__free. Equal models give equal texts: no time, no host.
 * LETHE_USAGE: a text of `info` is not printable ASCII. */
lethe_status lethe__model_info_write(const lethe_model_info *info, char **json);
/* LETHE_INPUT says what is missing, of a wrong type or out of range. */
lethe_status lethe__model_info_read(const char *json, lethe_model_info *out);

#endif
