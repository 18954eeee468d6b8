/* Status codes and messages, logging, clocks, digests, and what "auto" stands for. */
#include "test_base.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include <pthread.h>
#include <sched.h>

static void test_texts_and_exit_codes(void **state) {
    (void)state;
    assert_string_equal(lethe_status_text(LETHE_USAGE), "wrong usage");
    assert_string_equal(lethe_status_text((lethe_status)99), "unknown status");
    assert_int_equal(lethe_status_exit_code(LETHE_OK), 0);
    assert_int_equal(lethe_status_exit_code(LETHE_FAILED), 1);
    assert_int_equal(lethe_status_exit_code(LETHE_USAGE), 2);
    assert_int_equal(lethe_status_exit_code(LETHE_INPUT), 3);
    assert_int_equal(lethe_status_exit_code(LETHE_DIVERGED), 4);
    assert_int_equal(lethe_status_exit_code(LETHE_STOPPED), 75);
    assert_int_equal(lethe_status_exit_code((lethe_status)99), 1);
}

static lethe_status forwards(lethe_status status, bool *reached_end) {
    LETHE_TRY(status);
    *reached_end = true;
    return LETHE_OK;
}

static void test_messages(void **state) {
    (void)state;
    assert_int_equal(lethe__fail(LETHE_INPUT, "%d of %s", 7, "nine"), LETHE_INPUT);
    assert_string_equal(lethe_last_message(), "7 of nine");
    assert_int_equal(lethe__fail_in(LETHE_INPUT, "a.npy"), LETHE_INPUT);
    assert_string_equal(lethe_last_message(), "a.npy: 7 of nine");
    lethe__fail(LETHE_USAGE, "since %s", lethe_last_message());
    assert_string_equal(lethe_last_message(), "since a.npy: 7 of nine");

    bool reached_end = false;
    assert_int_equal(forwards(LETHE_DIVERGED, &reached_end), LETHE_DIVERGED);
    assert_false(reached_end);
    assert_int_equal(forwards(LETHE_OK, &reached_end), LETHE_OK);
    assert_true(reached_end);
}

static void test_long_messages_are_cut(void **state) {
    (void)state;
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    lethe__fail(LETHE_FAILED, "%s", text);
    size_t length = strlen(lethe_last_message());
    assert_in_range(length, 200, sizeof text - 2);
    lethe__fail_in(LETHE_FAILED, "place");
    assert_memory_equal(lethe_last_message(), "place: xxx", 10);
}

static void *message_of_another_thread(void *copy) {
    strcpy(copy, lethe_last_message());
    lethe__fail(LETHE_FAILED, "of another thread");
    return NULL;
}

static void test_messages_belong_to_threads(void **state) {
    (void)state;
    char seen[1024] = "?";
    pthread_t thread;
    lethe__fail(LETHE_FAILED, "of this thread");
    assert_int_equal(pthread_create(&thread, NULL, message_of_another_thread, seen), 0);
    pthread_join(thread, NULL);
    assert_string_equal(seen, "");
    assert_string_equal(lethe_last_message(), "of this thread");
}

static void collect(void *user, lethe_log_level level, const char *sentence) {
    snprintf(user, 100, "%d %s", (int)level, sentence);
}

static void test_log(void **state) {
    (void)state;
    char got[100] = "nothing";
    lethe_runtime runtime = {.log = NULL, .user = got};
    lethe__log(&runtime, LETHE_LOG_INFO, "unheard");
    assert_string_equal(got, "nothing");
    runtime.log = collect;
    lethe__log(&runtime, LETHE_LOG_WARNING, "%s took %d s", "ft", 3);
    assert_string_equal(got, "1 ft took 3 s");
}

static void test_clock(void **state) {
    (void)state;
    double before = lethe__clock_seconds();
    usleep(2000);
    assert_true(lethe__clock_seconds() - before >= 0.002);
    char text[32];
    lethe__clock_text(text);
    int year, month, day, hour, minute, second, end = 0;
    assert_int_equal(
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute, &second, &end), 6);
    assert_int_equal(end, 20);
    assert_int_equal(strlen(text), 20);
}

/* BLAKE2b-256 of nothing and of "abc", as b2sum --length=256 prints them. */
#define DIGEST_OF_NOTHING "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
#define DIGEST_OF_ABC "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"

static void test_digest(void **state) {
    (void)state;
    char text[LETHE_DIGEST_TEXT];
    assert_done(lethe__digest_memory("", 0, text));
    assert_string_equal(text, DIGEST_OF_NOTHING);

    lethe__digest *digest;
    assert_done(lethe__digest_create(&digest));
    lethe__digest_update(digest, "a", 1);
    lethe__digest_update(digest, "bc", 2);
    lethe__digest_finish(&digest, text);
    assert_null(digest);
    assert_string_equal(text, DIGEST_OF_ABC);

    write_text("abc", "abc");
    memset(text, 0, sizeof text);
    assert_done(lethe__digest_file("abc", text));
    assert_string_equal(text, DIGEST_OF_ABC);
    assert_fails(lethe__digest_file("absent", text), LETHE_INPUT, "absent: cannot be opened: No such file");
    assert_fails(lethe__digest_file(".", text), LETHE_INPUT, "Is a directory");
    assert_string_equal(text, DIGEST_OF_ABC);
}

static lethe_status digest_once(void) {
    char text[LETHE_DIGEST_TEXT];
    return lethe__digest_file("abc", text);
}

static void test_digest_without_memory(void **state) {
    (void)state;
    write_text("abc", "abc");
    assert_int_equal(fail_each_allocation(digest_once), 1);
}

static void test_runtime(void **state) {
    (void)state;
    lethe_runtime runtime;
    memset(&runtime, 0xff, sizeof runtime);
    assert_done(lethe_runtime_defaults(&runtime));
    assert_int_equal(runtime.threads, 0);
    assert_int_equal(runtime.precision, LETHE_PRECISION_AUTO);
    assert_int_equal(runtime.backend, LETHE_BACKEND_AUTO);
    assert_null(runtime.checkpoint);
    assert_null(runtime.stop);
    assert_null(runtime.log);
    assert_false(runtime.resume);
    assert_done(lethe_options_check(lethe_runtime_options, &runtime));
    assert_done(lethe_options_set(lethe_runtime_options, &runtime, "precision", "bf16"));
    assert_int_equal(runtime.precision, LETHE_PRECISION_BF16);
    assert_done(lethe_options_set(lethe_runtime_options, &runtime, "backend", "ref"));
    assert_int_equal(runtime.backend, LETHE_BACKEND_REF);
}

static void test_resolving(void **state) {
    (void)state;
    assert_int_equal(lethe_precision_resolve(LETHE_PRECISION_F32), LETHE_PRECISION_F32);
    assert_int_equal(lethe_precision_resolve(LETHE_PRECISION_BF16), LETHE_PRECISION_BF16);
    lethe_precision automatic = lethe_precision_resolve(LETHE_PRECISION_AUTO);
    assert_true(automatic == LETHE_PRECISION_F32 || automatic == LETHE_PRECISION_BF16);

    assert_int_equal(lethe_threads_resolve(3), 3);
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(lethe_threads_resolve(0), CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(lethe_threads_resolve(0), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_exit_codes),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_messages_belong_to_threads),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_clock),
        cmocka_unit_test_setup_teardown(test_digest, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_digest_without_memory, enter_folder, leave_folder),
        cmocka_unit_test(test_runtime),
        cmocka_unit_test(test_resolving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
