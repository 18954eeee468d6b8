/* choices.c - implementations chosen by measurement: looked up by shape, and noted. */
#include "engine/choices.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/choices_file.h"

/* --- shapes --- */

lethe__shape lethe__shape_of(const lethe__operation *operation, lethe_precision precision) {
    const lethe__node *node = operation->node;
    return (lethe__shape){.kind = node->kind,
                          .precision = precision,
                          .training = operation->with_gradients,
                          .height = operation->src.h,
                          .width = operation->src.w,
                          .channels = operation->src.c,
                          .outputs = operation->dst.c,
                          .kernel = node->kernel,
                          .stride = node->stride,
                          .padding = node->padding,
                          .relu = node->relu,
                          .residual = node->residual >= 0,
                          .bias = node->bias >= 0,
                          .diff_src = operation->wants_diff_src};
}

const lethe__shape_field lethe__shape_fields[LETHE__SHAPE_FIELDS] = {
    {"height", offsetof(lethe__shape, height), 1, 1 << 16},
    {"width", offsetof(lethe__shape, width), 1, 1 << 16},
    {"channels", offsetof(lethe__shape, channels), 1, 1 << 20},
    {"outputs", offsetof(lethe__shape, outputs), 1, 1 << 20},
    {"kernel", offsetof(lethe__shape, kernel), 0, 1 << 16},
    {"stride", offsetof(lethe__shape, stride), 0, 1 << 16},
    {"padding", offsetof(lethe__shape, padding), 0, 1 << 16},
    {"relu", offsetof(lethe__shape, relu), 0, 1},
    {"residual", offsetof(lethe__shape, residual), 0, 1},
    {"bias", offsetof(lethe__shape, bias), 0, 1},
    {"diff_src", offsetof(lethe__shape, diff_src), 0, 1},
};

int lethe__shape_value(const lethe__shape *shape, const lethe__shape_field *field) {
    return *(const int *)((const char *)shape + field->offset);
}

bool lethe__same_shape(const lethe__shape *a, const lethe__shape *b) {
    bool same = a->kind == b->kind && a->precision == b->precision && a->training == b->training;
    const lethe__shape_field *fields = lethe__shape_fields;
    for (int i = 0; same && i < LETHE__SHAPE_FIELDS; i++)
        same = lethe__shape_value(a, &fields[i]) == lethe__shape_value(b, &fields[i]);
    return same;
}

/* --- looking up and adding --- */

lethe__choice *lethe__choices_find_shape(const lethe__choices *choices, const lethe__shape *shape) {
    for (size_t i = 0; i < choices->n; i++)
        if (lethe__same_shape(&choices->all[i].shape, shape))
            return &choices->all[i];
    return NULL;
}

const lethe__implementation *lethe__choices_find(const lethe__choices *choices,
                                                 const lethe__operation *operation,
                                                 lethe_precision precision) {
    if (choices == NULL || operation->with_samples)
        return NULL;
    lethe__shape shape = lethe__shape_of(operation, precision);
    const lethe__choice *found = lethe__choices_find_shape(choices, &shape);
    return found != NULL ? found->implementation : NULL;
}

lethe_status lethe__choices_add(lethe__choices *choices, const lethe__choice *added) {
    LETHE_TRY(lethe__grow(&choices->all, &choices->capacity, choices->n + 1, sizeof *choices->all));
    choices->all[choices->n++] = *added;
    return LETHE_OK;
}

lethe_status lethe__choices_note(lethe__choices *choices, const lethe__shape *shape,
                                 const lethe__implementation *implementation, double seconds) {
    lethe__choice noted = {
        .shape = *shape, .implementation = implementation, .milliseconds = 1e3 * seconds, .fresh = true};
    lethe__choice *known = lethe__choices_find_shape(choices, shape);
    if (known == NULL)
        return lethe__choices_add(choices, &noted);
    if (!known->fresh || noted.milliseconds < known->milliseconds)
        *known = noted;
    return LETHE_OK;
}

/* --- opening --- */

static lethe_status check_precision(const lethe__choices *choices, const lethe_runtime *runtime) {
    lethe_precision precision = lethe_precision_resolve(runtime->precision);
    for (size_t i = 0; i < choices->n; i++)
        if (choices->all[i].shape.precision == precision)
            return LETHE_OK;
    LETHE_FAIL(LETHE_INPUT,
               "%s: holds no choice for the precision %s; add them: lethe bench ops --arch NAME --threads %d "
               "--precision %s --save FILE",
               runtime->kernels, lethe_precision_name(precision), choices->threads,
               lethe_precision_name(precision));
}

void lethe__choices_destroy(lethe__choices **choices) {
    if (*choices == NULL)
        return;
    lethe__free((*choices)->all);
    lethe__free(*choices);
    *choices = NULL;
}

lethe_status lethe__choices_load(const lethe_runtime *runtime, lethe__choices **out) {
    lethe__choices *choices = NULL;
    if (runtime->kernels != NULL && runtime->backend == LETHE_BACKEND_REF)
        LETHE_FAIL(LETHE_USAGE, "--backend ref takes the reference kernels; leave --kernels %s out",
                   runtime->kernels);
    if (runtime->kernels != NULL) {
        LETHE_TRY(lethe__allocate(1, sizeof *choices, &choices));
        choices->threads = lethe_threads_resolve(runtime->threads);
        lethe_status status =
            lethe__choices_read(runtime->kernels, runtime, runtime->kernels_digest, choices);
        if (status == LETHE_OK)
            status = check_precision(choices, runtime);
        if (status != LETHE_OK) {
            lethe__choices_destroy(&choices);
            return status;
        }
    }
    *out = choices;
    return LETHE_OK;
}

lethe_status lethe__choices_open(const char *path, const lethe_runtime *runtime, lethe__choices **out) {
    lethe__choices *choices;
    LETHE_TRY(lethe__allocate(1, sizeof *choices, &choices));
    choices->threads = lethe_threads_resolve(runtime->threads);
    lethe_status status =
        lethe__file_exists(path) ? lethe__choices_read(path, runtime, NULL, choices) : LETHE_OK;
    if (status != LETHE_OK) {
        lethe__choices_destroy(&choices);
        return status;
    }
    *out = choices;
    return LETHE_OK;
}
