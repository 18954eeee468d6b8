/* main.c - the program: finds the command, calls it, and turns what it answers into an exit code.
 *
 * 0 done, 1 failed, 2 wrong usage, 3 bad input, 4 diverged, 75 stopped; the sentence behind a failure goes to
 * standard error. */
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/command.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_COMMANDS = 64 };

/* A thread that waits for others by spinning takes the CPU from the very thread it waits for when the machine
 * has other work: trainings side by side become several times slower. libgomp spins for milliseconds unless
 * the environment says otherwise, and reads that when it is loaded, before main: so the program starts itself
 * once more. What the user has set stands; where it cannot be started again, it goes on as it is. */
static void wait_without_spinning(char **argv) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL || length <= 0)
        return;
    path[length] = 0;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv(path, argv);
}

lethe_status lethe__command_find(const char *name, const lethe__command **out) {
    const char *names[MAX_COMMANDS];
    size_t n = 0;
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++) {
        if (strcmp((*command)->name, name) == 0) {
            *out = *command;
            return LETHE_OK;
        }
        if (n < MAX_COMMANDS)
            names[n++] = (*command)->name;
    }
    LETHE_FAIL_UNKNOWN("command", name, names, n);
}

static const char *command_name(const char *word) {
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

static lethe_status dispatch(int argc, char **argv, lethe__call *call) {
    const lethe__command *command;
    LETHE_TRY(lethe__command_find(command_name(argv[1]), &command));
    LETHE_TRY(lethe__call_init(call, command, argc - 1, argv + 1));
    return lethe__call_run(call);
}

/* A result that did not reach its reader is a failure. */
static lethe_status flush_result(void) {
    if (fflush(stdout) != 0 || ferror(stdout))
        LETHE_FAIL(LETHE_FAILED, "standard output cannot be written: %s", strerror(errno));
    return LETHE_OK;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        lethe__help_program(stderr);
        return lethe_status_exit_code(LETHE_USAGE);
    }
    wait_without_spinning(argv);
    lethe__call call = {.command = NULL};
    lethe_status status = dispatch(argc, argv, &call);
    if (status == LETHE_OK)
        status = flush_result();
    bool colored = lethe__color_resolve(call.talk.color, isatty(STDERR_FILENO));
    lethe__call_fini(&call);
    if (status != LETHE_OK)
        lethe__print_error(lethe_last_message(), colored);
    return lethe_status_exit_code(status);
}
