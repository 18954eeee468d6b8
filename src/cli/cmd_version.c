/* cmd_version.c - lethe version */
#include "base/fail.h"
#include "cli/command.h"
#include "experiment/run_record.h"
#include <lethe/version.h>

static lethe_status run(lethe__call *call, void *job) {
    (void)job;
    if (call->talk.json)
        return lethe__print_json(lethe__versions_to_json());
    printf("lethe %s\n", lethe_version());
    for (const lethe_library *library = lethe_libraries(); library->name != NULL; library++)
        printf("%s %s\n", library->name, library->version);
    return LETHE_OK;
}

const lethe__command lethe__cmd_version = {
    .name = "version",
    .summary = "the versions of lethe and its libraries",
    .details = "Prints the version of lethe and those of the libraries that it is linked with.",
    .traits = LETHE__HAS_RESULT,
    .run = run,
};
