/* model_load.c - a model from a safetensors file: lethe's own, or an export of PyTorch.
 *
 * What the network is comes from lethe's metadata or, without it, from the caller; where both speak they must
 * agree. The network then says which tensors there must be, and the file must hold exactly these, as with
 * load_state_dict(strict=True). Besides lethe's own form (see model_save.c) a file may have
 *   a prefix before every name        "state_dict.", "module." (DataParallel), or both
 *   NAME_orig and NAME_mask           torch.nn.utils.prune: the weight is their product
 *   normalize.mean, normalize.std     the official code's input normalisation; lethe's is in the metadata
 *   masks as BOOL or F32, and no num_batches_tracked
 * Nothing is taken on trust: shapes, dtypes, finite values, variances, mask values, zeros under the mask. */
#include "base/fail.h"
#include "base/memory.h"
#include "checkpoint/model_file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_NAMES = 3 };

/* Names to complain about: the first few, and how many there are. */
typedef struct name_list {
    char text[256];
    size_t n;
} name_list;

typedef struct loading {
    lethe__st_file file;
    size_t n_prefix; /* bytes before each name of the file */
    bool *used;      /* [file.n_tensors] */
    bool own;        /* the file has lethe's metadata */
    lethe_model_info info;
    lethe_model *model;
    name_list missing, unexpected;
} loading;

static void add_name(name_list *list, const char *name) {
    size_t used = strlen(list->text);
    if (list->n < SHOWN_NAMES)
        snprintf(list->text + used, sizeof list->text - used, "%s%.70s", list->n > 0 ? ", " : "", name);
    list->n++;
}

/* The names as part of a sentence. */
static const char *finish_names(name_list *list) {
    size_t used = strlen(list->text);
    if (list->n == 0)
        return "none";
    if (list->n > SHOWN_NAMES)
        snprintf(list->text + used, sizeof list->text - used, " and %zu more", list->n - SHOWN_NAMES);
    return list->text;
}

/* --- looking tensors up --- */

/* How many bytes of known prefixes stand before every name. */
static size_t common_prefix(const lethe__st_file *file) {
    static const char *const prefixes[] = {"state_dict.", "module."};
    size_t length = 0;
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
        size_t n = strlen(prefixes[p]);
        bool everywhere = file->n_tensors > 0;
        for (size_t i = 0; everywhere && i < file->n_tensors; i++)
            everywhere = strncmp(file->tensors[i].name + length, prefixes[p], n) == 0;
        length += everywhere ? n : 0;
    }
    return length;
}

static void write_shape(const lethe__st_tensor *tensor, char text[128]) {
    size_t used = (size_t)snprintf(text, 128, "[");
    for (int i = 0; i < tensor->n_dims && used < 128; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%" PRIu64, i > 0 ? ", " : "", tensor->shape[i]);
    if (used < 128)
        snprintf(text + used, 128 - used, "]");
}

/* The tensor called wanted->name, which must have the shape of `wanted`; NULL when there is none. */
static lethe_status take_shape(loading *this, const lethe__st_tensor *wanted, const lethe__st_tensor **out) {
    *out = NULL;
    for (size_t i = 0; i < this->file.n_tensors; i++) {
        const lethe__st_tensor *found = &this->file.tensors[i];
        if (strcmp(found->name + this->n_prefix, wanted->name) != 0)
            continue;
        if (found->n_dims != wanted->n_dims ||
            memcmp(found->shape, wanted->shape, (size_t)found->n_dims * sizeof *found->shape) != 0) {
            char has[128], must[128];
            write_shape(found, has);
            write_shape(wanted, must);
            LETHE_FAIL(LETHE_INPUT, "tensor '%s' has shape %s, but %s for %d classes has %s", wanted->name,
                       has, this->info.arch, this->info.classes, must);
        }
        this->used[i] = true;
        *out = found;
        return LETHE_OK;
    }
    return LETHE_OK;
}

/* The same, and of the dtype of `wanted`. */
static lethe_status take(loading *this, const lethe__st_tensor *wanted, const lethe__st_tensor **out) {
    LETHE_TRY(take_shape(this, wanted, out));
    if (*out != NULL && (*out)->dtype != wanted->dtype)
        LETHE_FAIL(LETHE_INPUT, "tensor '%s' is %s; lethe reads it as %s only: convert it before saving",
                   wanted->name, lethe__st_dtype_name((*out)->dtype), lethe__st_dtype_name(wanted->dtype));
    return LETHE_OK;
}

static lethe_status copy_finite(const lethe__st_tensor *tensor, const char *name, float *values) {
    memcpy(values, tensor->bytes, (size_t)tensor->n_bytes);
    for (size_t i = 0; i < tensor->n_bytes / sizeof(float); i++)
        if (!isfinite(values[i]))
            LETHE_FAIL(LETHE_INPUT,
                       "tensor '%s' holds %g at element %zu; its model has diverged or the file is "
                       "damaged",
                       name, (double)values[i], i);
    return LETHE_OK;
}

/* --- parameters and masks --- */

/* Element i as 0 or 1; -1: neither. */
static int mask_value(const lethe__st_tensor *mask, size_t i) {
    float value;
    if (mask->dtype != LETHE__ST_F32)
        value = ((const uint8_t *)mask->bytes)[i];
    else
        memcpy(&value, (const uint8_t *)mask->bytes + i * sizeof value, sizeof value);
    return value == 0.0f ? 0 : value == 1.0f ? 1 : -1;
}

/* Puts `mask` on a slot. Weights under it become zero when they are torch's `_orig` weights, and must be zero
 * already otherwise. */
static lethe_status load_mask(loading *this, const lethe__slot *slot, const lethe__st_tensor *mask,
                              bool orig) {
    if (mask->dtype != LETHE__ST_U8 && mask->dtype != LETHE__ST_BOOL && mask->dtype != LETHE__ST_F32)
        LETHE_FAIL(LETHE_INPUT, "tensor '%s_mask' is %s; a mask is U8, BOOL or F32", slot->name,
                   lethe__st_dtype_name(mask->dtype));
    LETHE_TRY(lethe__model_make_mask(this->model));
    const float *weights = this->model->weights.parameters + slot->offset;
    for (size_t i = 0; i < slot->size; i++) {
        int value = mask_value(mask, i);
        if (value < 0)
            LETHE_FAIL(LETHE_INPUT, "tensor '%s_mask' holds neither 0 nor 1 at element %zu", slot->name, i);
        if (value == 0 && !orig && weights[i] != 0.0f)
            LETHE_FAIL(LETHE_INPUT, "tensor '%s' holds %g at element %zu, which its mask says is removed",
                       slot->name, (double)weights[i], i);
        this->model->mask[slot->offset + i] = (uint8_t)value;
    }
    return LETHE_OK;
}

static lethe_status load_parameter(loading *this, const lethe__slot *slot) {
    char orig_name[LETHE__TENSOR_NAME_BYTES], mask_name[LETHE__TENSOR_NAME_BYTES];
    snprintf(orig_name, sizeof orig_name, "%s_orig", slot->name);
    snprintf(mask_name, sizeof mask_name, "%s_mask", slot->name);
    lethe__st_tensor wanted = lethe__slot_tensor(slot, slot->name, NULL);
    const lethe__st_tensor *weight, *mask = NULL;
    LETHE_TRY(take(this, &wanted, &weight));
    bool orig = weight == NULL && slot->prunable;
    if (orig) {
        wanted.name = orig_name;
        LETHE_TRY(take(this, &wanted, &weight));
    }
    if (weight == NULL) {
        add_name(&this->missing, slot->name);
        return LETHE_OK;
    }
    LETHE_TRY(copy_finite(weight, wanted.name, this->model->weights.parameters + slot->offset));
    if (!slot->prunable)
        return LETHE_OK;
    wanted.name = mask_name;
    LETHE_TRY(take_shape(this, &wanted, &mask));
    if (mask != NULL)
        return load_mask(this, slot, mask, orig);
    if (orig)
        add_name(&this->missing, mask_name);
    return LETHE_OK;
}

/* --- buffers --- */

/* PyTorch counts in every BatchNorm; where the counts differ the model has seen the largest. */
static lethe_status load_counter(loading *this, const char *name) {
    const lethe__st_tensor wanted = {.name = name, .dtype = LETHE__ST_I64}, *found;
    LETHE_TRY(take(this, &wanted, &found));
    if (found == NULL)
        return LETHE_OK;
    int64_t count;
    memcpy(&count, found->bytes, sizeof count);
    if (count < 0)
        LETHE_FAIL(LETHE_INPUT, "tensor '%s' is %" PRId64 "; a count cannot be negative", name, count);
    if (count > this->model->num_batches_tracked)
        this->model->num_batches_tracked = count;
    return LETHE_OK;
}

static lethe_status load_buffer(loading *this, const lethe__slot *slot) {
    const lethe__st_tensor wanted = lethe__slot_tensor(slot, slot->name, NULL), *found;
    char counter[LETHE__TENSOR_NAME_BYTES];
    LETHE_TRY(take(this, &wanted, &found));
    if (found == NULL) {
        add_name(&this->missing, slot->name);
        return LETHE_OK;
    }
    float *values = this->model->weights.buffers + slot->offset;
    LETHE_TRY(copy_finite(found, slot->name, values));
    if (lethe__slot_counter_name(slot, counter))
        return load_counter(this, counter);
    for (size_t i = 0; i < slot->size; i++)
        if (values[i] < 0.0f)
            LETHE_FAIL(LETHE_INPUT, "tensor '%s' holds %g at element %zu; a variance cannot be negative",
                       slot->name, (double)values[i], i);
    return LETHE_OK;
}

/* --- what the network is --- */

/* The official code's normalisation: must be that of lethe's metadata, or stands in for it. */
static lethe_status load_normalisation(loading *this, const char *name, float *values) {
    const lethe__st_tensor wanted = {.name = name,
                                     .dtype = LETHE__ST_F32,
                                     .n_dims = 1,
                                     .shape = {(uint64_t)this->info.channels}},
                           *found;
    float stored[LETHE_MAX_CHANNELS];
    LETHE_TRY(take(this, &wanted, &found));
    if (found == NULL)
        return LETHE_OK;
    LETHE_TRY(copy_finite(found, name, stored));
    for (int c = 0; c < this->info.channels; c++) {
        if (this->own && !(fabsf(stored[c] - values[c]) <= 1e-6f))
            LETHE_FAIL(LETHE_INPUT, "tensor '%s' holds %g for channel %d, but lethe's metadata %g", name,
                       (double)stored[c], c, (double)values[c]);
        values[c] = stored[c];
    }
    return LETHE_OK;
}

static lethe_status find_info(loading *this, const lethe_model_info *expected) {
    const char *json = lethe__st_get_metadata(&this->file, LETHE__MODEL_KEY);
    if (json == NULL && expected == NULL)
        LETHE_FAIL(LETHE_USAGE,
                   "has no metadata of lethe, so it is probably an export of PyTorch; say what it "
                   "is with --arch, --classes, --mean and --std");
    if (json == NULL) {
        this->info = *expected;
        return LETHE_OK;
    }
    this->own = true;
    LETHE_TRY(lethe__model_info_read(json, &this->info));
    const lethe_model_info *info = &this->info;
    if (expected != NULL && (strcmp(info->arch, expected->arch) != 0 || info->classes != expected->classes ||
                             info->channels != expected->channels || info->height != expected->height ||
                             info->width != expected->width))
        LETHE_FAIL(LETHE_INPUT,
                   "is a %s for %d classes and %dx%dx%d images; a %s for %d classes and %dx%dx%d "
                   "images is needed",
                   info->arch, info->classes, info->width, info->height, info->channels, expected->arch,
                   expected->classes, expected->width, expected->height, expected->channels);
    return LETHE_OK;
}

static lethe_status create_model(loading *this) {
    if (this->info.channels < 1 || this->info.channels > LETHE_MAX_CHANNELS)
        LETHE_FAIL(LETHE_USAGE, "images of %d channels: 1 to %d are possible", this->info.channels,
                   LETHE_MAX_CHANNELS);
    LETHE_TRY(load_normalisation(this, "normalize.mean", this->info.mean));
    LETHE_TRY(load_normalisation(this, "normalize.std", this->info.std));
    lethe_status status = lethe_model_create(&this->info, &this->model);
    /* what the file itself says is not the caller's mistake */
    return status == LETHE_USAGE && this->own ? LETHE_INPUT : status;
}

/* --- the whole --- */

static lethe_status load(loading *this, const lethe_model_info *expected) {
    this->n_prefix = common_prefix(&this->file);
    LETHE_TRY(lethe__allocate(this->file.n_tensors, sizeof *this->used, &this->used));
    LETHE_TRY(find_info(this, expected));
    LETHE_TRY(create_model(this));
    const lethe__graph *graph = this->model->graph;
    for (size_t i = 0; i < graph->n_parameters; i++)
        LETHE_TRY(load_parameter(this, &graph->parameters[i]));
    for (size_t i = 0; i < graph->n_buffers; i++)
        LETHE_TRY(load_buffer(this, &graph->buffers[i]));
    for (size_t i = 0; i < this->file.n_tensors; i++)
        if (!this->used[i])
            add_name(&this->unexpected, this->file.tensors[i].name);
    if (this->missing.n > 0 || this->unexpected.n > 0)
        LETHE_FAIL(LETHE_INPUT,
                   "is not a %s as PyTorch names it: missing tensors: %s; unexpected tensors: %s",
                   this->info.arch, finish_names(&this->missing), finish_names(&this->unexpected));
    lethe__model_apply_mask(this->model);
    return LETHE_OK;
}

lethe_status lethe_model_load(const char *path, const lethe_model_info *expected, lethe_model **out) {
    loading this = {0};
    LETHE_TRY(lethe__st_read(path, &this.file));
    lethe_status status = load(&this, expected);
    if (status == LETHE_OK) {
        *out = this.model;
    } else {
        lethe__fail_in(status, path);
        lethe_model_destroy(&this.model);
    }
    lethe__free(this.used);
    lethe__st_fini(&this.file);
    return status;
}
