/* tiny_training.h - a training that takes milliseconds: 28x28 images made by formula, a ResNet-20s, and a
 * runtime; for the tests of train, prune and unlearn. */
#ifndef LETHE_TESTS_TINY_TRAINING_H
#define LETHE_TESTS_TINY_TRAINING_H

#include "fixture.h"

#include "base/memory.h"
#include "data/dataset.h"
#include "train/trainer.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TINY_SIDE = 28, TINY_PIXELS = TINY_SIDE * TINY_SIDE, TINY_N = 16, TINY_CLASSES = 4 };

typedef struct tiny_setup {
    uint8_t images[TINY_N * TINY_PIXELS];
    int32_t labels[TINY_N];
    uint32_t ids[TINY_N];
    lethe_dataset dataset;
    lethe_runtime runtime;
    volatile sig_atomic_t stop;
    char folder[64], checkpoint[96];
} tiny_setup;

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != LETHE_OK)                                                                              \
            fail_msg("%s", lethe_last_message());                                                            \
    } while (0)

/* Class k has a bright band at a place of its own, under noise. The checkpoint lies in a fresh folder. */
static inline void tiny_open(tiny_setup *tiny) {
    memset(tiny, 0, sizeof *tiny);
    uint64_t key = fixture_key("tiny", 1);
    for (int i = 0; i < TINY_N; i++) {
        tiny->labels[i] = i % TINY_CLASSES;
        tiny->ids[i] = (uint32_t)i;
        for (int k = 0; k < TINY_PIXELS; k++) {
            bool bright = k / (TINY_PIXELS / TINY_CLASSES) == tiny->labels[i];
            double noise = fixture_stream(key, (uint64_t)(i * TINY_PIXELS + k));
            tiny->images[i * TINY_PIXELS + k] = (uint8_t)((bright ? 120 : 0) + 130 * noise);
        }
    }
    tiny->dataset.info = (lethe_dataset_info){.name = "tiny",
                                              .path = "",
                                              .classes = TINY_CLASSES,
                                              .height = TINY_SIDE,
                                              .width = TINY_SIDE,
                                              .channels = 1,
                                              .n_train = TINY_N,
                                              .mean = {0.3f},
                                              .std = {0.3f}};
    tiny->dataset.train_images = tiny->images;
    tiny->dataset.train_labels = tiny->labels;
    assert_ok(lethe_runtime_defaults(&tiny->runtime));
    tiny->runtime.precision = LETHE_PRECISION_F32;
    tiny->runtime.threads = 1; /* others may be using the machine: two threads would wait for each other */
    snprintf(tiny->folder, sizeof tiny->folder, "/tmp/lethe-test-XXXXXX");
    assert_non_null(mkdtemp(tiny->folder));
    snprintf(tiny->checkpoint, sizeof tiny->checkpoint, "%s/checkpoint.safetensors", tiny->folder);
}

static inline void tiny_close(tiny_setup *tiny) {
    unlink(tiny->checkpoint);
    assert_int_equal(rmdir(tiny->folder), 0);
}

/* `n` samples from `first` on. */
static inline lethe_samples tiny_samples(const tiny_setup *tiny, size_t first, size_t n) {
    return (lethe_samples){.dataset = &tiny->dataset,
                           .images = tiny->images,
                           .labels = tiny->labels,
                           .ids = tiny->ids + first,
                           .n = n};
}

static inline lethe_model *tiny_model(const tiny_setup *tiny, uint64_t seed) {
    lethe_model_info info;
    lethe_model *model;
    assert_ok(lethe_model_info_for(&tiny->dataset.info, "resnet20s", &info));
    assert_ok(lethe_model_create(&info, &model));
    assert_ok(lethe_model_initialise(model, seed));
    return model;
}

static inline lethe_fit_options tiny_fit(int epochs) {
    lethe_fit_options fit = {0};
    assert_ok(lethe_options_defaults(lethe_fit_option_table, &fit));
    fit.epochs = epochs;
    fit.batch = 4;
    return fit;
}

static inline void assert_same_model(const lethe_model *a, const lethe_model *b) {
    size_t n = a->graph->parameter_size;
    assert_memory_equal(a->weights.parameters, b->weights.parameters, n * sizeof(float));
    assert_memory_equal(a->weights.buffers, b->weights.buffers, a->graph->buffer_size * sizeof(float));
    assert_int_equal(a->mask == NULL, b->mask == NULL);
    if (a->mask != NULL)
        assert_memory_equal(a->mask, b->mask, n);
    assert_int_equal(a->num_batches_tracked, b->num_batches_tracked);
}

/* Every masked weight is zero. */
static inline void assert_mask_kept(const lethe_model *model) {
    assert_non_null(model->mask);
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        if (!model->mask[i] && model->weights.parameters[i] != 0)
            fail_msg("masked weight %zu is %g", i, (double)model->weights.parameters[i]);
}

#endif
