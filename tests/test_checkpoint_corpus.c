/* test_checkpoint_corpus.c - replays the stored corpus of the safetensors fuzzer. A file named good-* must be
 * accepted and one named bad-* refused; inputs that once broke the reader are added under such a name. */
#include "base/file.h"
#include "base/memory.h"
#include "fuzz_safetensors.c"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char folder[] = LETHE_TEST_FIXTURES "/../corpus/safetensors";

static void replay(const char *name, lethe_status expected) {
    char path[1024];
    uint8_t *bytes;
    size_t n;
    lethe__st_file file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(lethe__file_read(path, 1 << 20, &bytes, &n), LETHE_OK);
    int64_t live = lethe__memory_live_blocks();
    LLVMFuzzerTestOneInput(bytes, n);
    assert_int_equal(lethe__memory_live_blocks(), live);
    lethe_status status = lethe__st_parse(bytes, n, name, &file);
    if (status == LETHE_OK)
        lethe__st_fini(&file);
    if (status != expected)
        fail_msg("%s: %s", name, status == LETHE_OK ? "was accepted" : lethe_last_message());
    lethe__free(bytes);
}

static void the_corpus_is_answered_as_named(void **state) {
    (void)state;
    int n_good = 0, n_bad = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        bool good = strncmp(entry->d_name, "good-", 5) == 0, bad = strncmp(entry->d_name, "bad-", 4) == 0;
        if (good || bad)
            replay(entry->d_name, good ? LETHE_OK : LETHE_INPUT);
        n_good += good;
        n_bad += bad;
    }
    closedir(directory);
    assert_true(n_good >= 3 && n_bad >= 3); /* the folder was found and is not empty */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_corpus_is_answered_as_named)};
    return cmocka_run_group_tests_name("safetensors corpus", tests, NULL, NULL);
}
