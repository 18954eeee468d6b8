/* run_show.h - how commands that write a run directory show their result, and what --dry-run shows. */
#ifndef LETHE_CLI_RUN_SHOW_H
#define LETHE_CLI_RUN_SHOW_H

#include "cli/command.h"
#include <lethe/run.h>

/* A few lines, or run.json with --json. */
lethe_status lethe__show_run(const lethe__call *call, const char *directory, const lethe_run_result *result);
lethe_status lethe__show_estimate(const lethe__call *call, const lethe_estimate *estimate);

#endif
