/* dataset.c - opening a data set by name: finds its format on the shelf, reads it whole, and digests it.
 *
 * The digest identifies what a model was trained on: BLAKE2b-256 over classes, shape and counts, and then the
 * images and labels that were kept, as they lie in memory (all machines that lethe runs on are
 * little-endian). A split is only good for the data set whose digest it names, so another --limit, another
 * order or one changed pixel is noticed. Cost: 50 ms for the 47 MB of Fashion-MNIST. */
#include "data/dataset.h"
#include "base/digest.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/suggest.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

const lethe_option lethe_dataset_option_table[] = {
    {.name = "dataset",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_dataset_options, name),
     .value = "fashion-mnist",
     .placeholder = "NAME",
     .help = "data set: fashion-mnist, mnist, cifar10, cifar100 or synthetic"},
    {.name = "data-dir",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_dataset_options, directory),
     .placeholder = "DIR",
     .help = "folder that holds its files, where that is not the usual place"},
    {.name = "limit",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_dataset_options, limit),
     .value = "0",
     .placeholder = "N",
     .help = "keep the first N training images; 0 keeps all"},
    {.name = "test-limit",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_dataset_options, test_limit),
     .value = "0",
     .placeholder = "N",
     .help = "keep the first N test images; 0 keeps all"},
    {.name = "synthetic-classes",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_dataset_options, synthetic_classes),
     .value = "10",
     .minimum = 2,
     .maximum = 1000,
     .placeholder = "N",
     .help = "synthetic data set: classes"},
    {.name = "synthetic-train",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_dataset_options, synthetic_train),
     .value = "2000",
     .minimum = 1,
     .maximum = 1e7,
     .placeholder = "N",
     .help = "synthetic data set: training images"},
    {.name = "synthetic-test",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_dataset_options, synthetic_test),
     .value = "500",
     .minimum = 1,
     .maximum = 1e7,
     .placeholder = "N",
     .help = "synthetic data set: test images"},
    {.name = "synthetic-size",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_dataset_options, synthetic_size),
     .value = "28",
     .minimum = 8,
     .maximum = 256,
     .placeholder = "N",
     .help = "synthetic data set: height and width of an image"},
    {.name = "synthetic-channels",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_dataset_options, synthetic_channels),
     .value = "1",
     .minimum = 1,
     .maximum = LETHE_MAX_CHANNELS,
     .placeholder = "N",
     .help = "synthetic data set: channels"},
    {.name = "synthetic-seed",
     .type = LETHE_OPTION_UINT64,
     .offset = offsetof(lethe_dataset_options, synthetic_seed),
     .value = "1",
     .placeholder = "N",
     .help = "synthetic data set: where its random numbers start from"},
    LETHE_OPTIONS_END,
};

enum { MOST_NAMES = 63 };
static const char *names[MOST_NAMES + 1];
static size_t n_names;

static void collect_names(void) {
    for (const lethe__format *const *family = lethe__format_families(); *family != NULL; family++)
        for (const lethe__format *format = *family; format->name != NULL && n_names < MOST_NAMES; format++)
            names[n_names++] = format->name;
}

const char *const *lethe_dataset_names(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, collect_names);
    return names;
}

static lethe_status find_format(const char *name, const lethe__format **out) {
    for (const lethe__format *const *family = lethe__format_families(); *family != NULL; family++) {
        for (const lethe__format *format = *family; format->name != NULL; format++) {
            if (strcmp(format->name, name) == 0) {
                *out = format;
                return LETHE_OK;
            }
        }
    }
    const char *const *known = lethe_dataset_names(); /* before n_names is read */
    LETHE_FAIL_UNKNOWN("data set", name, known, n_names);
}

static lethe_status find_directory(const lethe__format *format, const char *given, const char **out) {
    const char *directory = given != NULL ? given : format->directory;
    if (directory == NULL)
        LETHE_FAIL(LETHE_USAGE, "the data set %s has no usual place; name the folder with --data-dir: %s",
                   format->name, format->expects);
    bool reads_files = format->expects != NULL;
    if (given != NULL && !reads_files)
        LETHE_FAIL(LETHE_USAGE, "the data set %s reads no files; leave out --data-dir %s", format->name,
                   given);
    if (reads_files && !lethe__folder_exists(directory))
        LETHE_FAIL(LETHE_INPUT, "%s: there is no such folder; the data set %s needs one with %s", directory,
                   format->name, format->expects);
    *out = directory;
    return LETHE_OK;
}

static lethe_status digest_dataset(lethe_dataset *dataset) {
    lethe_dataset_info *info = &dataset->info;
    const uint64_t header[] = {(uint64_t)info->classes,  (uint64_t)info->height, (uint64_t)info->width,
                               (uint64_t)info->channels, info->n_train,          info->n_test};
    lethe__digest *digest;
    LETHE_TRY(lethe__digest_create(&digest));
    lethe__digest_update(digest, header, sizeof header);
    lethe__digest_update(digest, dataset->train_images, info->n_train * lethe__image_bytes(info));
    lethe__digest_update(digest, dataset->train_labels, info->n_train * sizeof(int32_t));
    lethe__digest_update(digest, dataset->test_images, info->n_test * lethe__image_bytes(info));
    lethe__digest_update(digest, dataset->test_labels, info->n_test * sizeof(int32_t));
    lethe__digest_finish(&digest, info->digest);
    return LETHE_OK;
}

static lethe_status dataset_read(const lethe__format *format, const char *directory,
                                 const lethe_dataset_options *options, lethe_dataset *dataset) {
    lethe_dataset_info *info = &dataset->info;
    LETHE_TRY(lethe__copy_text(directory, &dataset->path));
    LETHE_TRY(format->read(directory, options, dataset));
    snprintf(info->name, sizeof info->name, "%s", format->name);
    info->path = dataset->path;
    memcpy(info->mean, format->mean, sizeof info->mean);
    memcpy(info->std, format->std, sizeof info->std);
    return digest_dataset(dataset);
}

lethe_status lethe_dataset_open(const lethe_dataset_options *options, lethe_dataset **out) {
    const lethe__format *format = NULL;
    const char *directory = NULL;
    LETHE_TRY(find_format(options->name != NULL ? options->name : "", &format));
    LETHE_TRY(find_directory(format, options->directory, &directory));
    lethe_dataset *dataset;
    LETHE_TRY(lethe__allocate(1, sizeof *dataset, &dataset));
    lethe_status status = dataset_read(format, directory, options, dataset);
    if (status != LETHE_OK) {
        lethe_dataset_destroy(&dataset);
        return status;
    }
    *out = dataset;
    return LETHE_OK;
}

void lethe_dataset_destroy(lethe_dataset **dataset) {
    lethe_dataset *this = *dataset;
    if (this == NULL)
        return;
    lethe__free(this->path);
    lethe__free(this->train_images);
    lethe__free(this->test_images);
    lethe__free(this->train_labels);
    lethe__free(this->test_labels);
    lethe__free(this);
    *dataset = NULL;
}

const lethe_dataset_info *lethe_dataset_get_info(const lethe_dataset *dataset) {
    return &dataset->info;
}
