/* bench_operations.c - lethe bench ops: what each operation of an architecture costs, by each implementation.
 */
#include "base/fail.h"
#include "engine/peak.h"
#include "engine/profile.h"
#include "models/model.h"
#include <lethe/machine.h>
#include <stdio.h>

typedef struct taking {
    lethe__peak peak;
    lethe_precision precision;
    lethe__choices *measured; /* NULL: nothing is saved */
    lethe_status status;      /* of noting */
    void (*take)(void *user, const lethe_bench_operation *operation);
    void *user;
} taking;

static void take_timing(void *user, const lethe__timing *timing) {
    taking *t = user;
    const lethe__node *node = timing->operation->node;
    const lethe__view *src = &timing->operation->src, *dst = &timing->operation->dst;
    lethe_bench_operation operation = {
        .kind = lethe__op_kind_name(node->kind),
        .input = {src->h, src->w, src->c},
        .output = {dst->h, dst->w, dst->c},
        .kernel = node->kernel,
        .stride = node->stride,
        .residual = node->residual >= 0,
        .count = timing->count,
        .implementation = timing->implementation->name,
        .chosen = timing->chosen,
        .seconds = {timing->forward_seconds, timing->backward_seconds},
        .flops = {timing->forward_flops, timing->backward_flops},
        .bytes = {timing->forward_bytes, timing->backward_bytes},
        .peak_flops = t->peak.flops,
        .peak_bytes = t->peak.bytes,
    };
    if (t->measured != NULL && t->status == LETHE_OK) {
        lethe__shape shape = lethe__shape_of(timing->operation, t->precision);
        t->status = lethe__choices_note(t->measured, &shape, timing->implementation,
                                        timing->forward_seconds + timing->backward_seconds);
    }
    t->take(t->user, &operation);
}

static lethe_status measure(const lethe_bench_options *options, const lethe_runtime *runtime,
                            lethe_model *model, lethe__choices *choices, taking *t) {
    lethe__plan_request request = {.graph = model->graph,
                                   .weights = &model->weights,
                                   .choices = choices,
                                   .precision = lethe_precision_resolve(runtime->precision),
                                   .backend = runtime->backend,
                                   .threads = lethe_threads_resolve(runtime->threads),
                                   .n = (int)options->batch,
                                   .with_gradients = options->mode == LETHE_BENCH_TRAIN};
    t->precision = request.precision;
    LETHE_TRY(lethe_model_initialise(model, runtime->seed));
    LETHE_TRY(lethe__peak_measure(request.precision, request.threads, &t->peak));
    LETHE_TRY(
        lethe__profile(&request, options->repeats, options->repeats * options->seconds, take_timing, t));
    return t->status;
}

lethe_status lethe_bench_operations(const lethe_bench_options *options, const lethe_runtime *runtime,
                                    void (*take)(void *user, const lethe_bench_operation *operation),
                                    void *user) {
    LETHE_TRY(lethe_options_check(lethe_bench_option_table, options));
    lethe_model_info info = {.classes = options->classes,
                             .height = options->image_size,
                             .width = options->image_size,
                             .channels = options->channels,
                             .std = {1, 1, 1, 1}};
    snprintf(info.arch, sizeof info.arch, "%s", options->arch);
    taking t = {.take = take, .user = user};
    lethe_model *model = NULL;
    lethe__choices *choices = NULL;
    lethe_status status = lethe__choices_load(runtime, &choices);
    if (status == LETHE_OK && options->save != NULL)
        status = lethe__choices_open(options->save, runtime, &t.measured);
    if (status == LETHE_OK)
        status = lethe_model_create(&info, &model);
    if (status == LETHE_OK)
        status = measure(options, runtime, model, choices, &t);
    if (status == LETHE_OK && options->save != NULL)
        status = lethe__choices_save(t.measured, options->save);
    lethe_model_destroy(&model);
    lethe__choices_destroy(&t.measured);
    lethe__choices_destroy(&choices);
    return status;
}
