/* test_experiment_files.c - the files of a run that other programs read: CSV, TensorBoard, NumPy. */
#include "base/file.h"
#include "base/memory.h"
#include "experiment/history.h"
#include "experiment/npy.h"
#include "test_base.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const lethe_epoch_record records[] = {
    {.seconds = 1.5,
     .samples_per_second = 100,
     .lr = 0.1,
     .loss = 2.25,
     .accuracy = 12.5,
     .val_accuracy = NAN},
    {.stage = 1,
     .seconds = 2,
     .samples_per_second = 80,
     .lr = 0.01,
     .loss = 1e-9,
     .accuracy = 100,
     .val_accuracy = 75,
     .sparsity = 0.9},
};

static uint8_t *read_whole(const char *path, size_t *n) {
    uint8_t *bytes;
    assert_int_equal(lethe__file_read(path, 1 << 20, &bytes, n), LETHE_OK);
    return bytes;
}

static void test_history_is_csv(void **state) {
    (void)state;
    static const char expected[] = "epoch,seconds,samples_per_second,lr,loss,accuracy,val_accuracy,sparsity\n"
                                   "1,1.5,100,0.1,2.25,12.5,nan,0\n"
                                   "2,2,80,0.01,1e-09,100,75,0.9\n";
    size_t n;
    assert_int_equal(lethe__history_write("history.csv", records, 2), LETHE_OK);
    uint8_t *bytes = read_whole("history.csv", &n);
    assert_string_equal((char *)bytes, expected);
    lethe__free(bytes);
    unlink("history.csv");
    assert_int_equal(lethe__history_write("nowhere/history.csv", records, 2), LETHE_FAILED);
}

/* The check value of the CRC catalogue, and a vector of RFC 3720. */
static void test_crc(void **state) {
    (void)state;
    assert_int_equal(lethe__crc32c((const uint8_t *)"123456789", 9), 0xe3069283u);
    assert_int_equal(lethe__crc32c((const uint8_t *)"", 0), 0);
    uint8_t zeros[32] = {0};
    assert_int_equal(lethe__crc32c(zeros, sizeof zeros), 0x8a9136aau); /* RFC 3720, B.4 */
}

/* Goes through the records of a file as TensorBoard does, and returns how many are whole. */
static int check_records(const uint8_t *bytes, size_t n) {
    int count = 0;
    for (size_t at = 0; at < n; count++) {
        uint64_t length;
        uint32_t length_crc, data_crc;
        assert_true(n - at >= 12);
        memcpy(&length, bytes + at, sizeof length);
        memcpy(&length_crc, bytes + at + 8, sizeof length_crc);
        assert_int_equal(length_crc, lethe__crc32c_masked(bytes + at, 8));
        assert_true(n - at >= 16 + length);
        memcpy(&data_crc, bytes + at + 12 + length, sizeof data_crc);
        assert_int_equal(data_crc, lethe__crc32c_masked(bytes + at + 12, length));
        at += 16 + length;
    }
    return count;
}

static bool contains(const uint8_t *bytes, size_t n, const void *what, size_t length) {
    return memmem(bytes, n, what, length) != NULL;
}

static void find_events(const char *folder, char *path, size_t size) {
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (strncmp(entry->d_name, "events.out.tfevents.", 20) == 0)
            snprintf(path, size, "%s/%s", folder, entry->d_name);
    closedir(stream);
}

static void test_events(void **state) {
    (void)state;
    char path[600] = "";
    size_t n;
    lethe__events *events;
    mkdir("test_events", 0777);
    assert_int_equal(lethe__events_open("test_events", &events), LETHE_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(lethe__events_add(events, i + 1, &records[i]), LETHE_OK);
    lethe__events_close(&events);
    assert_null(events);
    find_events("test_events", path, sizeof path);
    uint8_t *bytes = read_whole(path, &n);
    assert_int_equal(check_records(bytes, n), 3);
    assert_true(contains(bytes, n,
                         "\x1a\x0d"
                         "brain.Event:2",
                         15)); /* field 3, 13 bytes */
    /* value {1: tag, 2: 12.5f}: 14 + 2 bytes of tag, 1 + 4 of number */
    assert_true(contains(bytes, n,
                         "\x0a\x15\x0a\x0e"
                         "train/accuracy\x15\x00\x00\x48\x41",
                         23));
    assert_true(contains(bytes, n, "\x10\x02\x2a", 3)); /* step 2, then a summary */
    /* what was not measured is left out: the first epoch has no validation, the second has */
    const uint8_t *first = memmem(bytes, n, "val/accuracy", 12);
    const uint8_t *second_step = memmem(bytes, n, "\x10\x02\x2a", 3);
    assert_true(first > second_step);
    lethe__free(bytes);
    unlink(path);
    rmdir("test_events");
    assert_int_equal(lethe__events_open("nowhere", &events), LETHE_FAILED);
}

static void test_npy(void **state) {
    (void)state;
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const char header[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, "
        "), }";
    const size_t shape[] = {2, 3};
    size_t n;
    assert_int_equal(lethe__npy_write("test.npy", LETHE__NPY_F32, shape, 2, values), LETHE_OK);
    uint8_t *bytes = read_whole("test.npy", &n);
    assert_int_equal(n, 128 + sizeof values);
    assert_memory_equal(bytes, header, sizeof header - 1);
    assert_int_equal(bytes[127], '\n');
    assert_memory_equal(bytes + 128, values, sizeof values);
    lethe__free(bytes);
    unlink("test.npy");
    assert_int_equal(lethe__npy_write("nowhere/test.npy", LETHE__NPY_F32, shape, 2, values), LETHE_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_is_csv),
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_npy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
