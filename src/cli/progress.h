/* progress.h - messages and the progress line on standard error. */
#ifndef LETHE_CLI_PROGRESS_H
#define LETHE_CLI_PROGRESS_H

#include <lethe/runtime.h>
#include <stdio.h>

typedef enum lethe__color { LETHE__COLOR_AUTO, LETHE__COLOR_ALWAYS, LETHE__COLOR_NEVER } lethe__color;
typedef enum lethe__progress_mode {
    LETHE__PROGRESS_AUTO,
    LETHE__PROGRESS_BAR,
    LETHE__PROGRESS_LINE,
    LETHE__PROGRESS_NONE
} lethe__progress_mode;

typedef struct lethe__progress_line {
    lethe__progress_mode mode; /* resolved: no AUTO */
    lethe_log_level level;     /* messages up to it are shown */
    bool colored;
    bool drawn; /* a bar stands on the present line */
} lethe__progress_line;

/* Does a stream that is `is_terminal` get colours? NO_COLOR in the environment says no to AUTO. */
bool lethe__color_resolve(lethe__color color, bool is_terminal);

void lethe__progress_init(lethe__progress_line *line, lethe__progress_mode mode, bool quiet, int verbose,
                          lethe__color color);
/* Callbacks for the runtime; `user` is the line. */
void lethe__progress_show(void *user, const lethe_progress *progress);
void lethe__progress_log(void *user, lethe_log_level level, const char *sentence);
/* Removes a bar. */
void lethe__progress_clear(lethe__progress_line *line);

/* "lethe: sentence" on standard error. */
void lethe__print_error(const char *sentence, bool colored);

#endif
