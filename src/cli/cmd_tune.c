/* cmd_tune.c - lethe tune */
#include "base/fail.h"
#include "base/file.h"
#include "cli/table.h"
#include "cli/unlearn_method.h"
#include "experiment/job.h"
#include <math.h>
#include <string.h>

static lethe_status options(lethe__call *call, void *values) {
    lethe_tune_job *job = values;
    LETHE_TRY(lethe_tune_job_defaults(job));
    LETHE_TRY(lethe__call_find_method(call, &job->trial));
    return lethe__tune_job_lend(job, &call->runtime, &call->set);
}

static lethe_status print_record(const char *directory) {
    char *path;
    json_t *record;
    LETHE_TRY(lethe__path_join(directory, "tune.json", &path));
    lethe_status status = lethe__json_read(path, &record);
    lethe__free(path);
    return status == LETHE_OK ? lethe__print_json(record) : status;
}

static void number_cell(lethe__table *table, double value) {
    if (isfinite(value))
        lethe__table_cell(table, "%.2f", value);
    else
        lethe__table_cell(table, "-");
}

static void add_row(lethe__table *table, const lethe_tune_trial *trial, bool is_best) {
    lethe__table_cell(table, "%s", strchr(trial->run, '=') + 1);
    const double metrics[] = {trial->ua, trial->mia_efficacy, trial->ra,
                              trial->ta, trial->va,           trial->disparity_average};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        number_cell(table, metrics[i]);
    lethe__table_cell(table, "%.1f", trial->seconds);
    lethe__table_cell(table, trial->diverged      ? "diverged"
                             : trial->wrecked     ? "wrecked"
                             : is_best            ? "<- best"
                             : !trial->admissible ? "below --least-va"
                                                  : "");
}

static lethe_status show(const lethe_tune_job *job, const lethe_tune_result *result) {
    lethe__table table;
    lethe__table_init(&table, "rrrrrrrrl");
    const char *const titles[] = {NULL, "UA", "MIA", "RA", "TA", "VA", "disparity", "seconds", ""};
    lethe__table_cell(&table, "%.*s", (int)strcspn(job->search, "="), job->search);
    for (size_t i = 1; i < sizeof titles / sizeof *titles; i++)
        lethe__table_cell(&table, "%s", titles[i]);
    for (int i = 0; i < result->n; i++)
        add_row(&table, &result->trials[i], i == result->best);
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    if (result->best >= 0)
        printf("\nbest: %s/%s\n", job->trial.run.out, result->trials[result->best].run);
    return status;
}

/* A value on the command line for the option that is searched would go unheard. A configuration file holds
 * every option, so there it means nothing. */
static lethe_status check_search(const lethe__call *call, const char *search) {
    for (lethe__option_at at = lethe__option_set_at(&call->set, 0); at.option != NULL && search != NULL;
         at = lethe__option_set_at(&call->set, at.position + 1)) {
        size_t length = strlen(at.option->name);
        bool is_searched = strncmp(search, at.option->name, length) == 0 && search[length] == '=';
        if (is_searched && call->set.given[at.position] == LETHE__GIVEN_BY_USER)
            LETHE_FAIL(LETHE_USAGE, "--%s is what --search varies; leave one of the two out",
                       at.option->name);
    }
    return LETHE_OK;
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_tune_job *job = values;
    lethe_tune_result result;
    LETHE_TRY(check_search(call, job->search));
    LETHE_TRY(lethe_tune_job_run(job, &call->runtime, &result));
    lethe__progress_clear(&call->line);
    if (call->talk.json)
        return print_record(job->trial.run.out);
    return call->talk.quiet ? LETHE_OK : show(job, &result);
}

const lethe__command lethe__cmd_tune = {
    .name = "tune",
    .summary = "search a method's hyper-parameter for the smallest disparity",
    .details =
        "Tries values of one numeric option (--search) of an unlearning method (--method) on a model "
        "(--model): first over the whole range on a log scale, then around the best. With --reference, the "
        "Retrain run, the least disparity average wins; with --least-va alone, the highest UA among the "
        "models "
        "that keep that validation accuracy; a model that is wrecked (--wreck-bound) cannot win. The other "
        "options are those of 'lethe unlearn'. Each trial is a "
        "run directory with its evaluation in the folder --out, as in DIR/lr=0.01, and tune.json there holds "
        "the curve. The same command continues an interrupted search; trials that are finished there "
        "are never repeated, and count, as when the search goes on with more --trials. --minutes and "
        "--budget-epochs bound what all trials cost.\nExample: lethe tune --model runs/dense --forget "
        "class=3 --method ft --epochs 5 --search "
        "lr=0.001..0.2 --trials 8 --reference runs/retrain --out runs/tune-ft",
    .traits = LETHE__CONFIGURED | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_tune_job),
    .options = options,
    .run = run,
    .method = lethe__unlearn_method_help,
};
