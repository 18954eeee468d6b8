/* unlearn_method.h - the unlearning method that a command line names, for the commands that carry one out. */
#ifndef LETHE_CLI_UNLEARN_METHOD_H
#define LETHE_CLI_UNLEARN_METHOD_H

#include "cli/command.h"
#include <lethe/run.h>

/* Finds the method before anything is parsed, because it brings options of its own, and gives `job` its
 * record and default options. Without --method the job stays as it is. */
lethe_status lethe__call_find_method(lethe__call *call, lethe_unlearn_job *job);

/* The `method` of such a command's record. */
bool lethe__unlearn_method_help(size_t index, lethe__method_help *out);

#endif
