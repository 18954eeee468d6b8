/* run_directory.h - a run directory being written: refused, cleared, locked, logged into. */
#ifndef LETHE_EXPERIMENT_RUN_DIRECTORY_H
#define LETHE_EXPERIMENT_RUN_DIRECTORY_H

#include <lethe/run.h>
#include <stdio.h>

typedef struct lethe__run_directory {
    const char *path; /* lent */
    FILE *log;        /* log.txt, which also bears the lock */
    char *checkpoint; /* path of checkpoint.safetensors */
    bool resumes;     /* an interrupted run is continued */
} lethe__run_directory;

/* LETHE_USAGE when `out` is missing, holds a finished run that must not be replaced, or is where `model`,
 * which the run starts from, lies (NULL: it starts from none). Writes nothing. */
lethe_status lethe__run_directory_check(const lethe_run_options *options, const char *model);

/* Creates the directory, locks it against other processes, and removes what an earlier run left, unless that
 * is an interrupted run to be continued. LETHE_FAILED: it cannot be written, or another process works in it.
 */
lethe_status lethe__run_directory_open(const lethe_run_options *options, const char *model,
                                       lethe__run_directory *out);
void lethe__run_directory_close(lethe__run_directory *directory);

/* Removes one of its files; one that is not there is fine. */
lethe_status lethe__run_directory_remove(const lethe__run_directory *directory, const char *name);
/* Removes its TensorBoard files. */
lethe_status lethe__run_directory_remove_events(const lethe__run_directory *directory);

#endif
