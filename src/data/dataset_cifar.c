/* dataset_cifar.c - CIFAR-10 and CIFAR-100 (Krizhevsky 2009), the binary versions.
 *
 * A file is a row of records without a header: the label (CIFAR-100: the coarse label, then the fine one,
 * which is the class) and 32 x 32 bytes each of red, green and blue. All there is to check is the length of a
 * file, which is known exactly, and the range of the labels. The planes are interleaved on reading, as lethe
 * keeps images [n, height, width, channels]. The order of the images is that of the Python version, so ids
 * mean the same. Only as many files are read as --limit needs. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, CHANNELS = 3, IMAGE = CHANNELS * PLANE, MOST_LABELS = 2 };

/* The training half or the test half. */
typedef struct half_files {
    const char *const *files; /* ended by NULL */
    size_t records;           /* in each file */
} half_files;

typedef struct archive_layout {
    const char *folder; /* what the archive unpacks to */
    half_files train, test;
    size_t n_labels;
    uint8_t classes[MOST_LABELS]; /* of each label; the last label is the class */
} archive_layout;

static const char *const cifar10_train[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                            "data_batch_4.bin", "data_batch_5.bin", NULL};
static const char *const cifar10_test[] = {"test_batch.bin", NULL};
static const char *const cifar100_train[] = {"train.bin", NULL};
static const char *const cifar100_test[] = {"test.bin", NULL};

static const archive_layout cifar10 = {
    "cifar-10-batches-bin", {cifar10_train, 10000}, {cifar10_test, 10000}, 1, {10}};
static const archive_layout cifar100 = {
    "cifar-100-binary", {cifar100_train, 50000}, {cifar100_test, 10000}, 2, {20, 100}};

static void interleave(const uint8_t *planes, uint8_t *image) {
    for (size_t i = 0; i < PLANE; i++)
        for (size_t channel = 0; channel < CHANNELS; channel++)
            image[i * CHANNELS + channel] = planes[channel * PLANE + i];
}

/* Unpacks the first `keep` records of the file's bytes. */
static lethe_status unpack(const archive_layout *layout, const char *path, const uint8_t *bytes, size_t keep,
                           uint8_t *images, int32_t *labels) {
    size_t record_bytes = layout->n_labels + IMAGE;
    for (size_t i = 0; i < keep; i++) {
        const uint8_t *record = bytes + i * record_bytes;
        for (size_t label = 0; label < layout->n_labels; label++)
            if (record[label] >= layout->classes[label])
                LETHE_FAIL(LETHE_INPUT, "%s: the label at byte %zu is %u, but must be below %u", path,
                           i * record_bytes + label, (unsigned)record[label],
                           (unsigned)layout->classes[label]);
        labels[i] = record[layout->n_labels - 1];
        interleave(record + layout->n_labels, images + i * IMAGE);
    }
    return LETHE_OK;
}

static lethe_status read_file(const archive_layout *layout, const char *path, size_t records, size_t keep,
                              uint8_t *images, int32_t *labels) {
    size_t expected = records * (layout->n_labels + IMAGE), n;
    uint8_t *bytes;
    LETHE_TRY(lethe__file_read(path, expected, &bytes, &n));
    lethe_status status = n == expected
                              ? unpack(layout, path, bytes, keep, images, labels)
                              : lethe__fail(LETHE_INPUT, "%s: is %zu bytes long, but %zu images take %zu",
                                            path, n, records, expected);
    lethe__free(bytes);
    return status;
}

static lethe_status read_half(const archive_layout *layout, const half_files *half, const char *folder,
                              size_t limit, size_t *n, uint8_t **images, int32_t **labels) {
    size_t n_files = 0;
    while (half->files[n_files] != NULL)
        n_files++;
    *n = lethe__limited(n_files * half->records, limit);
    LETHE_TRY(lethe__allocate(*n, IMAGE, images));
    LETHE_TRY(lethe__allocate(*n, sizeof(int32_t), labels));
    for (size_t file = 0, done = 0; done < *n; file++, done += half->records) {
        size_t keep = *n - done < half->records ? *n - done : half->records;
        char *path;
        LETHE_TRY(lethe__path_join(folder, half->files[file], &path));
        lethe_status status =
            read_file(layout, path, half->records, keep, *images + done * IMAGE, *labels + done);
        lethe__free(path);
        LETHE_TRY(status);
    }
    return LETHE_OK;
}

static lethe_status read_both(const archive_layout *layout, const char *directory,
                              const lethe_dataset_options *options, lethe_dataset *dataset) {
    lethe_dataset_info *info = &dataset->info;
    info->classes = layout->classes[layout->n_labels - 1];
    info->height = info->width = SIDE;
    info->channels = CHANNELS;
    char *folder;
    LETHE_TRY(lethe__path_join(directory, layout->folder, &folder));
    const char *place = lethe__folder_exists(folder) ? folder : directory;
    lethe_status status = read_half(layout, &layout->train, place, options->limit, &info->n_train,
                                    &dataset->train_images, &dataset->train_labels);
    if (status == LETHE_OK)
        status = read_half(layout, &layout->test, place, options->test_limit, &info->n_test,
                           &dataset->test_images, &dataset->test_labels);
    lethe__free(folder);
    return status;
}

static lethe_status cifar10_read(const char *directory, const lethe_dataset_options *options,
                                 lethe_dataset *dataset) {
    return read_both(&cifar10, directory, options, dataset);
}

static lethe_status cifar100_read(const char *directory, const lethe_dataset_options *options,
                                  lethe_dataset *dataset) {
    return read_both(&cifar100, directory, options, dataset);
}

const lethe__format lethe__datasets_cifar[] = {
    {.name = "cifar10",
     .title = "CIFAR-10: 60,000 photographs, 32 x 32 colour, 10 classes",
     .expects = "data_batch_1.bin to data_batch_5.bin and test_batch.bin, or cifar-10-batches-bin that holds "
                "them: the binary version of CIFAR-10 (cifar-10-binary.tar.gz, unpacked)",
     .mean = {0.4914f, 0.4822f, 0.4465f},
     .std = {0.2470f, 0.2435f, 0.2616f},
     .read = cifar10_read},
    {.name = "cifar100",
     .title = "CIFAR-100: 60,000 photographs, 32 x 32 colour, 100 classes",
     .expects =
         "train.bin and test.bin, or cifar-100-binary that holds them: the binary version of CIFAR-100 "
         "(cifar-100-binary.tar.gz, unpacked)",
     .mean = {0.5071f, 0.4866f, 0.4409f},
     .std = {0.2673f, 0.2564f, 0.2762f},
     .read = cifar100_read},
    {.name = NULL},
};
