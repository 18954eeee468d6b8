/* cmd_doctor.c - lethe doctor: the machine, the kernels chosen on it, and a self-test of each operation.
 *
 * A kernel that this CPU cannot run kills its process with SIGILL. So each self-test runs in a child process,
 * forked before this one has started any thread (OpenMP does not survive a fork), and answers through a pipe.
 */
#include "base/fail.h"
#include "cli/command.h"
#include "cli/table.h"
#include "experiment/job.h"
#include "experiment/run_record.h"
#include <errno.h>
#include <lethe/lethe.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct doctor_options {
    const char *arch;
    size_t batch;
} doctor_options;

static const lethe_option table[] = {
    {.name = "arch",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(doctor_options, arch),
     .value = "resnet18",
     .placeholder = "NAME",
     .help = "architecture whose kernels are shown"},
    {.name = "batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(doctor_options, batch),
     .value = "128",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples in a step"},
    LETHE_OPTIONS_END,
};

enum { MAX_TESTS = 16 };

/* What a child found, or how it died. */
typedef struct finding {
    const char *operation;
    bool answered;
    lethe_self_test test; /* answered */
    char trouble[160];    /* not answered */
} finding;

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe__option_set_add(&call->set, "Kernels", table, job));
    return lethe__option_set_lend(&call->set, "Computation", lethe_runtime_options, &call->runtime);
}

/* --- self-tests --- */

static void run_child(const char *operation, const lethe_runtime *runtime, int to) {
    lethe_self_test test;
    lethe_status status = lethe_self_test_run(operation, runtime, &test);
    const void *bytes = status == LETHE_OK ? (const void *)&test : (const void *)lethe_last_message();
    size_t n = status == LETHE_OK ? sizeof test : strlen(lethe_last_message());
    bool written = write(to, bytes, n) == (ssize_t)n;
    _exit(status == LETHE_OK && written ? 0 : 1);
}

static void read_child(int from, int exit_status, finding *found) {
    char bytes[sizeof found->test + sizeof found->trouble] = {0}; /* room for either, and a NUL */
    ssize_t n = read(from, bytes, sizeof bytes - 1);
    if (WIFSIGNALED(exit_status)) {
        snprintf(found->trouble, sizeof found->trouble, "killed by %s", strsignal(WTERMSIG(exit_status)));
    } else if (WEXITSTATUS(exit_status) == 0 && n == (ssize_t)sizeof found->test) {
        memcpy(&found->test, bytes, sizeof found->test);
        found->answered = true;
    } else {
        snprintf(found->trouble, sizeof found->trouble, "%.*s", (int)sizeof found->trouble - 1, bytes);
    }
}

static lethe_status test_operation(const char *operation, const lethe_runtime *runtime, finding *found) {
    int ends[2], exit_status = 0;
    *found = (finding){.operation = operation};
    fflush(stdout);
    if (pipe(ends) != 0)
        LETHE_FAIL(LETHE_FAILED, "no pipe for a self-test: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_child(operation, runtime, ends[1]);
    close(ends[1]);
    lethe_status status = LETHE_OK;
    if (child < 0)
        status = lethe__fail(LETHE_FAILED, "no process for a self-test: %s", strerror(errno));
    else if (waitpid(child, &exit_status, 0) == child)
        read_child(ends[0], exit_status, found);
    close(ends[0]);
    return status;
}

static size_t run_tests(const lethe_runtime *runtime, finding findings[MAX_TESTS], lethe_status *status) {
    size_t n = 0;
    *status = LETHE_OK;
    for (const char *const *name = lethe_self_test_operations(); *name != NULL && n < MAX_TESTS; name++, n++)
        if (*status == LETHE_OK)
            *status = test_operation(*name, runtime, &findings[n]);
    return n;
}

static bool passed(const finding *found) {
    return found->answered && found->test.passed;
}

/* --- kernels --- */

static lethe_status describe_kernels(const doctor_options *job, const lethe_runtime *runtime,
                                     lethe_line_function *write, void *user) {
    lethe_model_info info = {.classes = 10, .height = 32, .width = 32, .channels = 3, .std = {1, 1, 1}};
    lethe_model *model;
    snprintf(info.arch, sizeof info.arch, "%s", job->arch);
    LETHE_TRY(lethe_model_create(&info, &model));
    lethe_status status = lethe_model_describe(model, job->batch, runtime, write, user);
    lethe_model_destroy(&model);
    return status;
}

static void print_line(void *user, const char *line) {
    (void)user;
    printf("  %s\n", line);
}

static void append_line(void *user, const char *line) {
    json_array_append_new(user, json_string(line));
}

/* --- showing --- */

static lethe_status show_json(const doctor_options *job, const lethe_runtime *runtime,
                              const finding *findings, size_t n) {
    json_t *tests = json_array(), *kernels = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            tests, json_pack("{s:s, s:b, s:o, s:o, s:s}", "operation", findings[i].operation, "passed",
                             passed(&findings[i]), "forward_error",
                             lethe__json_real(findings[i].answered ? findings[i].test.forward_error : NAN),
                             "backward_error",
                             lethe__json_real(findings[i].answered ? findings[i].test.backward_error : NAN),
                             "trouble", findings[i].trouble));
    lethe_status status = describe_kernels(job, runtime, append_line, kernels);
    if (status != LETHE_OK) {
        json_decref(tests);
        json_decref(kernels);
        return status;
    }
    return lethe__print_json(json_pack("{s:o, s:s, s:o, s:o}", "machine", lethe__machine_to_json(runtime),
                                       "arch", job->arch, "kernels", kernels, "self_tests", tests));
}

static lethe_status show_text(const doctor_options *job, const lethe_runtime *runtime,
                              const finding *findings, size_t n) {
    lethe_machine machine;
    lethe_machine_get(&machine);
    printf("CPU        %s\nkernels    up to %s\nthreads    %d (of %d)\nprecision  %s\nlethe      %s\n",
           machine.cpu, machine.isa, lethe_threads_resolve(runtime->threads), machine.threads,
           lethe_precision_name(lethe_precision_resolve(runtime->precision)), lethe_version());
    for (const lethe_library *library = lethe_libraries(); library->name != NULL; library++)
        printf("%-10s %s\n", library->name, library->version);
    printf("\n%s, batch %zu, 32x32x3:\n", job->arch, job->batch);
    LETHE_TRY(describe_kernels(job, runtime, print_line, NULL));
    printf("\nself-test against the reference kernels:\n");
    lethe__table shown;
    lethe__table_init(&shown, "lll");
    for (size_t i = 0; i < n; i++) {
        lethe__table_cell(&shown, "  %s", findings[i].operation);
        lethe__table_cell(&shown, "%s", passed(&findings[i]) ? "passed" : "FAILED");
        if (findings[i].answered)
            lethe__table_cell(&shown, "largest error %.1e forward, %.1e backward",
                              findings[i].test.forward_error, findings[i].test.backward_error);
        else
            lethe__table_cell(&shown, "%s", findings[i].trouble);
    }
    lethe_status status = lethe__table_print(&shown, false, stdout);
    lethe__table_fini(&shown);
    return status;
}

static lethe_status run(lethe__call *call, void *values) {
    const doctor_options *job = values;
    finding findings[MAX_TESTS];
    lethe_status status;
    size_t n = run_tests(&call->runtime, findings, &status), n_failed = 0;
    LETHE_TRY(status);
    LETHE_TRY(call->talk.json ? show_json(job, &call->runtime, findings, n)
                              : show_text(job, &call->runtime, findings, n));
    for (size_t i = 0; i < n; i++)
        n_failed += !passed(&findings[i]);
    if (n_failed > 0)
        LETHE_FAIL(LETHE_FAILED, "%zu of %zu self-tests failed; --backend ref computes without these kernels",
                   n_failed, n);
    return LETHE_OK;
}

const lethe__command lethe__cmd_doctor = {
    .name = "doctor",
    .summary = "the machine, the kernels chosen, a self-test of each",
    .details =
        "Shows what lethe makes of this machine: the instruction set, the precision and the kernels that "
        "it chooses for a model, and compares each operation with the plain C reference.",
    .traits = LETHE__HAS_RESULT,
    .job_size = sizeof(doctor_options),
    .options = options,
    .run = run,
};
