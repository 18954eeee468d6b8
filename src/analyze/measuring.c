/* measuring.c - norms, samples drawn by the seed, and progress. */
#include "analyze/measuring.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>
#include <string.h>

double lethe__vector_distance(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

double lethe__vector_norm(const double *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * a[i];
    return sqrt(sum);
}

lethe_status lethe__draw_samples(lethe_samples samples, size_t n, uint64_t seed, uint32_t **ids,
                                 lethe_samples *out) {
    LETHE_TRY(lethe__allocate(samples.n, sizeof **ids, ids));
    lethe__random random = lethe__random_open(seed, LETHE__RANDOM_ANALYZE, 0, 0);
    memcpy(*ids, samples.ids, samples.n * sizeof **ids);
    lethe__random_permute(&random, *ids, samples.n);
    *out = samples;
    out->ids = *ids;
    out->n = n < samples.n ? n : samples.n;
    return LETHE_OK;
}

lethe_status lethe__analyze_step(const lethe_runtime *runtime, const char *title, size_t step,
                                 size_t n_steps) {
    if (runtime->stop != NULL && *runtime->stop != 0)
        LETHE_FAIL(LETHE_STOPPED, "stopped in step %zu of %zu of the %s; run again to start over", step,
                   n_steps, title);
    lethe_progress progress = {
        .title = title, .step = step, .n_steps = n_steps, .eta_seconds = -1, .loss = NAN, .accuracy = NAN};
    if (runtime->progress != NULL)
        runtime->progress(runtime->user, &progress);
    return LETHE_OK;
}
