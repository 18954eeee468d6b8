/* example.h - what the examples share: giving up with the library's own sentence, and a small data set. */
#ifndef LETHE_EXAMPLE_H
#define LETHE_EXAMPLE_H

#include <lethe/lethe.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must(lethe_status status) {
    if (status == LETHE_OK)
        return;
    fprintf(stderr, "%s: %s\n", lethe_status_text(status), lethe_last_message());
    exit(lethe_status_exit_code(status));
}

/* 400 synthetic images of ten classes, learnt in seconds. */
static inline lethe_dataset *open_images(void) {
    lethe_dataset_options options;
    must(lethe_options_defaults(lethe_dataset_option_table,
                                &options)); /* every options structure has a table */
    options.name = "synthetic";
    options.synthetic_train = 400;
    options.synthetic_test = 100;
    lethe_dataset *dataset = NULL;
    must(lethe_dataset_open(&options, &dataset));
    return dataset;
}

#endif
