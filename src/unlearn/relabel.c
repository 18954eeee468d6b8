/* relabel.c - samples under other labels, and passes over the forget set.
 *
 * Samples name their labels by id through a pointer of their own, so other labels are another array: training
 * needs to know nothing of it. Labels drawn at random are a function of (seed, sample id), hence the same
 * after a resume. */
#include "unlearn/relabel.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "models/model.h"

static size_t ids_end(lethe_samples samples) {
    size_t end = 0;
    for (size_t i = 0; i < samples.n; i++)
        if (samples.ids[i] >= end)
            end = (size_t)samples.ids[i] + 1;
    return end;
}

/* Both lists are ascending, and so is what comes out. */
static void merge(lethe_samples a, lethe_samples b, lethe__relabelled *out) {
    size_t i = 0, j = 0;
    for (size_t k = 0; k < a.n + b.n; k++) {
        bool from_a = j == b.n || (i < a.n && a.ids[i] < b.ids[j]);
        uint32_t id = from_a ? a.ids[i++] : b.ids[j++];
        out->ids[k] = id;
        out->labels[id] = from_a ? a.labels[id] : b.labels[id];
    }
}

lethe_status lethe__relabel_open(const lethe_unlearning *unlearning, bool with_retain,
                                 lethe__relabelled *out) {
    lethe_samples forget = lethe_unlearning_forget(unlearning), retain = lethe_unlearning_retain(unlearning);
    *out = (lethe__relabelled){.samples = forget};
    if (!with_retain)
        retain.n = 0;
    size_t end = ids_end(forget), retain_end = ids_end(retain);
    out->samples.n = forget.n + retain.n;
    LETHE_TRY(lethe__allocate(out->samples.n, sizeof *out->ids, &out->ids));
    LETHE_TRY(lethe__allocate(end > retain_end ? end : retain_end, sizeof *out->labels, &out->labels));
    merge(forget, retain, out);
    out->samples.ids = out->ids;
    out->samples.labels = out->labels;
    return LETHE_OK;
}

void lethe__relabel_close(lethe__relabelled *relabelled) {
    lethe__free(relabelled->ids);
    lethe__free(relabelled->labels);
}

/* The later draws of a sample follow the first one in its stream. */
void lethe__relabel_randomly(lethe_unlearning *unlearning, lethe__relabelled *relabelled, int draw) {
    const lethe_runtime *runtime = lethe_trainer_runtime(lethe_unlearning_trainer(unlearning));
    lethe_samples forget = lethe_unlearning_forget(unlearning);
    bool official = runtime->compat == LETHE_COMPAT_OFFICIAL;
    int classes = lethe_model_get_info(lethe_unlearning_model(unlearning))->classes;
    for (size_t i = 0; i < forget.n; i++) {
        uint32_t id = forget.ids[i];
        int32_t own = forget.labels[id], drawn = 0;
        lethe__random random = lethe__random_open(runtime->seed, LETHE__RANDOM_METHOD, 0, id);
        for (int k = 0; k <= draw; k++)
            drawn = (int32_t)lethe__random_below(&random, (uint32_t)classes - !official);
        relabelled->labels[id] = drawn + (!official && drawn >= own);
    }
}

lethe_status lethe__forget_pass(lethe_unlearning *unlearning, size_t batch, bool gradients,
                                lethe__batch_function *take, void *user) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    double started = lethe__clock_seconds();
    lethe__loader *loader;
    LETHE_TRY(lethe__loader_create(lethe_unlearning_forget(unlearning), batch, false, false, 0,
                                   trainer->threads, &loader));
    trainer->model->weights.version++; /* the caller may have written to the model's views */
    lethe_status status = LETHE_OK;
    for (size_t i = 0; i < lethe__loader_batches(loader) && status == LETHE_OK; i++) {
        lethe__batch now;
        const float *logits;
        lethe__loader_batch(loader, 0, i, &now);
        status =
            lethe__executor_forward(trainer->executor, gradients ? LETHE__MODE_GRADIENT : LETHE__MODE_PREDICT,
                                    now.images, now.n, &logits);
        if (status == LETHE_OK)
            status = take(user, trainer, &now, logits);
    }
    lethe__loader_destroy(&loader);
    trainer->state.total_seconds += lethe__clock_seconds() - started;
    return status;
}
