/* unlearn.h - unlearning methods: the record that a method is, and the context that it works with. */
#ifndef LETHE_UNLEARN_H
#define LETHE_UNLEARN_H

#include <lethe/train.h>

/* What a method is lent while it runs: the model to change, the retain and forget samples, training, random
 * numbers and messages. It has no access to test data, paths or the command line. */
typedef struct lethe_unlearning lethe_unlearning;

typedef enum lethe_unlearn_needs {
    LETHE_NEEDS_RETAIN = 1,   /* reads the retain set */
    LETHE_NEEDS_FORGET = 2,   /* reads the forget set */
    LETHE_NEEDS_ORIGINAL = 4, /* starts from the original weights */
} lethe_unlearn_needs;

typedef struct lethe_unlearn_method {
    const char *name;    /* "ft": the word after --method */
    const char *title;   /* "Fine-tuning" */
    const char *label;   /* "FT": in tables; NULL: the name */
    const char *source;  /* where it was published */
    const char *summary; /* idea, formula and cost in a few sentences; shown by `lethe help unlearn NAME` */
    const lethe_option *options; /* describes the structure that `run` receives: zeroes, then the */
    size_t options_size;         /* defaults of the table, then what the user gave */
    unsigned needs;              /* lethe_unlearn_needs, or-ed */
    /* optional: LETHE_USAGE with a sentence when options contradict each other */
    lethe_status (*check)(const void *options);
    lethe_status (*run)(lethe_unlearning *unlearning, const void *options);
} lethe_unlearn_method;

/* Known methods, ended by NULL; and one by name, LETHE_USAGE listing the known ones. */
LETHE_API const lethe_unlearn_method *const *lethe_unlearn_methods(void);
LETHE_API lethe_status lethe_unlearn_find(const char *name, const lethe_unlearn_method **out);

/* Checks `options` (the method's own structure) and the sets, and runs `method` on the trainer's model.
 * LETHE_INPUT: a set that the method needs is empty. */
LETHE_API lethe_status lethe_unlearn(const lethe_unlearn_method *method, const void *options,
                                     lethe_trainer *trainer, lethe_samples retain, lethe_samples forget);

/* --- for methods --- */
LETHE_API lethe_model *lethe_unlearning_model(lethe_unlearning *unlearning);
LETHE_API lethe_samples lethe_unlearning_retain(const lethe_unlearning *unlearning);
LETHE_API lethe_samples lethe_unlearning_forget(const lethe_unlearning *unlearning);
LETHE_API lethe_trainer *lethe_unlearning_trainer(lethe_unlearning *unlearning);
LETHE_API void lethe_unlearning_log(lethe_unlearning *unlearning, lethe_log_level level, const char *format,
                                    ...) __attribute__((format(printf, 3, 4)));

#endif
