/* The loader: every image once an epoch, the same bits whatever the threads and the batch size, and crops and
 * flips as a slow loop over a padded image makes them. */
#include "base/random.h"
#include "data/loader.h"
#include "test_data.h"

enum { SEED = 7, SIDE = 8 };

static lethe_dataset *dataset;
static lethe_split *split;

static int open_data(void **state) {
    (void)state;
    dataset = open_small(100, 3);
    assert_done(lethe_split_create(dataset, 0.1, 1, &split));
    return 0;
}

static int close_data(void **state) {
    (void)state;
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}

static lethe_samples train(void) {
    return lethe_split_samples(split, dataset, LETHE_PART_TRAIN);
}

/* Everything that one epoch shows, batches joined. */
typedef struct epoch_record {
    uint8_t images[100][SIDE * SIDE * 3];
    int32_t labels[100];
    uint32_t ids[100];
    size_t n;
} epoch_record;

static void record_epoch(lethe__loader *loader, uint32_t epoch, epoch_record *out) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < lethe__loader_batches(loader); i++) {
        lethe__batch batch;
        lethe__loader_batch(loader, epoch, i, &batch);
        size_t n = (size_t)batch.n;
        assert_true(out->n + n <= 100);
        memcpy(out->images[out->n], batch.images, n * sizeof out->images[0]);
        memcpy(out->labels + out->n, batch.labels, n * sizeof(int32_t));
        memcpy(out->ids + out->n, batch.ids, n * sizeof(uint32_t));
        out->n += n;
    }
}

static void record(size_t batch, bool augment, bool shuffle, int threads, uint32_t epoch, epoch_record *out) {
    lethe__loader *loader = NULL;
    assert_done(lethe__loader_create(train(), batch, augment, shuffle, SEED, threads, &loader));
    record_epoch(loader, epoch, out);
    lethe__loader_destroy(&loader);
    assert_null(loader);
}

static void test_file_order(void **state) {
    (void)state;
    lethe_samples samples = train();
    epoch_record seen;
    record(16, false, false, 2, 3, &seen);
    assert_int_equal(seen.n, samples.n);
    assert_memory_equal(seen.ids, samples.ids, samples.n * sizeof(uint32_t));
    for (size_t i = 0; i < seen.n; i++) {
        assert_int_equal(seen.labels[i], samples.labels[samples.ids[i]]);
        assert_memory_equal(seen.images[i], samples.images + samples.ids[i] * sizeof seen.images[0],
                            sizeof seen.images[0]);
    }
}

static void test_batches(void **state) {
    (void)state;
    const struct {
        size_t batch, batches;
        int last;
    } cases[] = {{1, 91, 1}, {8, 12, 3}, {90, 2, 1}, {91, 1, 91}, {1000000000, 1, 91}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lethe__loader *loader = NULL;
        lethe__batch batch;
        assert_done(lethe__loader_create(train(), cases[i].batch, true, true, SEED, 1, &loader));
        assert_int_equal(lethe__loader_batches(loader), cases[i].batches);
        lethe__loader_batch(loader, 0, cases[i].batches - 1, &batch);
        assert_int_equal(batch.n, cases[i].last);
        lethe__loader_destroy(&loader);
    }
}

static void test_threads_and_batch_size_change_nothing(void **state) {
    (void)state;
    epoch_record one, other;
    record(16, true, true, 1, 5, &one);
    record(16, true, true, 2, 5, &other);
    assert_memory_equal(&one, &other, sizeof one);
    record(90, true, true, 3, 5, &other);
    assert_memory_equal(&one, &other, sizeof one);
    record(1, true, true, 1, 5, &other);
    assert_memory_equal(&one, &other, sizeof one);
}

static void test_epochs_in_any_order(void **state) {
    (void)state;
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        epoch_record fresh[2], again;
        record(16, true, shuffle == 1, 1, 0, &fresh[0]);
        record(16, true, shuffle == 1, 1, 1, &fresh[1]);
        assert_memory_not_equal(fresh[0].images, fresh[1].images, sizeof fresh[0].images);
        lethe__loader *loader = NULL;
        assert_done(lethe__loader_create(train(), 16, true, shuffle == 1, SEED, 1, &loader));
        const uint32_t epochs[] = {1, 0, 0, 1};
        for (size_t i = 0; i < 4; i++) {
            record_epoch(loader, epochs[i], &again);
            assert_memory_equal(&again, &fresh[epochs[i]], sizeof again);
        }
        lethe__loader_destroy(&loader);
    }
}

static void test_shuffle(void **state) {
    (void)state;
    epoch_record first, second;
    record(16, false, true, 1, 0, &first);
    record(16, false, true, 1, 1, &second);
    lethe_samples samples = train();
    assert_memory_not_equal(first.ids, second.ids, sizeof first.ids);
    assert_memory_not_equal(first.ids, samples.ids, samples.n * sizeof(uint32_t));
    int times[100] = {0};
    for (size_t i = 0; i < first.n; i++)
        times[first.ids[i]]++;
    for (size_t i = 0; i < samples.n; i++)
        assert_int_equal(times[samples.ids[i]], 1);
    assert_int_equal(first.n, samples.n);
}

/* The image padded by 4 on every side, cut at (top, left), then mirrored. */
static void crop_by_hand(const uint8_t *image, int top, int left, bool flip, uint8_t *out) {
    uint8_t padded[SIDE + 8][SIDE + 8][3] = {0};
    for (int y = 0; y < SIDE; y++)
        memcpy(padded[y + 4][4], image + y * SIDE * 3, SIDE * 3);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            memcpy(out + (y * SIDE + x) * 3, padded[top + y][left + (flip ? SIDE - 1 - x : x)], 3);
}

static void test_augment(void **state) {
    (void)state;
    lethe_samples samples = train();
    int seen[9][9] = {{0}}, flips = 0, n_seen = 0, total = 0;
    for (uint32_t epoch = 0; epoch < 12; epoch++) {
        epoch_record shown;
        record(32, true, true, 2, epoch, &shown);
        for (size_t i = 0; i < shown.n; i++) {
            lethe__random random = lethe__random_open(SEED, LETHE__RANDOM_AUGMENT, epoch, shown.ids[i]);
            int top = (int)lethe__random_below(&random, 9), left = (int)lethe__random_below(&random, 9);
            bool flip = lethe__random_below(&random, 2) == 1;
            uint8_t expected[SIDE * SIDE * 3];
            crop_by_hand(samples.images + shown.ids[i] * sizeof expected, top, left, flip, expected);
            assert_memory_equal(shown.images[i], expected, sizeof expected);
            n_seen += seen[top][left]++ == 0;
            flips += flip;
            total++;
        }
    }
    assert_int_equal(n_seen, 81);
    assert_in_range(flips, total / 2 - total / 10, total / 2 + total / 10);
}

static void test_empty_and_bad(void **state) {
    (void)state;
    lethe__loader *loader = NULL;
    assert_done(lethe__loader_create(lethe_split_samples(split, dataset, LETHE_PART_FORGET), 16, true, true,
                                     SEED, 1, &loader));
    assert_int_equal(lethe__loader_batches(loader), 0);
    lethe__loader_destroy(&loader);
    lethe__loader_destroy(&loader);
    assert_fails(lethe__loader_create(train(), 0, true, true, SEED, 1, &loader), LETHE_USAGE, "batch of 0");
    assert_fails(lethe__loader_create(train(), SIZE_MAX, true, true, SEED, 1, &loader), LETHE_USAGE,
                 "not possible");
    assert_null(loader);
}

static lethe_status create_and_destroy(void) {
    lethe__loader *loader = NULL;
    lethe_status status = lethe__loader_create(train(), 16, true, true, SEED, 1, &loader);
    assert_int_equal(loader != NULL, status == LETHE_OK);
    lethe__loader_destroy(&loader);
    return status;
}

static void test_allocation_failures(void **state) {
    (void)state;
    assert_int_equal(fail_each_allocation(create_and_destroy), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_order),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_threads_and_batch_size_change_nothing),
        cmocka_unit_test(test_epochs_in_any_order),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_augment),
        cmocka_unit_test(test_empty_and_bad),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, open_data, close_data);
}
