/* run_directory.c - the life of a run directory.
 *
 * The presence of run.json alone tells a finished run, so that file goes first when a run is replaced and
 * comes last when one is written; in between, whatever a crash leaves is an interrupted run. The lock is a
 * flock on log.txt: the kernel drops it with the process, however it ends, and no stale lock file can remain.
 * The files of an interrupted run stay until its checkpoint has been accepted: a job with other options is
 * refused and must leave them as they are. */
#include "experiment/run_directory.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "experiment/origin.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char checkpoint_name[] = "checkpoint.safetensors";

lethe_status lethe__run_directory_check(const lethe_run_options *options, const char *model) {
    if (options->out == NULL || options->out[0] == 0)
        LETHE_FAIL(LETHE_USAGE, "a run needs a directory to be written to; give --out DIR");
    LETHE_TRY(lethe__origin_spare(model, options->out));
    char *record;
    LETHE_TRY(lethe__path_join(options->out, "run.json", &record));
    bool finished = lethe__file_exists(record);
    lethe__free(record);
    if (finished && !options->force)
        LETHE_FAIL(LETHE_USAGE, "%s holds a finished run; choose another --out, or replace it with --force",
                   options->out);
    return LETHE_OK;
}

lethe_status lethe__run_directory_remove(const lethe__run_directory *directory, const char *name) {
    char *path;
    LETHE_TRY(lethe__path_join(directory->path, name, &path));
    lethe_status status = lethe__file_remove(path);
    lethe__free(path);
    return status;
}

/* Removes the files whose names begin with `prefix`. */
static lethe_status remove_all(const lethe__run_directory *directory, const char *prefix) {
    DIR *folder = opendir(directory->path);
    if (folder == NULL)
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be listed: %s", directory->path, strerror(errno));
    lethe_status status = LETHE_OK;
    for (const struct dirent *entry; status == LETHE_OK && (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            status = lethe__run_directory_remove(directory, entry->d_name);
    closedir(folder);
    return status;
}

lethe_status lethe__run_directory_remove_events(const lethe__run_directory *directory) {
    return remove_all(directory, "events.out.tfevents.");
}

/* What a killed process left half-written, ".NAME.PROCESS-N" (base/file.c). The lock is ours, so nobody else
 * is writing these. */
static lethe_status remove_temporaries(const lethe__run_directory *directory) {
    static const char *const prefixes[] = {".run.json.",   ".model.safetensors.", ".checkpoint.safetensors.",
                                           ".split.json.", ".config.yaml.",       ".history.csv.",
                                           ".epoch-"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        LETHE_TRY(remove_all(directory, prefixes[i]));
    return LETHE_OK;
}

static lethe_status clear(const lethe__run_directory *directory) {
    static const char *const names[] = {"run.json",    "model.safetensors", "split.json",
                                        "config.yaml", "history.csv",       "evaluation.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        LETHE_TRY(lethe__run_directory_remove(directory, names[i]));
    LETHE_TRY(lethe__run_directory_remove_events(directory));
    LETHE_TRY(remove_all(directory, checkpoint_name)); /* and what a method has put beside it */
    LETHE_TRY(remove_all(directory, "epoch-"));
    if (ftruncate(fileno(directory->log), 0) != 0)
        LETHE_FAIL(LETHE_FAILED, "%s: log.txt cannot be cleared: %s", directory->path, strerror(errno));
    return LETHE_OK;
}

static lethe_status lock(lethe__run_directory *directory) {
    char *path;
    LETHE_TRY(lethe__path_join(directory->path, "log.txt", &path));
    directory->log = fopen(path, "a");
    int reason = errno;
    lethe__free(path);
    if (directory->log == NULL)
        LETHE_FAIL(LETHE_FAILED, "%s: log.txt cannot be written: %s", directory->path, strerror(reason));
    if (flock(fileno(directory->log), LOCK_EX | LOCK_NB) != 0)
        LETHE_FAIL(LETHE_FAILED, "%s: another process is working in it; wait for it, or choose another --out",
                   directory->path);
    return LETHE_OK;
}

static lethe_status fill_directory(const lethe_run_options *options, const char *model,
                                   lethe__run_directory *directory) {
    LETHE_TRY(lethe__folder_create(options->out));
    LETHE_TRY(lethe__path_join(options->out, checkpoint_name, &directory->checkpoint));
    LETHE_TRY(lock(directory));
    LETHE_TRY(lethe__run_directory_check(options, model)); /* another process may just have finished */
    LETHE_TRY(remove_temporaries(directory));
    char *record;
    LETHE_TRY(lethe__path_join(options->out, "run.json", &record));
    directory->resumes = options->resume == LETHE_RESUME_AUTO && !lethe__file_exists(record) &&
                         lethe__file_exists(directory->checkpoint);
    lethe__free(record);
    return directory->resumes ? LETHE_OK : clear(directory);
}

lethe_status lethe__run_directory_open(const lethe_run_options *options, const char *model,
                                       lethe__run_directory *out) {
    lethe__run_directory directory = {.path = options->out};
    lethe_status status = fill_directory(options, model, &directory);
    if (status != LETHE_OK) {
        lethe__run_directory_close(&directory);
        return status;
    }
    *out = directory;
    return LETHE_OK;
}

void lethe__run_directory_close(lethe__run_directory *directory) {
    if (directory->log != NULL)
        fclose(directory->log);
    lethe__free(directory->checkpoint);
    memset(directory, 0, sizeof *directory);
}
