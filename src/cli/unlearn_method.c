/* unlearn_method.c - the unlearning method of a command line. */
#include "cli/unlearn_method.h"
#include "base/fail.h"

lethe_status lethe__call_find_method(lethe__call *call, lethe_unlearn_job *job) {
    const char *name;
    LETHE_TRY(lethe__call_peek(call, "method", &name));
    if (name == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe_unlearn_find(name, &job->record));
    LETHE_TRY(lethe__arena_allocate(call->memory, 1, job->record->options_size, &job->method_options));
    return lethe_options_defaults(job->record->options, job->method_options);
}

bool lethe__unlearn_method_help(size_t index, lethe__method_help *out) {
    const lethe_unlearn_method *record = lethe_unlearn_methods()[index];
    if (record == NULL)
        return false;
    *out =
        (lethe__method_help){record->name, record->title, record->source, record->summary, record->options};
    return true;
}
