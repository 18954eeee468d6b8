/* Splits: stratified hold-out, forget sets, split.json written and read back, and everything wrong that can
 * be in the three. */
#include "base/json.h"
#include "data/split.h"
#include "test_data.h"

static lethe_dataset *dataset; /* 101 training images: classes 0 and 1 have 34, class 2 has 33 */

static int open_data(void **state) {
    dataset = open_small(101, 1);
    return enter_folder(state);
}

static int close_data(void **state) {
    lethe_dataset_destroy(&dataset);
    return leave_folder(state);
}

static lethe_split *create(double val_fraction, uint64_t seed) {
    lethe_split *split = NULL;
    assert_done(lethe_split_create(dataset, val_fraction, seed, &split));
    return split;
}

static lethe_samples part(const lethe_split *split, lethe_part which) {
    return lethe_split_samples(split, dataset, which);
}

static size_t count_label(lethe_samples samples, int label) {
    size_t n = 0;
    for (size_t i = 0; i < samples.n; i++)
        n += samples.labels[samples.ids[i]] == label;
    return n;
}

static void assert_same_ids(lethe_samples a, lethe_samples b) {
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
}

/* Train and validation share out all images; retain and forget share out train; ids ascend. */
static void assert_consistent(const lethe_split *split) {
    int roles[101] = {0};
    for (int which = 0; which < LETHE__N_PARTS; which++) {
        lethe_samples samples = part(split, (lethe_part)which);
        for (size_t i = 0; i < samples.n; i++) {
            assert_true(i == 0 || samples.ids[i - 1] < samples.ids[i]);
            if (which != LETHE_PART_TEST)
                roles[samples.ids[i]] |= 1 << which;
        }
    }
    for (int id = 0; id < 101; id++)
        assert_true(roles[id] == 1 << LETHE_PART_VAL ||
                    roles[id] == (1 << LETHE_PART_TRAIN | 1 << LETHE_PART_RETAIN) ||
                    roles[id] == (1 << LETHE_PART_TRAIN | 1 << LETHE_PART_FORGET));
}

static void test_hold_out(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1), *same = create(0.1, 1), *other = create(0.1, 2);
    assert_consistent(split);
    lethe_samples val = part(split, LETHE_PART_VAL);
    assert_int_equal(val.n, 9);
    for (int label = 0; label < 3; label++)
        assert_int_equal(count_label(val, label), 3);
    assert_int_equal(part(split, LETHE_PART_TRAIN).n, 92);
    assert_same_ids(part(split, LETHE_PART_TRAIN), part(split, LETHE_PART_RETAIN));
    assert_int_equal(part(split, LETHE_PART_FORGET).n, 0);
    lethe_samples test = part(split, LETHE_PART_TEST);
    assert_int_equal(test.n, 30);
    assert_int_equal(test.ids[29], 29);
    assert_ptr_equal(test.images, dataset->test_images);
    assert_ptr_equal(val.labels, dataset->train_labels);
    assert_ptr_equal(val.dataset, dataset);
    assert_same_ids(val, part(same, LETHE_PART_VAL));
    assert_memory_not_equal(val.ids, part(other, LETHE_PART_VAL).ids, 9 * sizeof(uint32_t));
    assert_string_equal(lethe_split_get_forget(split), "");
    assert_int_equal(lethe_split_get_forget_class(split), -1);
    lethe_split_destroy(&split);
    assert_null(split);
    lethe_split_destroy(&split);
    lethe_split_destroy(&same);
    lethe_split_destroy(&other);
}

static void test_no_hold_out(void **state) {
    (void)state;
    lethe_split *split = create(0, 1);
    assert_int_equal(part(split, LETHE_PART_VAL).n, 0);
    lethe_samples train = part(split, LETHE_PART_TRAIN);
    assert_int_equal(train.n, 101);
    for (uint32_t id = 0; id < 101; id++)
        assert_int_equal(train.ids[id], id);
    lethe_split_destroy(&split);
}

static void test_bad_hold_out(void **state) {
    (void)state;
    lethe_split *split = NULL;
    assert_fails(lethe_split_create(dataset, 1, 1, &split), LETHE_USAGE, "fraction is 1");
    assert_fails(lethe_split_create(dataset, -0.1, 1, &split), LETHE_USAGE, "-0.1");
    assert_fails(lethe_split_create(dataset, 0.0 / 0.0, 1, &split), LETHE_USAGE, "nan");
    assert_fails(lethe_split_create(dataset, 0.99, 1, &split), LETHE_INPUT, "none of the 101 images");
    assert_null(split);
}

static void test_forget(void **state) {
    (void)state;
    /* of 31, 31 and 30 training images of the classes */
    const struct {
        const char *specification;
        size_t n[3];
        int whole_class;
    } cases[] = {
        {"class=2", {0, 0, 30}, 2},
        {"class=0", {31, 0, 0}, 0},
        {"class=1,random=0.5", {0, 16, 0}, -1},
        {"random=0.5,class=1", {0, 16, 0}, -1},
        {"class=1,random=1", {0, 31, 0}, 1},
    };
    lethe_split *split = create(0.1, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_done(lethe_split_forget(split, dataset, cases[i].specification, 5));
        assert_consistent(split);
        for (int label = 0; label < 3; label++)
            assert_int_equal(count_label(part(split, LETHE_PART_FORGET), label), cases[i].n[label]);
        assert_string_equal(lethe_split_get_forget(split), cases[i].specification);
        assert_int_equal(lethe_split_get_forget_class(split), cases[i].whole_class);
        assert_int_equal(part(split, LETHE_PART_VAL).n, 9);
    }
    lethe_split_destroy(&split);
}

static void test_forget_random(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1), *same = create(0.1, 1);
    uint32_t first[9];
    assert_done(lethe_split_forget(split, dataset, "random=0.1", 5));
    assert_done(lethe_split_forget(same, dataset, "class=1", 5)); /* an earlier choice leaves no trace */
    assert_done(lethe_split_forget(same, dataset, "random=0.1", 5));
    assert_int_equal(part(split, LETHE_PART_FORGET).n, 9); /* round(0.1 * 92) */
    assert_same_ids(part(split, LETHE_PART_FORGET), part(same, LETHE_PART_FORGET));
    memcpy(first, part(split, LETHE_PART_FORGET).ids, sizeof first);
    assert_done(lethe_split_forget(split, dataset, "random=0.1", 6));
    assert_memory_not_equal(first, part(split, LETHE_PART_FORGET).ids, sizeof first);
    lethe_split_destroy(&split);
    lethe_split_destroy(&same);
}

static void test_forget_ids(void **state) {
    (void)state;
    lethe_split *split = create(0, 1);
    write_text("ids", "# chosen by hand\n\n 7 \n100\t# the last\r\n0\r\n   # nothing\n12");
    assert_done(lethe_split_forget(split, dataset, "ids=ids", 1));
    const uint32_t expected[] = {0, 7, 12, 100};
    assert_int_equal(part(split, LETHE_PART_FORGET).n, 4);
    assert_memory_equal(part(split, LETHE_PART_FORGET).ids, expected, sizeof expected);
    assert_int_equal(lethe_split_get_forget_class(split), -1);
    write_text("a,random=0.5", "3\n"); /* a comma in the name is no second term */
    assert_done(lethe_split_forget(split, dataset, "ids=a,random=0.5", 1));
    assert_int_equal(part(split, LETHE_PART_FORGET).n, 1);
    lethe_split_destroy(&split);
}

static void test_bad_ids(void **state) {
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"1\n2\n101\n", "ids:3: the id 101 is out of range"},
        {"18446744073709551617\n", "ids:1: the id 18446744073709551617 is out of range"},
        {"4294967297\n", "ids:1: the id 4294967297 is out of range"},
        {"1\n# 1\n1\n", "ids:3: the id 1 was given before"},
        {"1\n-2\n", "ids:2: '-2' is no sample id"},
        {"1 2\n", "ids:1: '1 2' is no sample id"},
        {"0x10\n", "ids:1: '0x10' is no sample id"},
        {"1.0\n", "ids:1: '1.0' is no sample id"},
        {"# nothing\n", "none of the 101 training images"},
        {"", "none of the 101 training images"},
    };
    lethe_split *split = create(0, 1);
    assert_done(lethe_split_forget(split, dataset, "class=1", 1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("ids", cases[i].text);
        assert_fails(lethe_split_forget(split, dataset, "ids=ids", 1), LETHE_INPUT, cases[i].message);
    }
    assert_fails(lethe_split_forget(split, dataset, "ids=missing", 1), LETHE_INPUT, "missing: ");
    FILE *stream = fopen("ids", "w");
    for (int id = 0; id < 101; id++)
        fprintf(stream, "%d\n", id);
    fclose(stream);
    assert_fails(lethe_split_forget(split, dataset, "ids=ids", 1), LETHE_INPUT, "leaves none to retain");
    stream = fopen("ids", "w");
    fwrite("1\0\n", 1, 3, stream);
    fclose(stream);
    assert_fails(lethe_split_forget(split, dataset, "ids=ids", 1), LETHE_INPUT, "is no sample id");
    /* the earlier choice is still there */
    assert_string_equal(lethe_split_get_forget(split), "class=1");
    assert_int_equal(lethe_split_get_forget_class(split), 1);
    assert_int_equal(part(split, LETHE_PART_FORGET).n, 34);
    assert_consistent(split);
    lethe_split_destroy(&split);
}

static void test_forget_held_out(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1);
    char text[32], message[64];
    unsigned held = part(split, LETHE_PART_VAL).ids[4];
    snprintf(text, sizeof text, "%u\n", held);
    snprintf(message, sizeof message, "ids:1: the id %u is held out for validation", held);
    write_text("ids", text);
    assert_fails(lethe_split_forget(split, dataset, "ids=ids", 1), LETHE_INPUT, message);
    lethe_split_destroy(&split);
}

static void test_bad_specifications(void **state) {
    (void)state;
    const char *const malformed[] = {"",          "class",       "class=",          "class=-1",
                                     "class=x",   "class=1.5",   "class=1,",        ",class=1",
                                     "random=",   "random=-0.1", "random=1.1",      "random=nan",
                                     "random=x",  "ids=",        "class=1,class=2", "random=.1,random=.1",
                                     "poisonous", "class=1 ",    "class=1,ids=x",   "class=10000000000"};
    lethe_split *split = create(0, 1);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_fails(lethe_split_forget(split, dataset, malformed[i], 1), LETHE_USAGE, "ids=FILE");
    assert_fails(lethe_split_forget(split, dataset, "class=3", 1), LETHE_USAGE, "classes 0 to 2");
    assert_fails(lethe_split_forget(split, dataset, "random=0.001", 1), LETHE_INPUT, "none of the 101");
    assert_fails(lethe_split_forget(split, dataset, "random=1", 1), LETHE_INPUT, "none to retain");
    char endless[200];
    memset(endless, '0', sizeof endless);
    memcpy(endless, "random=", 7);
    endless[199] = 0;
    assert_fails(lethe_split_forget(split, dataset, endless, 1), LETHE_USAGE, "is no forget set");
    assert_string_equal(lethe_split_get_forget(split), "");
    lethe_split_destroy(&split);
}

static void test_save_and_load(void **state) {
    (void)state;
    const char *const specifications[] = {"", "class=1", "random=0.2", "class=0,random=0.5"};
    for (size_t i = 0; i < sizeof specifications / sizeof *specifications; i++) {
        lethe_split *split = create(0.1, UINT64_MAX - 1), *loaded = NULL;
        if (specifications[i][0] != 0)
            assert_done(lethe_split_forget(split, dataset, specifications[i], UINT64_MAX));
        assert_done(lethe_split_save(split, dataset, "split.json"));
        assert_done(lethe_split_load("split.json", dataset, &loaded));
        for (int which = 0; which < LETHE__N_PARTS; which++)
            assert_same_ids(part(split, (lethe_part)which), part(loaded, (lethe_part)which));
        assert_string_equal(lethe_split_get_forget(loaded), specifications[i]);
        assert_int_equal(lethe_split_get_forget_class(loaded), lethe_split_get_forget_class(split));
        assert_int_equal(loaded->seed, split->seed);
        assert_int_equal(loaded->forget_seed, split->forget_seed);
        assert_true(loaded->val_fraction == split->val_fraction);
        lethe_split_destroy(&split);
        lethe_split_destroy(&loaded);
    }
}

static void test_another_dataset(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1), *loaded = NULL;
    assert_done(lethe_split_save(split, dataset, "split.json"));
    lethe_dataset *other = open_small(90, 1);
    assert_fails(lethe_split_load("split.json", other, &loaded), LETHE_INPUT, "--limit");
    assert_non_null(strstr(lethe_last_message(), dataset->info.digest));
    assert_non_null(strstr(lethe_last_message(), other->info.digest));
    assert_null(loaded);
    lethe_dataset_destroy(&other);
    lethe_split_destroy(&split);
}

/* Sets the value at a path of keys and indices ("val_ids/3"); NULL removes it. */
static void put_json(json_t *root, const char *path, const char *text) {
    char copy[64], *last;
    snprintf(copy, sizeof copy, "%s", path);
    json_t *object = root;
    for (last = copy; strchr(last, '/') != NULL; last = strchr(last, 0) + 1) {
        *strchr(last, '/') = 0;
        object = json_object_get(object, last);
        assert_non_null(object);
    }
    if (text == NULL)
        assert_int_equal(json_object_del(object, last), 0);
    else if (json_is_array(object))
        assert_int_equal(
            json_array_set_new(object, (size_t)atoi(last), json_loads(text, JSON_DECODE_ANY, NULL)), 0);
    else
        assert_int_equal(json_object_set_new(object, last, json_loads(text, JSON_DECODE_ANY, NULL)), 0);
}

static void test_hostile_files(void **state) {
    (void)state;
    const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"schema", NULL, "'schema' is missing"},
        {"schema", "1", "'schema' must be a text"},
        {"schema", "\"lethe.split/2\"", "its schema is 'lethe.split/2'"},
        {"dataset", "[]", "'dataset' must be an object"},
        {"dataset/name", NULL, "'name' is missing"},
        {"dataset/digest", "\"00\"", "digest 00"},
        {"dataset/n_train", "-1", "'n_train' is -1"},
        {"val_fraction", "\"x\"", "'val_fraction' must be a number"},
        {"seed", "1.5", "'seed' must be an integer"},
        {"val_ids", "{}", "'val_ids' must be an array"},
        {"val_ids/0", "101", "val_ids[0] must be an id from 0 to 100"},
        {"val_ids/1", "-1", "val_ids[1] must be an id"},
        {"val_ids/1", "9223372036854775807", "val_ids[1] must be an id"},
        {"val_ids/2", "\"7\"", "val_ids[2] must be an id"},
        {"val_ids/2", "7.0", "val_ids[2] must be an id"},
        {"val_ids", "[5, 6, 5]", "val_ids[2] is the id 5, which was named before"},
        {"val_ids", "[0]", "but that is not what forget_ids lists"},
        {"val_ids", "[]", "but that is not what forget_ids lists"},
        {"forget_ids", "[1, 1]", "forget_ids[1] is the id 1, which was named before"},
        {"forget_ids", "[]", "lists 0 ids to forget of 92"},
        {"forget_ids", "[1]", "but that is not what forget_ids lists"},
        {"forget", "null", "'forget' must be an object"},
        {"forget/specification", "\"\"", "its forget set is ''"},
        {"forget/specification", "\"class=2\"", "but that is not what forget_ids lists"},
        {"forget/specification", "\"class=9\"", "classes 0 to 2"},
        {"forget/specification", "\"all\"", "'all' is no forget set"},
        {"forget/seed", "true", "'seed' must be an integer"},
        {"parts", NULL, "'parts' is missing"},
        {"parts/test", NULL, "'test' is missing"},
        {"parts/test/n", "29", "the part 'test' should have 29 images"},
        {"parts/val/n", "-1", "'n' is -1"},
        {"parts/retain/digest", "\"ff\"", "the part 'retain' should have"},
        {"parts/forget/digest", "1", "'digest' must be a text"},
    };
    lethe_split *split = create(0.1, 1), *loaded = NULL;
    assert_done(lethe_split_forget(split, dataset, "class=1", 1));
    assert_done(lethe_split_save(split, dataset, "split.json"));
    int64_t blocks = lethe__memory_live_blocks();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = NULL;
        assert_done(lethe__json_read("split.json", &root));
        put_json(root, cases[i].path, cases[i].value);
        assert_done(lethe__json_write("hostile.json", root));
        json_decref(root);
        assert_fails(lethe_split_load("hostile.json", dataset, &loaded), LETHE_INPUT, cases[i].message);
        assert_non_null(strstr(lethe_last_message(), "hostile.json"));
        assert_int_equal(lethe__memory_live_blocks(), blocks);
    }
    const char *const texts[] = {"", "{", "[]", "1", "{\"schema\": \"lethe.split/1\"}", "{\"a\":1,\"a\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text("hostile.json", texts[i]);
        assert_fails(lethe_split_load("hostile.json", dataset, &loaded), LETHE_INPUT, "hostile.json");
    }
    assert_fails(lethe_split_load("missing.json", dataset, &loaded), LETHE_INPUT, "missing.json");
    assert_null(loaded);
    lethe_split_destroy(&split);
}

/* A validation id exchanged for another of its class: only the digests notice. */
static void test_exchanged_ids(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1), *loaded = NULL;
    assert_done(lethe_split_forget(split, dataset, "random=0.5", 1));
    lethe_samples retain = part(split, LETHE_PART_RETAIN);
    split->roles[part(split, LETHE_PART_VAL).ids[0]] = LETHE_PART_RETAIN;
    split->roles[retain.ids[0]] = LETHE_PART_VAL;
    assert_done(lethe_split_save(split, dataset, "honest.json"));
    lethe__split_fill(split);
    assert_done(lethe_split_save(split, dataset, "changed.json"));
    json_t *honest = NULL, *changed = NULL;
    assert_done(lethe__json_read("honest.json", &honest));
    assert_done(lethe__json_read("changed.json", &changed));
    json_object_set(honest, "val_ids", json_object_get(changed, "val_ids"));
    assert_done(lethe__json_write("honest.json", honest));
    json_decref(honest);
    json_decref(changed);
    assert_fails(lethe_split_load("honest.json", dataset, &loaded), LETHE_INPUT, "the part 'train'");
    lethe_split_destroy(&split);
}

static void test_unwritable(void **state) {
    (void)state;
    lethe_split *split = create(0.1, 1);
    assert_fails(lethe_split_save(split, dataset, "no/such/folder.json"), LETHE_FAILED,
                 "no/such/folder.json");
    lethe_split_destroy(&split);
}

static lethe_status create_choose_load(void) {
    lethe_split *split = NULL, *loaded = NULL;
    lethe_status status = lethe_split_create(dataset, 0.1, 1, &split);
    if (status == LETHE_OK)
        status = lethe_split_forget(split, dataset, "random=0.2", 1);
    if (status == LETHE_OK)
        status = lethe_split_forget(split, dataset, "ids=ids", 1);
    if (status == LETHE_OK)
        status = lethe_split_load("saved.json", dataset, &loaded);
    lethe_split_destroy(&split);
    lethe_split_destroy(&loaded);
    return status;
}

static void test_allocation_failures(void **state) {
    (void)state;
    write_text("ids", "1\n");
    lethe_split *split = create(0, 1), *loaded = NULL;
    assert_done(lethe_split_forget(split, dataset, "class=1", 1));
    assert_done(lethe_split_save(split, dataset, "saved.json"));
    write_text("ids", "1\n2\n");
    assert_done(lethe_split_forget(split, dataset, "ids=ids", 1));
    lethe_split_destroy(&split);
    split = create(0, 1);
    assert_true(fail_each_allocation(create_choose_load) > 30);
    /* Saving: the file is complete or not there. Flushing the folder may go without memory. */
    int64_t blocks = lethe__memory_live_blocks();
    for (uint64_t n = 1, first;; n++) {
        remove("partial.json");
        first = lethe__memory_allocations();
        lethe__memory_fail_nth(n);
        lethe_status status = lethe_split_save(split, dataset, "partial.json");
        lethe__memory_fail_nth(0);
        bool reached = lethe__memory_allocations() - first >= n;
        assert_int_equal(lethe__memory_live_blocks(), blocks);
        assert_int_equal(access("partial.json", F_OK) == 0, status == LETHE_OK);
        if (status == LETHE_OK) {
            assert_done(lethe_split_load("partial.json", dataset, &loaded));
            lethe_split_destroy(&loaded);
        } else {
            assert_int_equal(status, LETHE_MEMORY);
        }
        if (!reached)
            break;
    }
    lethe_split_destroy(&split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_out),
        cmocka_unit_test(test_no_hold_out),
        cmocka_unit_test(test_bad_hold_out),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_forget_random),
        cmocka_unit_test(test_forget_ids),
        cmocka_unit_test(test_bad_ids),
        cmocka_unit_test(test_forget_held_out),
        cmocka_unit_test(test_bad_specifications),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_another_dataset),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_exchanged_ids),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, open_data, close_data);
}
