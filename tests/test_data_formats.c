/* Data sets: the real Fashion-MNIST where it is installed, IDX and CIFAR files written here, good and damaged
 * in every way, and the synthetic generator. */
#include "test_data.h"

static lethe_samples all(const lethe_dataset *dataset, lethe_part part, lethe_split **split) {
    assert_done(lethe_split_create(dataset, 0, 1, split));
    return lethe_split_samples(*split, dataset, part);
}

static void assert_open_fails(const lethe_dataset_options *options, lethe_status status,
                              const char *message) {
    lethe_dataset *dataset = NULL;
    int64_t blocks = lethe__memory_live_blocks();
    assert_fails(lethe_dataset_open(options, &dataset), status, message);
    assert_null(dataset);
    assert_int_equal(lethe__memory_live_blocks(), blocks);
}

/* --- Fashion-MNIST --- */

static void check_half(const uint8_t *images, const int32_t *labels, size_t n, const int32_t *first,
                       uint64_t sum, uint64_t last_sum) {
    uint64_t found = 0, found_last = 0;
    int counts[10] = {0};
    for (size_t i = 0; i < n * 784; i++)
        found += images[i];
    for (size_t i = (n - 1) * 784; i < n * 784; i++)
        found_last += images[i];
    for (size_t i = 0; i < n; i++)
        counts[labels[i]]++;
    for (int label = 0; label < 10; label++)
        assert_int_equal(counts[label], n / 10);
    assert_memory_equal(labels, first, 10 * sizeof *first);
    assert_int_equal(found, sum);
    assert_int_equal(found_last, last_sum);
}

/* The numbers come from reading the files with numpy. */
static void test_fashion_mnist(void **state) {
    (void)state;
    if (access("/usr/share/datasets/fashion-mnist", F_OK) != 0)
        skip();
    lethe_dataset_options options = data_options("fashion-mnist");
    lethe_dataset *dataset = NULL, *again = NULL;
    assert_done(lethe_dataset_open(&options, &dataset));
    const lethe_dataset_info *info = lethe_dataset_get_info(dataset);
    assert_int_equal(info->n_train, 60000);
    assert_int_equal(info->n_test, 10000);
    assert_int_equal(info->classes, 10);
    assert_int_equal(info->height, 28);
    assert_int_equal(info->width, 28);
    assert_int_equal(info->channels, 1);
    assert_string_equal(info->name, "fashion-mnist");
    assert_string_equal(info->path, "/usr/share/datasets/fashion-mnist");
    assert_true(info->mean[0] == 0.2860f && info->std[0] == 0.3530f);
    const int32_t train_labels[] = {9, 0, 0, 3, 0, 2, 7, 2, 5, 5},
                  test_labels[] = {9, 2, 1, 1, 6, 1, 4, 6, 5, 7};
    check_half(dataset->train_images, dataset->train_labels, 60000, train_labels, 3431114169, 16684);
    check_half(dataset->test_images, dataset->test_labels, 10000, test_labels, 573469082, 24390);
    const uint8_t row[] = {0, 0, 0, 193, 228, 218, 213, 198};
    assert_memory_equal(dataset->train_images + 10 * 28 + 10, row, sizeof row);

    options.limit = 100;
    options.test_limit = 50;
    assert_done(lethe_dataset_open(&options, &again));
    assert_int_equal(lethe_dataset_get_info(again)->n_train, 100);
    assert_int_equal(lethe_dataset_get_info(again)->n_test, 50);
    assert_memory_equal(again->train_images, dataset->train_images, 100 * 784);
    assert_memory_equal(again->test_labels, dataset->test_labels, 50 * sizeof(int32_t));
    assert_string_not_equal(lethe_dataset_get_info(again)->digest, info->digest);
    lethe_dataset_destroy(&again);
    lethe_dataset_destroy(&dataset);
    assert_null(dataset);
    lethe_dataset_destroy(&dataset);
}

/* --- IDX files --- */

enum { N_TRAIN = 6, N_TEST = 3, ROWS = 4, COLUMNS = 5, PIXELS = ROWS * COLUMNS };

static void write_bytes(const char *path, const uint8_t *bytes, size_t n) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, n, stream), n);
    assert_int_equal(fclose(stream), 0);
}

static void write_idx(const char *prefix, uint8_t n) {
    char path[64];
    uint8_t images[16 + N_TRAIN * PIXELS] = {0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, ROWS, 0, 0, 0, COLUMNS};
    uint8_t labels[8 + N_TRAIN] = {0, 0, 8, 1, 0, 0, 0, n};
    for (int i = 0; i < n * PIXELS; i++)
        images[16 + i] = (uint8_t)(7 * i + n);
    for (int i = 0; i < n; i++)
        labels[8 + i] = (uint8_t)(9 - i);
    snprintf(path, sizeof path, "%s-images-idx3-ubyte", prefix);
    write_bytes(path, images, 16 + (size_t)n * PIXELS);
    snprintf(path, sizeof path, "%s-labels-idx1-ubyte", prefix);
    write_bytes(path, labels, 8 + (size_t)n);
}

static lethe_dataset_options write_mnist(void) {
    write_idx("train", N_TRAIN);
    write_idx("t10k", N_TEST);
    lethe_dataset_options options = data_options("mnist");
    options.directory = ".";
    return options;
}

static void run(const char *command) {
    assert_int_equal(system(command), 0);
}

static void test_idx(void **state) {
    (void)state;
    lethe_dataset_options options = write_mnist();
    for (int gzipped = 0; gzipped < 2; gzipped++) {
        lethe_dataset *dataset = NULL;
        lethe_split *split = NULL;
        if (gzipped)
            run("gzip train-images-idx3-ubyte t10k-labels-idx1-ubyte");
        assert_done(lethe_dataset_open(&options, &dataset));
        const lethe_dataset_info *info = lethe_dataset_get_info(dataset);
        assert_int_equal(info->n_train, N_TRAIN);
        assert_int_equal(info->n_test, N_TEST);
        assert_int_equal(info->height, ROWS);
        assert_int_equal(info->width, COLUMNS);
        assert_string_equal(info->path, ".");
        lethe_samples train = all(dataset, LETHE_PART_TRAIN, &split);
        for (int i = 0; i < N_TRAIN * PIXELS; i++)
            assert_int_equal(train.images[i], (uint8_t)(7 * i + N_TRAIN));
        for (int i = 0; i < N_TRAIN; i++)
            assert_int_equal(train.labels[i], 9 - i);
        assert_int_equal(dataset->test_images[PIXELS], (uint8_t)(7 * PIXELS + N_TEST));
        lethe_split_destroy(&split);
        lethe_dataset_destroy(&dataset);
    }
    options.limit = 1000; /* more than there are: all */
    options.test_limit = 2;
    lethe_dataset *dataset = NULL;
    assert_done(lethe_dataset_open(&options, &dataset));
    assert_int_equal(dataset->info.n_train, N_TRAIN);
    assert_int_equal(dataset->info.n_test, 2);
    lethe_dataset_destroy(&dataset);
}

static void test_digest_sees_every_byte(void **state) {
    (void)state;
    lethe_dataset_options options = write_mnist();
    const struct {
        const char *path;
        long at;
    } changes[] = {{"train-images-idx3-ubyte", 16},
                   {"train-labels-idx1-ubyte", 13},
                   {"t10k-images-idx3-ubyte", 75},
                   {"t10k-labels-idx1-ubyte", 8}};
    char digests[5][LETHE_DIGEST_TEXT];
    for (size_t i = 0; i < 5; i++) {
        lethe_dataset *dataset = NULL;
        assert_done(lethe_dataset_open(&options, &dataset));
        strcpy(digests[i], dataset->info.digest);
        assert_int_equal(strlen(digests[i]), 64);
        lethe_dataset_destroy(&dataset);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
        if (i == 4)
            break;
        FILE *stream = fopen(changes[i].path, "r+b");
        fseek(stream, changes[i].at, SEEK_SET);
        fputc(1, stream);
        fclose(stream);
    }
}

/* Overwrites bytes of one file, or cuts or lengthens it, and opens. */
static void test_damaged_idx(void **state) {
    (void)state;
    const struct {
        const char *path;
        long at, length; /* length: of the file afterwards; -1: as it was */
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
        {"train-images-idx3-ubyte", 0, -1, "\1", 1, "begins with the bytes 01 00 08 03"},
        {"train-images-idx3-ubyte", 2, -1, "\x0d", 1, "begins with the bytes 00 00 0d 03"},
        {"train-images-idx3-ubyte", 3, -1, "\1", 1, "begins with the bytes 00 00 08 01, not 00 00 08 03"},
        {"train-labels-idx1-ubyte", 3, -1, "\3", 1, "begins with the bytes 00 00 08 03, not 00 00 08 01"},
        {"train-images-idx3-ubyte", 7, -1, "\7", 1, "announces 140 values, but 120 follow it"},
        {"train-images-idx3-ubyte", 11, -1, "\3", 1, "announces 90 values, but 120 follow it"},
        {"train-images-idx3-ubyte", 4, -1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12,
         "more values than a file can hold"},
        {"train-images-idx3-ubyte", 8, -1, "\0\0\0\0", 4, "announces no values"},
        {"t10k-labels-idx1-ubyte", 4, -1, "\x80\0\0\3", 4, "announces 2147483651 values"},
        {"train-images-idx3-ubyte", 0, 0, "", 0, "is 0 bytes long, too short"},
        {"train-images-idx3-ubyte", 0, 15, "", 0, "is 15 bytes long, too short"},
        {"train-labels-idx1-ubyte", 0, 7, "", 0, "is 7 bytes long, too short"},
        {"train-images-idx3-ubyte", 0, 135, "", 0, "announces 120 values, but 119 follow it"},
        {"train-images-idx3-ubyte", 0, 137, "", 0, "announces 120 values, but 121 follow it"},
        {"train-labels-idx1-ubyte", 0, 13, "\0\0\x8\1\0\0\0\5", 8, "holds 5 labels for the 6 images of"},
        {"train-labels-idx1-ubyte", 12, -1, "\n", 1, "label 4 is 10, but there are 10 classes"},
        {"t10k-labels-idx1-ubyte", 10, -1, "\xff", 1, "label 2 is 255, but there are 10 classes"},
        {"t10k-images-idx3-ubyte", 8, -1, "\0\0\0\5\0\0\0\4", 8,
         "its images are 5 x 4, those of the training"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lethe_dataset_options options = write_mnist();
        FILE *stream = fopen(cases[i].path, "r+b");
        fseek(stream, cases[i].at, SEEK_SET);
        fwrite(cases[i].bytes, 1, cases[i].n, stream);
        fclose(stream);
        if (cases[i].length >= 0)
            assert_int_equal(truncate(cases[i].path, cases[i].length), 0);
        assert_open_fails(&options, LETHE_INPUT, cases[i].message);
        assert_non_null(strstr(lethe_last_message(), cases[i].path));
    }
}

static void test_missing_idx(void **state) {
    (void)state;
    lethe_dataset_options options = write_mnist();
    run("rm t10k-labels-idx1-ubyte");
    assert_open_fails(&options, LETHE_INPUT, "neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz");
}

static void test_damaged_gzip(void **state) {
    (void)state;
    lethe_dataset_options options = write_mnist();
    run("gzip train-images-idx3-ubyte");
    assert_int_equal(truncate("train-images-idx3-ubyte.gz", 60), 0);
    assert_open_fails(&options, LETHE_INPUT, "train-images-idx3-ubyte.gz: cannot be unpacked");
}

/* 80 MB of zeros in 80 kB: refused when 64 MiB have been unpacked. */
static void test_gzip_bomb(void **state) {
    (void)state;
    lethe_dataset_options options = write_mnist();
    run("rm train-images-idx3-ubyte && head -c 80000000 /dev/zero | gzip -1 >train-images-idx3-ubyte.gz");
    assert_open_fails(&options, LETHE_INPUT, "train-images-idx3-ubyte.gz: holds more than 67108864 bytes");
}

/* --- CIFAR files: of full length, nearly all of it a hole in the file --- */

/* One record: the label bytes, then pixel p of plane c is (p + 100 c + id) mod 256. */
static void write_record(const char *path, long records, long at, const char *labels, size_t n_labels,
                         int id) {
    long bytes = (long)n_labels + 3072;
    FILE *stream = fopen(path, access(path, F_OK) == 0 ? "r+b" : "w+b");
    assert_non_null(stream);
    fseek(stream, at * bytes, SEEK_SET);
    fwrite(labels, 1, n_labels, stream);
    for (int plane = 0; plane < 3; plane++)
        for (int pixel = 0; pixel < 1024; pixel++)
            fputc((pixel + 100 * plane + id) % 256, stream);
    fclose(stream);
    assert_int_equal(truncate(path, records * bytes), 0);
}

static void assert_image(const uint8_t *image, int id) {
    for (int pixel = 0; pixel < 1024; pixel++)
        for (int plane = 0; plane < 3; plane++)
            assert_int_equal(image[3 * pixel + plane], (pixel + 100 * plane + id) % 256);
}

static void test_cifar10(void **state) {
    (void)state;
    char path[64];
    run("mkdir -p cifar-10-batches-bin");
    for (int file = 1; file <= 5; file++) {
        snprintf(path, sizeof path, "cifar-10-batches-bin/data_batch_%d.bin", file);
        write_record(path, 10000, 9999, (const char[]){(char)file}, 1, file);
    }
    write_record("cifar-10-batches-bin/test_batch.bin", 10000, 0, "\x9", 1, 6);
    const char *const folders[] = {".", "cifar-10-batches-bin"};
    for (size_t i = 0; i < 2; i++) {
        lethe_dataset_options options = data_options("cifar10");
        options.directory = folders[i];
        lethe_dataset *dataset = NULL;
        assert_done(lethe_dataset_open(&options, &dataset));
        assert_int_equal(dataset->info.n_train, 50000);
        assert_int_equal(dataset->info.n_test, 10000);
        assert_int_equal(dataset->info.classes, 10);
        assert_int_equal(dataset->info.channels, 3);
        assert_int_equal(dataset->info.height, 32);
        assert_true(dataset->info.mean[2] == 0.4465f && dataset->info.std[0] == 0.2470f);
        for (int file = 1; file <= 5; file++) {
            assert_int_equal(dataset->train_labels[10000 * file - 1], file);
            assert_image(dataset->train_images + (10000 * (size_t)file - 1) * 3072, file);
        }
        assert_int_equal(dataset->test_labels[0], 9);
        assert_image(dataset->test_images, 6);
        lethe_dataset_destroy(&dataset);
    }
}

/* Runs behind test_cifar10, whose files it damages. */
static void test_damaged_cifar10(void **state) {
    (void)state;
    lethe_dataset_options options = data_options("cifar10");
    options.directory = ".";
    options.limit = 10000;
    write_record("cifar-10-batches-bin/data_batch_2.bin", 10000, 5, "\xa", 1, 0);
    lethe_dataset *dataset = NULL;
    assert_done(lethe_dataset_open(&options, &dataset)); /* the second file is not needed */
    lethe_dataset_destroy(&dataset);
    options.limit = 10006;
    assert_open_fails(&options, LETHE_INPUT,
                      "data_batch_2.bin: the label at byte 15365 is 10, but must be below 10");
    assert_int_equal(truncate("cifar-10-batches-bin/data_batch_1.bin", 30730000 - 3073), 0);
    assert_open_fails(&options, LETHE_INPUT,
                      "data_batch_1.bin: is 30726927 bytes long, but 10000 images take 30730000");
    assert_int_equal(truncate("cifar-10-batches-bin/data_batch_1.bin", 30730001), 0);
    assert_open_fails(&options, LETHE_INPUT, "data_batch_1.bin: holds more than 30730000 bytes");
    run("rm cifar-10-batches-bin/data_batch_1.bin");
    assert_open_fails(&options, LETHE_INPUT, "data_batch_1.bin: cannot be opened");
}

static void test_cifar100(void **state) {
    (void)state;
    write_record("train.bin", 50000, 0, "\x13\x63", 2, 1);
    write_record("train.bin", 50000, 1, "\x01\x02", 2, 2);
    write_record("test.bin", 10000, 9999, "\x05\x07", 2, 3);
    lethe_dataset_options options = data_options("cifar100");
    options.directory = ".";
    options.limit = 3;
    lethe_dataset *dataset = NULL;
    assert_done(lethe_dataset_open(&options, &dataset));
    assert_int_equal(dataset->info.classes, 100);
    assert_int_equal(dataset->info.n_train, 3);
    assert_int_equal(dataset->train_labels[0], 99);
    assert_int_equal(dataset->train_labels[1], 2);
    assert_image(dataset->train_images + 3072, 2);
    assert_int_equal(dataset->test_labels[9999], 7);
    assert_image(dataset->test_images + 9999 * 3072, 3);
    lethe_dataset_destroy(&dataset);
    write_record("train.bin", 50000, 1, "\x14\x02", 2, 2);
    assert_open_fails(&options, LETHE_INPUT, "train.bin: the label at byte 3074 is 20, but must be below 20");
    write_record("train.bin", 50000, 1, "\x01\x64", 2, 2);
    assert_open_fails(&options, LETHE_INPUT,
                      "train.bin: the label at byte 3075 is 100, but must be below 100");
}

/* --- the synthetic generator --- */

static lethe_dataset *open_synthetic(lethe_dataset_options options) {
    lethe_dataset *dataset = NULL;
    assert_done(lethe_dataset_open(&options, &dataset));
    return dataset;
}

static void test_synthetic_is_a_function_of_the_index(void **state) {
    (void)state;
    lethe_dataset_options options = data_options("synthetic");
    options.synthetic_train = 60;
    options.synthetic_test = 40;
    lethe_dataset *small = open_synthetic(options);
    options.synthetic_train = 90;
    options.limit = 80;
    lethe_dataset *large = open_synthetic(options);
    options.synthetic_seed = 2;
    lethe_dataset *other = open_synthetic(options);
    assert_int_equal(small->info.n_train, 60);
    assert_int_equal(large->info.n_train, 80);
    assert_memory_equal(small->train_images, large->train_images, 60 * 784);
    assert_memory_equal(small->test_images, large->test_images, 40 * 784);
    assert_memory_not_equal(small->train_images, small->test_images, 784);
    assert_memory_not_equal(large->train_images, other->train_images, 784);
    for (int i = 0; i < 80; i++)
        assert_int_equal(large->train_labels[i], i % 10);
    assert_string_equal(small->info.path, "");
    lethe_dataset_destroy(&small);
    lethe_dataset_destroy(&large);
    lethe_dataset_destroy(&other);
}

/* The share of the test images whose nearest class mean of the training images is that of their class. */
static double centroid_accuracy(const lethe_dataset *dataset) {
    size_t pixels = lethe__image_bytes(&dataset->info), right = 0;
    static float means[10][28 * 28 * 3];
    memset(means, 0, sizeof means);
    for (size_t i = 0; i < dataset->info.n_train; i++)
        for (size_t p = 0; p < pixels; p++)
            means[dataset->train_labels[i]][p] += dataset->train_images[i * pixels + p];
    for (size_t i = 0; i < dataset->info.n_test; i++) {
        float best = 0;
        int nearest = -1;
        for (int label = 0; label < 10; label++) {
            float distance = 0;
            for (size_t p = 0; p < pixels; p++) {
                float difference = (float)dataset->test_images[i * pixels + p] -
                                   means[label][p] * 10 / (float)dataset->info.n_train;
                distance += difference * difference;
            }
            if (nearest < 0 || distance < best) {
                best = distance;
                nearest = label;
            }
        }
        right += nearest == dataset->test_labels[i];
    }
    return (double)right / (double)dataset->info.n_test;
}

static void test_synthetic_is_learnable(void **state) {
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        lethe_dataset_options options = data_options("synthetic");
        options.synthetic_channels = channels;
        lethe_dataset *dataset = open_synthetic(options);
        assert_int_equal(dataset->info.n_train, 2000);
        assert_int_equal(dataset->info.n_test, 500);
        assert_int_equal(dataset->info.channels, channels);
        double accuracy = centroid_accuracy(dataset);
        if (!(accuracy > 0.6 && accuracy < 0.9))
            fail_msg("nearest class means find %.3f of the test set", accuracy);
        double sum = 0, squares = 0, n = 2000.0 * 784 * channels;
        for (size_t i = 0; i < (size_t)n; i++) {
            sum += dataset->train_images[i] / 255.0;
            squares += dataset->train_images[i] / 255.0 * dataset->train_images[i] / 255.0;
        }
        double mean = sum / n, variance = squares / n - mean * mean;
        assert_true(mean > 0.5 && mean < 0.52 && variance > 0.17 * 0.17 && variance < 0.21 * 0.21);
        lethe_dataset_destroy(&dataset);
    }
}

static void test_bad_synthetic(void **state) {
    (void)state;
    lethe_dataset_options options = data_options("synthetic");
    options.synthetic_classes = 1;
    assert_open_fails(&options, LETHE_USAGE, "synthetic-classes");
    options = data_options("synthetic");
    options.synthetic_size = 7;
    assert_open_fails(&options, LETHE_USAGE, "synthetic-size");
    options = data_options("synthetic");
    options.synthetic_channels = 5;
    assert_open_fails(&options, LETHE_USAGE, "synthetic-channels");
    options = data_options("synthetic");
    options.synthetic_train = 0;
    assert_open_fails(&options, LETHE_USAGE, "synthetic-train");
    options = data_options("synthetic");
    options.directory = "here";
    assert_open_fails(&options, LETHE_USAGE, "reads no files");
}

/* --- names and folders --- */

static void test_names(void **state) {
    (void)state;
    const char *const expected[] = {"cifar10", "cifar100", "fashion-mnist", "mnist", "synthetic"};
    const char *const *names = lethe_dataset_names();
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(names[i], expected[i]);
    assert_null(names[5]);
    lethe_dataset_options options = data_options("imagenet");
    assert_open_fails(&options, LETHE_USAGE, "cifar100, fashion-mnist, mnist");
    options.name = "fashion_mnist";
    assert_open_fails(&options, LETHE_USAGE, "fashion-mnist");
    options.name = NULL;
    assert_open_fails(&options, LETHE_USAGE, "data set ''");
    options = data_options(NULL);
    assert_done(lethe_options_defaults(lethe_dataset_option_table, &options));
    assert_string_equal(options.name, "fashion-mnist");
}

static void test_folders(void **state) {
    (void)state;
    lethe_dataset_options options = data_options("mnist");
    assert_open_fails(&options, LETHE_USAGE, "--data-dir");
    options = data_options("fashion-mnist");
    options.directory = "nowhere";
    assert_open_fails(&options, LETHE_INPUT, "package dataset-fashion-mnist");
    options = data_options("cifar10");
    options.directory = "nowhere";
    assert_open_fails(&options, LETHE_INPUT, "cifar-10-binary.tar.gz");
    options = data_options("cifar100");
    options.directory = "nowhere";
    assert_open_fails(&options, LETHE_INPUT, "nowhere: there is no such folder");
}

/* --- exhausted memory --- */

static const lethe_dataset_options *opened;

static lethe_status open_and_destroy(void) {
    lethe_dataset *dataset = NULL;
    lethe_status status = lethe_dataset_open(opened, &dataset);
    assert_int_equal(dataset != NULL, status == LETHE_OK);
    lethe_dataset_destroy(&dataset);
    return status;
}

static void test_allocation_failures(void **state) {
    (void)state;
    lethe_dataset_options options = data_options("synthetic");
    options.limit = options.test_limit = 2;
    opened = &options;
    assert_true(fail_each_allocation(open_and_destroy) >= 7);
    options = write_mnist();
    run("gzip train-images-idx3-ubyte");
    assert_true(fail_each_allocation(open_and_destroy) >= 15);
    write_record("data_batch_1.bin", 10000, 0, "\1", 1, 1);
    write_record("test_batch.bin", 10000, 0, "\1", 1, 1);
    options = data_options("cifar10");
    options.directory = ".";
    options.limit = options.test_limit = 2;
    assert_true(fail_each_allocation(open_and_destroy) >= 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fashion_mnist),
        cmocka_unit_test_setup_teardown(test_idx, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_digest_sees_every_byte, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_damaged_idx, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_missing_idx, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_damaged_gzip, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_gzip_bomb, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_cifar10, enter_folder, NULL),
        cmocka_unit_test_setup_teardown(test_damaged_cifar10, NULL, leave_folder),
        cmocka_unit_test_setup_teardown(test_cifar100, enter_folder, leave_folder),
        cmocka_unit_test(test_synthetic_is_a_function_of_the_index),
        cmocka_unit_test(test_synthetic_is_learnable),
        cmocka_unit_test(test_bad_synthetic),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_folders),
        cmocka_unit_test_setup_teardown(test_allocation_failures, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
