/* dataset_idx.c - Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) and MNIST (LeCun 1998): the IDX format.
 *
 * An IDX file is: two zero bytes, the type of the values (8: unsigned bytes, the only one here), the number
 * of dimensions, the dimensions as big-endian 32-bit numbers, and the values, the last dimension fastest.
 * Images are [n, rows, columns], labels [n]; each file may be gzipped. The files say nothing that is believed
 * unseen: the dimensions must multiply to exactly the bytes that follow, every label must be a class, and
 * there must be a label for each image. A file that unpacks to more than 64 MiB (the largest real one has 47)
 * is refused when that much has been unpacked. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include <string.h>

enum { CLASSES = 10, MOST_BYTES = 1 << 26, UNSIGNED_BYTES = 8, MOST_DIMENSIONS = 3 };

typedef struct idx {
    char *path;
    uint8_t *bytes;        /* the file, unpacked */
    const uint8_t *values; /* within `bytes` */
    size_t sizes[MOST_DIMENSIONS];
} idx;

static void idx_fini(idx *file) {
    lethe__free(file->path);
    lethe__free(file->bytes);
}

/* The path of STEM or STEM.gz, whichever is there. */
static lethe_status find_file(const char *directory, const char *stem, char **out) {
    const char *const endings[] = {"", ".gz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path;
        LETHE_TRY(lethe__format_text(&path, "%s/%s%s", directory, stem, endings[i]));
        if (lethe__file_exists(path)) {
            *out = path;
            return LETHE_OK;
        }
        lethe__free(path);
    }
    LETHE_FAIL(LETHE_INPUT, "%s: holds neither %s nor %s.gz; give the folder of the data set with --data-dir",
               directory, stem, stem);
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Checks the header of a file of n bytes and points `values` behind it. */
static lethe_status parse_header(idx *file, size_t n, size_t dimensions) {
    const uint8_t *bytes = file->bytes;
    size_t header = 4 + 4 * dimensions, product = 1;
    if (n < header)
        LETHE_FAIL(LETHE_INPUT, "%s: is %zu bytes long, too short for an IDX header of %zu", file->path, n,
                   header);
    if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != UNSIGNED_BYTES || bytes[3] != dimensions)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: begins with the bytes %02x %02x %02x %02x, not 00 00 08 %02x: it is no IDX file of "
                   "unsigned bytes in %zu dimensions",
                   file->path, bytes[0], bytes[1], bytes[2], bytes[3], (unsigned)dimensions, dimensions);
    for (size_t i = 0; i < dimensions; i++) {
        file->sizes[i] = big_endian(bytes + 4 + 4 * i);
        if (__builtin_mul_overflow(product, file->sizes[i], &product))
            LETHE_FAIL(LETHE_INPUT, "%s: its header announces more values than a file can hold", file->path);
    }
    if (product == 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its header announces no values", file->path);
    if (product != n - header)
        LETHE_FAIL(LETHE_INPUT, "%s: its header announces %zu values, but %zu follow it; the file is damaged",
                   file->path, product, n - header);
    file->values = bytes + header;
    return LETHE_OK;
}

/* On failure, too, `out` is left for idx_fini. */
static lethe_status idx_read(const char *directory, const char *stem, size_t dimensions, idx *out) {
    size_t n = 0;
    LETHE_TRY(find_file(directory, stem, &out->path));
    LETHE_TRY(lethe__file_read_gzip(out->path, MOST_BYTES, &out->bytes, &n));
    return parse_header(out, n, dimensions);
}

/* The training half or the test half: where it is read from and where it goes. */
typedef struct half_files {
    const char *images_name, *labels_name;
    size_t limit, *n;
    uint8_t **images;
    int32_t **labels;
} half_files;

static lethe_status keep_images(const idx *file, const half_files *half, lethe_dataset_info *info) {
    int rows = (int)file->sizes[1], columns = (int)file->sizes[2]; /* at most MOST_BYTES */
    if (info->height == 0) {
        info->height = rows;
        info->width = columns;
    }
    if (rows != info->height || columns != info->width)
        LETHE_FAIL(LETHE_INPUT, "%s: its images are %d x %d, those of the training set %d x %d", file->path,
                   rows, columns, info->height, info->width);
    size_t bytes = (size_t)rows * (size_t)columns;
    *half->n = lethe__limited(file->sizes[0], half->limit);
    LETHE_TRY(lethe__allocate(*half->n, bytes, half->images));
    memcpy(*half->images, file->values, *half->n * bytes);
    return LETHE_OK;
}

static lethe_status keep_labels(const idx *file, const idx *images, const half_files *half) {
    if (file->sizes[0] != images->sizes[0])
        LETHE_FAIL(LETHE_INPUT, "%s: holds %zu labels for the %zu images of %s", file->path, file->sizes[0],
                   images->sizes[0], images->path);
    for (size_t i = 0; i < file->sizes[0]; i++)
        if (file->values[i] >= CLASSES)
            LETHE_FAIL(LETHE_INPUT, "%s: label %zu is %u, but there are %d classes", file->path, i,
                       (unsigned)file->values[i], CLASSES);
    LETHE_TRY(lethe__allocate(*half->n, sizeof(int32_t), half->labels));
    for (size_t i = 0; i < *half->n; i++)
        (*half->labels)[i] = file->values[i];
    return LETHE_OK;
}

static lethe_status read_half(const char *directory, const half_files *half, lethe_dataset_info *info) {
    idx images = {0}, labels = {0};
    lethe_status status = idx_read(directory, half->images_name, 3, &images);
    if (status == LETHE_OK)
        status = idx_read(directory, half->labels_name, 1, &labels);
    if (status == LETHE_OK)
        status = keep_images(&images, half, info);
    if (status == LETHE_OK)
        status = keep_labels(&labels, &images, half);
    idx_fini(&images);
    idx_fini(&labels);
    return status;
}

static lethe_status idx_dataset_read(const char *directory, const lethe_dataset_options *options,
                                     lethe_dataset *dataset) {
    lethe_dataset_info *info = &dataset->info;
    info->classes = CLASSES;
    info->channels = 1;
    const half_files train = {
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", options->limit, &info->n_train,
        &dataset->train_images,    &dataset->train_labels};
    const half_files test = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
                             options->test_limit,      &info->n_test,
                             &dataset->test_images,    &dataset->test_labels};
    LETHE_TRY(read_half(directory, &train, info));
    return read_half(directory, &test, info);
}

#define FILES                                                                                                \
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, "  \
    "each gzipped (.gz) or not"

const lethe__format lethe__datasets_idx[] = {
    {.name = "fashion-mnist",
     .title = "Fashion-MNIST: 70,000 pictures of clothing, 28 x 28 grey, 10 classes",
     .directory = "/usr/share/datasets/fashion-mnist",
     .expects = FILES "; the Debian package dataset-fashion-mnist brings them",
     .mean = {0.2860f},
     .std = {0.3530f},
     .read = idx_dataset_read},
    {.name = "mnist",
     .title = "MNIST: 70,000 handwritten digits, 28 x 28 grey, 10 classes",
     .expects = FILES,
     .mean = {0.1307f},
     .std = {0.3081f},
     .read = idx_dataset_read},
    {.name = NULL},
};
