/* test_models_create.c - making models: what no architecture can be made for is refused, and every allocation
 * may fail. */
#include "base/memory.h"
#include "models/model.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static lethe_model_info good_info(const char *arch) {
    lethe_model_info info = {
        .classes = 10, .height = 28, .width = 28, .channels = 1, .mean = {0.5f}, .std = {0.25f}};
    snprintf(info.arch, sizeof info.arch, "%s", arch);
    return info;
}

static void impossible_models_are_refused(void **state) {
    (void)state;
    for (const char *const *arch = lethe_model_archs(); *arch != NULL; arch++) {
        const int bad_classes[] = {INT_MIN, 1, INT_MAX}, bad_sides[] = {-1, 27, 4097};
        const int bad_channels[] = {-1, 0, LETHE_MAX_CHANNELS + 1};
        for (int i = 0; i < 9; i++) {
            lethe_model_info info = good_info(*arch);
            lethe_model *model = NULL;
            if (i < 3)
                info.classes = bad_classes[i];
            else if (i < 6)
                info.width = bad_sides[i - 3];
            else
                info.channels = bad_channels[i - 6];
            assert_int_equal(lethe_model_create(&info, &model), LETHE_USAGE);
            assert_null(model);
        }
    }
    lethe_model_info unknown = good_info("resnet20");
    lethe_model *model = NULL;
    assert_int_equal(lethe_model_create(&unknown, &model), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "resnet20s"));
}

static void every_allocation_failure_is_clean(void **state) {
    (void)state;
    for (const char *const *arch = lethe_model_archs(); *arch != NULL; arch++) {
        lethe_model_info info = good_info(*arch);
        lethe_status status = LETHE_MEMORY;
        for (uint64_t nth = 1; status == LETHE_MEMORY; nth++) {
            int64_t live = lethe__memory_live_blocks();
            lethe_model *model = NULL;
            lethe__memory_fail_nth(nth);
            status = lethe_model_create(&info, &model);
            lethe__memory_fail_nth(0);
            assert_int_equal(model != NULL, status == LETHE_OK);
            lethe_model_destroy(&model);
            assert_int_equal(lethe__memory_live_blocks(), live);
        }
        assert_int_equal(status, LETHE_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_models_are_refused),
        cmocka_unit_test(every_allocation_failure_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
