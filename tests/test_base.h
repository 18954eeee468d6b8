/* test_base.h - what the tests of room base share: checking a status and its sentence, a folder of their own,
 * and the loop that makes every allocation fail in turn. */
#ifndef LETHE_TEST_BASE_H
#define LETHE_TEST_BASE_H

/* cmocka.h needs these four in front of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/memory.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_done(call)                                                                                    \
    do {                                                                                                     \
        lethe_status done_ = (call);                                                                         \
        if (done_ != LETHE_OK)                                                                               \
            fail_msg("%s: %s", #call, lethe_last_message());                                                 \
    } while (0)

/* The call fails with this status and a sentence that contains `part`. */
#define assert_fails(call, status, part)                                                                     \
    do {                                                                                                     \
        assert_int_equal((call), (status));                                                                  \
        if (strstr(lethe_last_message(), (part)) == NULL)                                                    \
            fail_msg("%s: '%s' does not contain '%s'", #call, lethe_last_message(), (part));                 \
    } while (0)

static char test_folder[] = "/tmp/lethe_test_base.XXXXXX";

static inline int enter_folder(void **state) {
    (void)state;
    strcpy(test_folder, "/tmp/lethe_test_base.XXXXXX");
    return mkdtemp(test_folder) == NULL || chdir(test_folder) != 0;
}

static inline int count_files(const char *folder) {
    int n = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return n;
}

static inline int leave_folder(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", test_folder);
    return chdir("/") != 0 || system(command) != 0;
}

static inline void write_text(const char *path, const char *text) {
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

/* Calls `step`, which must release what it got, with the first, second, ... allocation failing until none
 * does. Each failure must be LETHE_MEMORY and leave no block behind. Returns the number of allocations that
 * were made to fail. */
static inline int fail_each_allocation(lethe_status (*step)(void)) {
    int64_t before = lethe__memory_live_blocks();
    for (int n = 1;; n++) {
        uint64_t first = lethe__memory_allocations();
        lethe__memory_fail_nth((uint64_t)n);
        lethe_status status = step();
        lethe__memory_fail_nth(0);
        assert_int_equal(lethe__memory_live_blocks(), before);
        if (lethe__memory_allocations() - first < (uint64_t)n) {
            assert_int_equal(status, LETHE_OK);
            return n - 1;
        }
        assert_int_equal(status, LETHE_MEMORY);
    }
}

#endif
