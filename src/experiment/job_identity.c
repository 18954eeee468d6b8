/* job_identity.c - what has to be the same for an interrupted run to be continued. */
#include "base/digest.h"
#include "base/fail.h"
#include "base/memory.h"
#include "data/split.h"
#include "experiment/job.h"
#include <lethe/version.h>
#include <string.h>

void lethe__config_strip(json_t *config) {
    static const char *const places[] = {"out", "data-dir", "model", "kernels", "checkpoint-seconds"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        json_object_del(config, places[i]);
}

lethe_status lethe__kernels_digest(const lethe_runtime *runtime, char text[LETHE_DIGEST_TEXT]) {
    text[0] = 0;
    return runtime->kernels != NULL ? lethe__digest_file(runtime->kernels, text) : LETHE_OK;
}

lethe_status lethe__job_identity(const lethe__job *job, const lethe__subject *subject, const char *kernels,
                                 char text[LETHE_DIGEST_TEXT]) {
    char val[LETHE_DIGEST_TEXT], forget[LETHE_DIGEST_TEXT];
    LETHE_TRY(lethe__split_digest(subject->split, LETHE_PART_VAL, val));
    LETHE_TRY(lethe__split_digest(subject->split, LETHE_PART_FORGET, forget));
    json_t *config = lethe__option_set_to_json(&job->set);
    lethe__config_strip(config); /* what lies at those places is digested instead */
    json_t *identity = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s*}", "version", lethe_version(), "command", job->command,
        "config", config, "data", lethe_dataset_get_info(subject->dataset)->digest, "val", val, "forget",
        forget, "parent", subject->origin.digest, "kernels", kernels[0] != 0 ? kernels : NULL);
    char *dump = identity != NULL ? json_dumps(identity, JSON_COMPACT) : NULL;
    json_decref(identity);
    if (dump == NULL)
        LETHE_FAIL(LETHE_MEMORY, "out of memory for the identity of the run");
    lethe_status status = lethe__digest_memory(dump, strlen(dump), text);
    lethe__free(dump); /* jansson allocates by our door */
    return status;
}
