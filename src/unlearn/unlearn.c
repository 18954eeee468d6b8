/* unlearn.c - running a method: the registry by name, the checks before, and the context that it works with.
 *
 * A method sees nothing but the context. Test data, paths and the command line are not in it, so a method
 * cannot use them by mistake, and one written outside the tree runs like those inside. */
#include "unlearn/unlearn.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/option.h"
#include "base/suggest.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct lethe_unlearning {
    lethe_trainer *trainer;
    lethe_samples retain, forget;
};

lethe_status lethe_unlearn_find(const char *name, const lethe_unlearn_method **out) {
    const char *names[64];
    size_t n = 0;
    for (const lethe_unlearn_method *const *method = lethe_unlearn_methods(); *method != NULL; method++) {
        if (strcmp((*method)->name, name) == 0) {
            *out = *method;
            return LETHE_OK;
        }
        if (n < sizeof names / sizeof *names)
            names[n++] = (*method)->name;
    }
    LETHE_FAIL_UNKNOWN("unlearning method", name, names, n);
}

lethe_status lethe__unlearn_check_fit(const void *options) {
    return lethe_fit_check(options);
}

/* Both as text: a value is written as what is read back to it. */
static bool is_default(const lethe_option *option, const void *options) {
    union {
        double number;
        uint64_t size;
        const char *text;
    } usual;
    char given[LETHE__OPTION_TEXT], wanted[LETHE__OPTION_TEXT];
    lethe_option alone = *option;
    alone.offset = 0;
    return lethe__option_read(&alone, &usual, option->value) == LETHE_OK &&
           strcmp(lethe__option_write(option, options, given), lethe__option_write(&alone, &usual, wanted)) ==
               0;
}

lethe_status lethe__unlearn_refuse(const char *method, const lethe_option *table, const void *options,
                                   const char *const *names, size_t n) {
    for (; table->name != NULL; table++)
        for (size_t i = 0; i < n; i++)
            if (strcmp(table->name, names[i]) == 0 && !is_default(table, options))
                LETHE_FAIL(LETHE_USAGE,
                           "%s: the official code has nothing like --%s; leave it out, or --compat official",
                           method, table->name);
    return LETHE_OK;
}

double lethe__unlearn_gamma(lethe_unlearning *unlearning, const lethe_fit_options *given) {
    const lethe_runtime *runtime = lethe_trainer_runtime(unlearning->trainer);
    bool halved = runtime->compat == LETHE_COMPAT_OFFICIAL && given->gamma_schedule != LETHE_L1_CONSTANT;
    return halved ? given->gamma / 2 : given->gamma;
}

lethe_status lethe_unlearn(const lethe_unlearn_method *method, const void *options, lethe_trainer *trainer,
                           lethe_samples retain, lethe_samples forget) {
    LETHE_TRY(lethe_options_check(method->options, options));
    if (method->check != NULL)
        LETHE_TRY(method->check(options));
    if ((method->needs & LETHE_NEEDS_RETAIN) != 0 && retain.n == 0)
        LETHE_FAIL(LETHE_INPUT, "%s needs samples to retain and there are none: the forget set is everything",
                   method->name);
    if ((method->needs & LETHE_NEEDS_FORGET) != 0 && forget.n == 0)
        LETHE_FAIL(LETHE_INPUT, "%s needs samples to forget and there are none: choose some, such as class=0",
                   method->name);
    lethe_unlearning unlearning = {.trainer = trainer, .retain = retain, .forget = forget};
    return method->run(&unlearning, options);
}

lethe_model *lethe_unlearning_model(lethe_unlearning *unlearning) {
    return lethe_trainer_model(unlearning->trainer);
}

lethe_samples lethe_unlearning_retain(const lethe_unlearning *unlearning) {
    return unlearning->retain;
}

lethe_samples lethe_unlearning_forget(const lethe_unlearning *unlearning) {
    return unlearning->forget;
}

lethe_trainer *lethe_unlearning_trainer(lethe_unlearning *unlearning) {
    return unlearning->trainer;
}

void lethe_unlearning_log(lethe_unlearning *unlearning, lethe_log_level level, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    lethe__log(lethe_trainer_runtime(unlearning->trainer), level, "%s", sentence);
}
