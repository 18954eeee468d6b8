/* split.c - dividing the training images into train and validation, and asking for a part.
 *
 * The hold-out is stratified: of the n_c images of class c, round(F n_c) are drawn without replacement by the
 * stream (seed, split, class). So a class keeps its share of the validation set, and the draw for one class
 * does not depend on the others. All randomness of a division is in its seed; once drawn it is stored with
 * the model and never drawn again. Cost: one pass over the labels for each class.
 *
 * The official code holds out floor(F n_c) instead, by one stream of numpy's legacy generator for all classes
 * in their order; lethe_split_create_official does the same. */
#include "data/split.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/numpy_random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void append(lethe_split *split, lethe_part part, uint32_t id) {
    split->ids[part][split->n[part]++] = id;
}

lethe_status lethe__split_allocate(const lethe_dataset *dataset, lethe_split **out) {
    const lethe_dataset_info *info = &dataset->info;
    lethe_split *split;
    LETHE_TRY(lethe__allocate(1, sizeof *split, &split));
    split->forget_class = -1;
    split->n_images = info->n_train;
    lethe_status status = lethe__allocate(info->n_train, 1, &split->roles);
    for (int part = 0; part < LETHE__N_PARTS && status == LETHE_OK; part++) {
        size_t room = part == LETHE_PART_TEST ? info->n_test : info->n_train;
        status = lethe__allocate(room, sizeof(uint32_t), &split->ids[part]);
    }
    if (status != LETHE_OK) {
        lethe_split_destroy(&split);
        return status;
    }
    memset(split->roles, LETHE_PART_RETAIN, info->n_train);
    for (size_t id = 0; id < info->n_test; id++)
        append(split, LETHE_PART_TEST, (uint32_t)id);
    lethe__split_fill(split);
    *out = split;
    return LETHE_OK;
}

void lethe_split_destroy(lethe_split **split) {
    lethe_split *this = *split;
    if (this == NULL)
        return;
    lethe__free(this->specification);
    lethe__free(this->roles);
    for (int part = 0; part < LETHE__N_PARTS; part++)
        lethe__free(this->ids[part]);
    lethe__free(this);
    *split = NULL;
}

void lethe__split_fill(lethe_split *split) {
    for (int part = 0; part < LETHE__N_PARTS; part++)
        if (part != LETHE_PART_TEST)
            split->n[part] = 0;
    for (size_t id = 0; id < split->n_images; id++) {
        lethe_part role = (lethe_part)split->roles[id];
        append(split, role, (uint32_t)id);
        if (role != LETHE_PART_VAL)
            append(split, LETHE_PART_TRAIN, (uint32_t)id);
    }
}

/* Lists the images of one class. */
static size_t list_class(const lethe_split *split, const int32_t *labels, int label, uint32_t *ids) {
    size_t n = 0;
    for (size_t id = 0; id < split->n_images; id++)
        if (labels[id] == label)
            ids[n++] = (uint32_t)id;
    return n;
}

/* Holds out the share of every class; `ids` is scratch for n_images. */
static void hold_out(lethe_split *split, const lethe_dataset *dataset, uint32_t *ids) {
    for (int label = 0; label < dataset->info.classes; label++) {
        size_t n = list_class(split, dataset->train_labels, label, ids);
        size_t held = (size_t)round(split->val_fraction * (double)n);
        lethe__random random = lethe__random_open(split->seed, LETHE__RANDOM_SPLIT, 0, (uint32_t)label);
        lethe__random_permute(&random, ids, n);
        for (size_t i = 0; i < held; i++)
            split->roles[ids[i]] = LETHE_PART_VAL;
    }
}

static void hold_out_official(lethe_split *split, const lethe_dataset *dataset, uint32_t *ids) {
    lethe__numpy_random random;
    lethe__numpy_random_seed(&random, (uint32_t)split->seed);
    for (int label = 0; label < dataset->info.classes; label++) {
        size_t n = list_class(split, dataset->train_labels, label, ids);
        size_t held = (size_t)(split->val_fraction * (double)n);
        lethe__numpy_random_permute(&random, ids, n);
        for (size_t i = 0; i < held; i++)
            split->roles[ids[i]] = LETHE_PART_VAL;
    }
}

typedef void holder(lethe_split *split, const lethe_dataset *dataset, uint32_t *ids);

static lethe_status fill_split(lethe_split *split, const lethe_dataset *dataset, holder *hold) {
    uint32_t *ids;
    LETHE_TRY(lethe__allocate(split->n_images, sizeof *ids, &ids));
    hold(split, dataset, ids);
    lethe__free(ids);
    lethe__split_fill(split);
    if (split->n[LETHE_PART_TRAIN] == 0)
        LETHE_FAIL(
            LETHE_INPUT,
            "a validation fraction of %g of each class leaves none of the %zu images for training; take "
            "a smaller one",
            split->val_fraction, split->n_images);
    return LETHE_OK;
}

static lethe_status create(const lethe_dataset *dataset, double val_fraction, uint64_t seed, holder *hold,
                           lethe_split **out) {
    if (!(val_fraction >= 0 && val_fraction < 1))
        LETHE_FAIL(LETHE_USAGE, "the validation fraction is %g, but must be at least 0 and below 1",
                   val_fraction);
    lethe_split *split;
    LETHE_TRY(lethe__split_allocate(dataset, &split));
    split->val_fraction = val_fraction;
    split->seed = seed;
    lethe_status status = fill_split(split, dataset, hold);
    if (status != LETHE_OK) {
        lethe_split_destroy(&split);
        return status;
    }
    *out = split;
    return LETHE_OK;
}

lethe_status lethe_split_create(const lethe_dataset *dataset, double val_fraction, uint64_t seed,
                                lethe_split **out) {
    return create(dataset, val_fraction, seed, hold_out, out);
}

lethe_status lethe__split_check_official(uint64_t seed) {
    if (seed > UINT32_MAX)
        LETHE_FAIL(LETHE_USAGE,
                   "numpy's generator, which the official split is drawn with, has no seed %" PRIu64
                   "; take a split seed from 1 to %" PRIu32,
                   seed, UINT32_MAX);
    return LETHE_OK;
}

lethe_status lethe_split_create_official(const lethe_dataset *dataset, double val_fraction, uint64_t seed,
                                         lethe_split **out) {
    LETHE_TRY(lethe__split_check_official(seed));
    return create(dataset, val_fraction, seed, hold_out_official, out);
}

const char *lethe_split_get_forget(const lethe_split *split) {
    return split->specification != NULL ? split->specification : "";
}

int lethe_split_get_forget_class(const lethe_split *split) {
    return split->forget_class;
}

uint64_t lethe_split_get_seed(const lethe_split *split) {
    return split->seed;
}

bool lethe_split_get_forget_random(const lethe_split *split) {
    return split->forget_random;
}

lethe_samples lethe_split_samples(const lethe_split *split, const lethe_dataset *dataset, lethe_part part) {
    bool test = part == LETHE_PART_TEST;
    return (lethe_samples){.dataset = dataset,
                           .images = test ? dataset->test_images : dataset->train_images,
                           .labels = test ? dataset->test_labels : dataset->train_labels,
                           .ids = split->ids[part],
                           .n = split->n[part]};
}

lethe_status lethe__split_digest(const lethe_split *split, lethe_part part, char text[LETHE_DIGEST_TEXT]) {
    return lethe__digest_memory(split->ids[part], split->n[part] * sizeof(uint32_t), text);
}
