/* progress.c - what is shown while a command computes.
 *
 * On a terminal one line is drawn over and over; elsewhere each finished epoch is a line of its own, so that
 * a log file stays readable. Both go to standard error: standard output belongs to results. */
#include "cli/progress.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 24, LINE_BYTES = 256 };

bool lethe__color_resolve(lethe__color color, bool is_terminal) {
    const char *no_color = getenv("NO_COLOR");
    if (color == LETHE__COLOR_AUTO)
        return is_terminal && (no_color == NULL || no_color[0] == 0);
    return color == LETHE__COLOR_ALWAYS;
}

void lethe__progress_init(lethe__progress_line *line, lethe__progress_mode mode, bool quiet, int verbose,
                          lethe__color color) {
    bool terminal = isatty(STDERR_FILENO);
    if (mode == LETHE__PROGRESS_AUTO)
        mode = quiet ? LETHE__PROGRESS_NONE : terminal ? LETHE__PROGRESS_BAR : LETHE__PROGRESS_LINE;
    lethe_log_level level = quiet ? LETHE_LOG_ERROR : LETHE_LOG_WARNING;
    if (verbose > 0)
        level = verbose == 1 ? LETHE_LOG_INFO : LETHE_LOG_DEBUG;
    *line = (lethe__progress_line){
        .mode = mode, .level = level, .colored = lethe__color_resolve(color, terminal)};
}

void lethe__progress_clear(lethe__progress_line *line) {
    if (line->drawn)
        fputs("\r\033[K", stderr);
    line->drawn = false;
}

void lethe__progress_log(void *user, lethe_log_level level, const char *sentence) {
    static const char *const names[] = {"error: ", "warning: ", "", ""};
    lethe__progress_line *line = user;
    if (level > line->level)
        return;
    lethe__progress_clear(line);
    bool colored = line->colored && names[level][0] != 0;
    fprintf(stderr, "lethe: %s%s%s%s\n", colored ? "\033[33m" : "", names[level], colored ? "\033[0m" : "",
            sentence);
}

void lethe__print_error(const char *sentence, bool colored) {
    fprintf(stderr, "%slethe:%s %s\n", colored ? "\033[1;31m" : "", colored ? "\033[0m" : "", sentence);
}

/* "1:02:03", "2:03"; empty when not known. */
static void write_time(double seconds, char text[32]) {
    long whole = seconds >= 0 && seconds < 1e8 ? lround(seconds) : -1;
    text[0] = 0;
    if (whole >= 3600)
        snprintf(text, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else if (whole >= 0)
        snprintf(text, 32, "%ld:%02ld", whole / 60, whole % 60);
}

/* Loss, accuracy, speed and remaining time, as far as they are known. */
static void write_figures(const lethe_progress *progress, char text[LINE_BYTES]) {
    char loss[48] = "", accuracy[48] = "", left[32], ending[48] = "";
    if (isfinite(progress->loss))
        snprintf(loss, sizeof loss, "loss %.4f, ", progress->loss);
    if (isfinite(progress->accuracy))
        snprintf(accuracy, sizeof accuracy, "accuracy %.2f %%, ", progress->accuracy);
    write_time(progress->eta_seconds, left);
    if (left[0] != 0)
        snprintf(ending, sizeof ending, ", %s left", left);
    snprintf(text, LINE_BYTES, "%s%s%.0f samples/s%s", loss, accuracy, progress->samples_per_second, ending);
}

static void draw_bar(lethe__progress_line *line, const lethe_progress *progress) {
    char figures[LINE_BYTES], text[2 * LINE_BYTES], epoch[48] = "";
    double done = progress->n_steps > 0 ? (double)progress->step / (double)progress->n_steps : 0;
    int filled = (int)(done * BAR);
    struct winsize size;
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    if (progress->n_epochs > 0)
        snprintf(epoch, sizeof epoch, " %d/%d", progress->epoch + 1, progress->n_epochs);
    write_figures(progress, figures);
    snprintf(text, sizeof text, "%s%s [%.*s%.*s] %s", progress->title, epoch, filled,
             "########################", BAR - filled, "------------------------", figures);
    fprintf(stderr, "\r%.*s\033[K", columns - 1, text);
    fflush(stderr);
    line->drawn = true;
}

void lethe__progress_show(void *user, const lethe_progress *progress) {
    lethe__progress_line *line = user;
    if (line->mode == LETHE__PROGRESS_BAR) {
        draw_bar(line, progress);
    } else if (line->mode == LETHE__PROGRESS_LINE && progress->n_epochs > 0 &&
               progress->step == progress->n_steps) {
        char figures[LINE_BYTES];
        write_figures(progress, figures);
        fprintf(stderr, "%s: epoch %d of %d, %s\n", progress->title, progress->epoch + 1, progress->n_epochs,
                figures);
    }
}
