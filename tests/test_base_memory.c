/* The heap's one door and arenas. */
#include "test_base.h"

static void test_allocate(void **state) {
    (void)state;
    int64_t before = lethe__memory_live_blocks();
    double *numbers = NULL;
    assert_done(lethe__allocate(1000, sizeof *numbers, &numbers));
    assert_int_equal((uintptr_t)numbers % 64, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(numbers[i] == 0);
    char *nothing = NULL;
    assert_done(lethe__allocate(0, 8, &nothing));
    assert_non_null(nothing);
    assert_int_equal(lethe__memory_live_blocks(), before + 2);
    lethe__free(numbers);
    lethe__free(nothing);
    lethe__free(NULL);
    assert_int_equal(lethe__memory_live_blocks(), before);
}

static void test_allocate_too_much(void **state) {
    (void)state;
    int *untouched = (int *)state;
    assert_fails(lethe__allocate(SIZE_MAX / 2, 4, &untouched), LETHE_MEMORY, "4 bytes");
    assert_fails(lethe__allocate(SIZE_MAX, 1, &untouched), LETHE_MEMORY, "out of memory");
    assert_fails(lethe__allocate(SIZE_MAX / 2, 1, &untouched), LETHE_MEMORY, "out of memory");
    assert_ptr_equal(untouched, state);
}

static void test_fail_nth(void **state) {
    (void)state;
    void *block = NULL;
    uint64_t first = lethe__memory_allocations();
    lethe__memory_fail_nth(2);
    assert_done(lethe__allocate(1, 1, &block));
    lethe__free(block);
    assert_int_equal(lethe__allocate(1, 1, &block), LETHE_MEMORY);
    assert_done(lethe__allocate(1, 1, &block));
    lethe__free(block);
    assert_int_equal(lethe__memory_allocations(), first + 3);
    lethe__memory_fail_nth(1);
    lethe__memory_fail_nth(0);
    assert_done(lethe__allocate(1, 1, &block));
    lethe__free(block);
}

static void test_grow(void **state) {
    (void)state;
    int *array = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t n = 0; n < 1000; n++) {
        size_t before = capacity;
        assert_done(lethe__grow(&array, &capacity, n + 1, sizeof *array));
        assert_true(capacity > n);
        assert_int_equal(array[n], 0);
        moves += capacity != before;
        array[n] = (int)n;
    }
    assert_in_range(moves, 1, 12);
    for (int n = 0; n < 1000; n++)
        assert_int_equal(array[n], n);

    int *same = array;
    size_t same_capacity = capacity;
    lethe__memory_fail_nth(1);
    assert_int_equal(lethe__grow(&array, &capacity, capacity + 1, sizeof *array), LETHE_MEMORY);
    assert_fails(lethe__grow(&array, &capacity, SIZE_MAX, sizeof *array), LETHE_MEMORY, "out of memory");
    assert_ptr_equal(array, same);
    assert_int_equal(capacity, same_capacity);
    assert_int_equal(array[999], 999);
    lethe__free(array);
}

static void test_texts(void **state) {
    (void)state;
    char *copy = NULL, *made = NULL;
    assert_done(lethe__copy_text("bytes", &copy));
    assert_string_equal(copy, "bytes");
    assert_done(lethe__format_text(&made, "%s/%03d", copy, 7));
    assert_string_equal(made, "bytes/007");
    lethe__free(copy);
    lethe__free(made);
}

static void test_arena(void **state) {
    (void)state;
    int64_t before = lethe__memory_live_blocks();
    lethe__arena *arena = NULL;
    assert_done(lethe__arena_create(&arena));
    unsigned char *blocks[200];
    for (int i = 0; i < 200; i++) {
        size_t n = i == 50 ? 100000 : (size_t)i;
        assert_done(lethe__arena_allocate(arena, n, 1, &blocks[i]));
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(blocks[i][j], 0);
        memset(blocks[i], i, n);
    }
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < i && i != 50; j++)
            assert_int_equal(blocks[i][j], i);

    const char *text = NULL;
    assert_done(lethe__arena_format(arena, &text, "%s-%d", "no", 5));
    assert_string_equal(text, "no-5");
    void *none = NULL;
    assert_fails(lethe__arena_allocate(arena, SIZE_MAX / 8, 16, &none), LETHE_MEMORY, "out of memory");
    assert_fails(lethe__arena_allocate(arena, SIZE_MAX - 128, 1, &none), LETHE_MEMORY, "out of memory");
    assert_null(none);
    lethe__arena_destroy(&arena);
    assert_null(arena);
    lethe__arena_destroy(&arena);
    assert_int_equal(lethe__memory_live_blocks(), before);
}

static lethe_status use_everything(void) {
    lethe__arena *arena = NULL;
    char *text = NULL, *copy = NULL;
    const char *lent = NULL;
    int *array = NULL;
    size_t capacity = 0;
    lethe_status status = lethe__arena_create(&arena);
    if (status == LETHE_OK)
        status = lethe__arena_format(arena, &lent, "%d", 1);
    if (status == LETHE_OK)
        status = lethe__format_text(&text, "%s", lent);
    if (status == LETHE_OK)
        status = lethe__copy_text(text, &copy);
    if (status == LETHE_OK)
        status = lethe__grow(&array, &capacity, 1, sizeof *array);
    lethe__arena_destroy(&arena);
    lethe__free(text);
    lethe__free(copy);
    lethe__free(array);
    return status;
}

static void test_each_allocation_failing(void **state) {
    (void)state;
    assert_int_equal(fail_each_allocation(use_everything), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocate),
        cmocka_unit_test(test_allocate_too_much),
        cmocka_unit_test(test_fail_nth),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
