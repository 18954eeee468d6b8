/* run_record.c - run.json, schema lethe.run/1.
 *
 * Everything that a reader needs to know about a run without opening another file: the configuration that
 * repeats it, digests of what went in (parent model, data, forget set), the machine, and the figures that
 * came out. Numbers that were not measured are null. jansson's packing answers NULL for any part that is
 * NULL, so exhausted memory shows once, at the end. */
#include "experiment/run_record.h"
#include "base/fail.h"
#include "data/split.h"
#include <lethe/machine.h>
#include <lethe/version.h>
#include <stdlib.h>
#include <sys/resource.h>

json_t *lethe__versions_to_json(void) {
    json_t *object = json_pack("{s:s}", "lethe", lethe_version());
    for (const lethe_library *library = lethe_libraries(); library->name != NULL; library++) {
        if (json_object_set_new(object, library->name, json_string(library->version)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *lethe__machine_to_json(const lethe_runtime *runtime) {
    lethe_machine machine;
    lethe_machine_get(&machine);
    return json_pack("{s:s, s:s, s:i, s:s, s:o}", "cpu", machine.cpu, "isa", machine.isa, "threads",
                     lethe_threads_resolve(runtime->threads), "precision",
                     lethe_precision_name(lethe_precision_resolve(runtime->precision)), "libraries",
                     lethe__versions_to_json());
}

static json_t *parent_to_json(const lethe__subject *subject) {
    const lethe__origin *origin = &subject->origin;
    if (origin->path == NULL)
        return json_null();
    char *whole = realpath(origin->path, NULL); /* a record outlives the working directory */
    json_t *object = json_pack("{s:s, s:s, s:o}", "path", whole != NULL ? whole : origin->path, "digest",
                               origin->digest, "sparsity", lethe__json_real(subject->sparsity));
    free(whole);
    return object;
}

static json_int_t count(const lethe__subject *subject, lethe_part part) {
    return (json_int_t)lethe_split_samples(subject->split, subject->dataset, part).n;
}

static json_t *data_to_json(const lethe__subject *subject) {
    const lethe_dataset_info *info = lethe_dataset_get_info(subject->dataset);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "name", info->name, "path", info->path, "n_train",
                     count(subject, LETHE_PART_TRAIN), "n_val", count(subject, LETHE_PART_VAL), "n_test",
                     count(subject, LETHE_PART_TEST), "digest", info->digest);
}

static json_t *forget_to_json(const lethe__subject *subject) {
    char digest[LETHE_DIGEST_TEXT];
    json_int_t n = count(subject, LETHE_PART_FORGET);
    if (n == 0)
        return json_null();
    if (lethe__split_digest(subject->split, LETHE_PART_FORGET, digest) != LETHE_OK)
        return NULL;
    return json_pack("{s:s, s:I, s:s}", "specification", lethe_split_get_forget(subject->split), "n", n,
                     "digest", digest);
}

static json_t *metrics_to_json(const lethe_run_result *result) {
    return json_pack("{s:o, s:o, s:o}", "loss", lethe__json_real(result->loss), "accuracy",
                     lethe__json_real(result->accuracy), "val_accuracy",
                     lethe__json_real(result->val_accuracy));
}

static json_t *wreck_to_json(const lethe__job *job, const lethe_run_result *result) {
    if (job->unlearns == NULL)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:b}", "original_accuracy", lethe__json_real(result->original_accuracy),
                     "accuracy", lethe__json_real(result->retain_accuracy), "bound",
                     lethe__json_real(result->wreck_bound), "wrecked", result->wrecked);
}

/* By name; null where the method has nothing to tell. */
static json_t *findings_to_json(const lethe__job *job) {
    if (job->findings == NULL || job->findings->n == 0)
        return json_null();
    json_t *object = json_object();
    for (size_t i = 0; i < job->findings->n; i++) {
        lethe_finding finding = job->findings->all[i];
        if (json_object_set_new(object, finding.name, lethe__json_real(finding.value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_int_t peak_rss_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (json_int_t)usage.ru_maxrss * 1024 : 0;
}

static json_t *record_to_json(const lethe__run_record *record) {
    const lethe__job *job = record->job;
    const lethe__subject *subject = record->subject;
    const lethe_run_result *result = record->result;
    json_t *config = lethe__option_set_to_json(&job->set); /* writes a seed beyond 63 bits as text */
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s?, s:O, s:s, s:o, s:o, s:I, s:i, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:s}",
        "schema", "lethe.run/1", "command", job->command, "config", config, "parent", parent_to_json(subject),
        "data", data_to_json(subject), "forget", forget_to_json(subject), "machine",
        lethe__machine_to_json(&job->runtime), "kernels", record->kernels, "seed",
        json_object_get(config, "seed"), "started", record->started, "seconds",
        lethe__json_real(result->seconds), "rte_seconds", lethe__json_real(result->rte_seconds),
        "peak_rss_bytes", peak_rss_bytes(), "epochs", result->epochs, "sparsity",
        lethe__json_real(result->sparsity), "zeros", lethe__json_real(result->zeros), "near_zeros",
        lethe__json_real(result->near_zeros), "retain", wreck_to_json(job, result), "findings",
        findings_to_json(job), "metrics", metrics_to_json(result), "outcome", record->outcome);
}

lethe_status lethe__run_record_write(const lethe__run_record *record, const char *path) {
    json_t *json = record_to_json(record);
    if (json == NULL)
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for the record of the run", path);
    lethe_status status = lethe__json_write(path, json);
    json_decref(json);
    return status;
}
