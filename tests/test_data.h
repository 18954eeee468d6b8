/* test_data.h - what the tests of room data share: small synthetic data sets. */
#ifndef LETHE_TEST_DATA_H
#define LETHE_TEST_DATA_H

#include "data/dataset.h"
#include "test_base.h"

static inline lethe_dataset_options data_options(const char *name) {
    lethe_dataset_options options = {0};
    assert_done(lethe_options_defaults(lethe_dataset_option_table, &options));
    options.name = name;
    return options;
}

/* n_train training and 30 test images of 3 classes, 8 x 8 x channels. */
static inline lethe_dataset *open_small(size_t n_train, int channels) {
    lethe_dataset_options options = data_options("synthetic");
    options.synthetic_classes = 3;
    options.synthetic_train = n_train;
    options.synthetic_test = 30;
    options.synthetic_size = 8;
    options.synthetic_channels = channels;
    lethe_dataset *dataset = NULL;
    assert_done(lethe_dataset_open(&options, &dataset));
    return dataset;
}

#endif
