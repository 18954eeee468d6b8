/* model.h - a network: a graph and flat f32 vectors of parameters and buffers, with named views into them. */
#ifndef LETHE_MODEL_H
#define LETHE_MODEL_H

#include <lethe/data.h>

typedef struct lethe_model lethe_model;

typedef struct lethe_model_info {
    char arch[32]; /* "resnet18", "resnet20s", ... */
    int classes, height, width, channels;
    float mean[LETHE_MAX_CHANNELS],
        std[LETHE_MAX_CHANNELS]; /* normalisation, the network's first operation */
    /* where it came from; empty strings when not known */
    char data_digest[LETHE_DIGEST_TEXT];   /* of the data set it was trained on */
    char parent_digest[LETHE_DIGEST_TEXT]; /* of the model file it was made from */
    char command[32];                      /* the lethe command that made it */
} lethe_model_info;

/* What a fresh model of `arch` for images of a data set is made from: its classes, shape and usual
 * normalisation. */
LETHE_API lethe_status lethe_model_info_for(const lethe_dataset_info *data, const char *arch,
                                            lethe_model_info *out);

/* One tensor of a model, lent. */
typedef struct lethe_tensor_view {
    const char *name; /* PyTorch's: "layer1.0.conv1.weight" */
    int n_dims;
    size_t shape[4]; /* convolution weights [out, in, kh, kw], linear [out, in], others [channels] */
    size_t size;     /* product of shape */
    float *values;
    uint8_t *mask; /* [size] 0 or 1; NULL: a tensor that pruning leaves alone, or a dense model */
    bool prunable;
} lethe_tensor_view;

/* The architectures that lethe_model_create knows, ended by NULL. */
LETHE_API const char *const *lethe_model_archs(void);

/* Builds `info->arch` for the classes, image shape and normalisation in `info`; weights are zero until
 * lethe_model_initialise or a load. LETHE_USAGE: unknown architecture or an image it cannot take. */
LETHE_API lethe_status lethe_model_create(const lethe_model_info *info, lethe_model **out);
LETHE_API lethe_status lethe_model_copy(const lethe_model *model, lethe_model **out);
LETHE_API void lethe_model_destroy(lethe_model **model);

/* PyTorch's initialisation rules of the architecture, drawn from `seed`; clears running statistics, not the
 * mask (masked weights are zero again). */
LETHE_API lethe_status lethe_model_initialise(lethe_model *model, uint64_t seed);

LETHE_API const lethe_model_info *lethe_model_get_info(const lethe_model *model);

LETHE_API size_t lethe_model_parameter_count(const lethe_model *model); /* scalars */
LETHE_API size_t
lethe_model_tensor_count(const lethe_model *model); /* parameter tensors, in PyTorch's order */
LETHE_API lethe_tensor_view lethe_model_tensor(lethe_model *model, size_t index);
LETHE_API size_t lethe_model_buffer_count(const lethe_model *model); /* running means and variances */
LETHE_API lethe_tensor_view lethe_model_buffer(lethe_model *model, size_t index);

/* Share of the prunable weights that the mask removes, 0 for a dense model. */
LETHE_API double lethe_model_sparsity(const lethe_model *model);

/* safetensors with PyTorch's names. Saving is atomic. Loading refuses whatever the format forbids. `expected`
 * may be NULL for files that carry lethe's metadata; a PyTorch export needs it (else LETHE_USAGE).
 * LETHE_INPUT names the file, and the tensor or rule that is wrong. */
LETHE_API lethe_status lethe_model_save(const lethe_model *model, const char *path);
LETHE_API lethe_status lethe_model_load(const char *path, const lethe_model_info *expected,
                                        lethe_model **out);

/* Logits of `samples` in evaluation mode, float32 [n, classes]; memory of the caller. LETHE_USAGE: images of
 * another shape than the model's, or no possible batch; LETHE_STOPPED: asked to stop. */
LETHE_API lethe_status lethe_model_predict(lethe_model *model, lethe_samples samples, size_t batch,
                                           const lethe_runtime *runtime, float *logits);

#endif
