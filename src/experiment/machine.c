/* machine.c - what this machine is, and what the engine makes of it. */
#include "base/fail.h"
#include "engine/cpu.h"
#include "engine/executor.h"
#include "models/model.h"
#include <lethe/machine.h>

void lethe_machine_get(lethe_machine *out) {
    lethe__cpu_name(out->cpu);
    out->isa = lethe__cpu_isa();
    out->threads = lethe_threads_resolve(0);
    out->precision = lethe_precision_resolve(LETHE_PRECISION_AUTO);
}

lethe_status lethe_model_describe(lethe_model *model, size_t batch, const lethe_runtime *runtime,
                                  lethe_line_function *write, void *user) {
    if (batch < 1 || batch > 65536)
        LETHE_FAIL(LETHE_USAGE, "a batch of %zu samples: 1 to 65536 are possible", batch);
    lethe__executor *executor;
    LETHE_TRY(lethe__executor_create(model->graph, &model->weights,
                                     lethe_precision_resolve(runtime->precision), runtime, &executor));
    lethe_status status = lethe__executor_describe(executor, LETHE__MODE_TRAIN, (int)batch, write, user);
    lethe__executor_destroy(&executor);
    return status;
}
