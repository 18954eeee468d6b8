/* machine.c - what this machine is, and what the engine makes of it. */
#include "base/fail.h"
#include "engine/executor.h"
#include "engine/native/native.h"
#include "models/model.h"
#include <lethe/machine.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
/* The brand string: three CPUID leaves of 16 characters each (Intel SDM, CPUID 80000002H to 80000004H). */
static void read_cpu(char text[64]) {
    unsigned words[13] = {0};
    for (unsigned leaf = 0; leaf < 3; leaf++)
        if (!__get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1], &words[4 * leaf + 2],
                         &words[4 * leaf + 3]))
            break;
    const char *brand = (const char *)words;
    brand += strspn(brand, " ");
    snprintf(text, 64, "%s", brand[0] != 0 ? brand : "x86-64");
}
#else
static void read_cpu(char text[64]) {
    snprintf(text, 64, "not x86-64");
}
#endif

static const char *read_isa(void) {
    bool has_amx = lethe_precision_resolve(LETHE_PRECISION_AUTO) == LETHE_PRECISION_BF16;
    return has_amx ? "amx" : lethe__row_kernels_choose()->name;
}

void lethe_machine_get(lethe_machine *out) {
    read_cpu(out->cpu);
    out->isa = read_isa();
    out->threads = lethe_threads_resolve(0);
    out->precision = lethe_precision_resolve(LETHE_PRECISION_AUTO);
}

const char *lethe_precision_name(lethe_precision precision) {
    static const char *const names[] = {"auto", "f32", "bf16"};
    return names[precision];
}

lethe_status lethe_model_describe(lethe_model *model, size_t batch, const lethe_runtime *runtime,
                                  lethe_line_function *write, void *user) {
    if (batch < 1 || batch > 65536)
        LETHE_FAIL(LETHE_USAGE, "a batch of %zu samples: 1 to 65536 are possible", batch);
    lethe__executor *executor;
    LETHE_TRY(lethe__executor_create(model->graph, &model->weights,
                                     lethe_precision_resolve(runtime->precision), runtime->backend,
                                     lethe_threads_resolve(runtime->threads), &executor));
    lethe_status status = lethe__executor_describe(executor, LETHE__MODE_TRAIN, (int)batch, write, user);
    lethe__executor_destroy(&executor);
    return status;
}
