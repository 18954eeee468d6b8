/* dataset.h - the inside of a data set, and the shelf of formats.
 *
 * Each data/dataset_FORMAT.c exports an array `lethe__formats_FORMAT` ended by an empty record; the build
 * makes the registry from the file names. */
#ifndef LETHE_DATA_DATASET_H
#define LETHE_DATA_DATASET_H

#include <lethe/data.h>

struct lethe_dataset {
    lethe_dataset_info info;
    char *path;
    uint8_t *train_images, *test_images; /* [n, h, w, c] */
    int32_t *train_labels, *test_labels;
};

typedef struct lethe__format {
    const char *name, *title;
    const char *directory; /* usual place; NULL: must be given; "": reads no files */
    float mean[LETHE_MAX_CHANNELS], std[LETHE_MAX_CHANNELS];
    /* Reads from `directory` and fills classes, shape, counts, images and labels (already limited). On
     * failure what was filled is destroyed by the caller. */
    lethe_status (*read)(const struct lethe__format *format, const char *directory,
                         const lethe_dataset_options *options, lethe_dataset *dataset);
} lethe__format;

#endif
