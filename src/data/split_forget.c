/* split_forget.c - choosing the forget set by a specification.
 *
 *     class=K            every training image of class K
 *     random=F           round(F n) of the n training images, drawn by the seed without replacement
 *     class=K,random=F   round(F n_K) of those of class K
 *     ids=FILE           the ids in a file, one a line; # starts a comment
 *
 * The official code draws by numpy's legacy generator with the seed less one; lethe_split_forget_official
 * does the same.
 *
 * Images held out for validation are never forgotten: the model has not seen them. The choice is made on a
 * copy of the roles, so a split that refuses a specification still has its earlier forget set. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/numpy_random.h"
#include "data/split.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TERM_TEXT = 64, CLASS_DIGITS = 9, ID_FILE_LIMIT = 1 << 28 };

/* A copy of the term that *rest begins with, up to the comma; *rest moves behind it, NULL at the end. */
static bool next_term(const char **rest, char term[TERM_TEXT]) {
    size_t length = strcspn(*rest, ",");
    if (length >= TERM_TEXT)
        return false;
    memcpy(term, *rest, length);
    term[length] = 0;
    *rest = (*rest)[length] == ',' ? *rest + length + 1 : NULL;
    return true;
}

/* One term into its field, which must not have been given before (label -1, fraction negative). */
static bool parse_term(const char *term, lethe__forget *forget) {
    if (strncmp(term, "class=", 6) == 0) {
        const char *digits = term + 6;
        size_t length = strlen(digits);
        if (forget->label >= 0 || length == 0 || length > CLASS_DIGITS ||
            strspn(digits, "0123456789") != length)
            return false;
        forget->label = atoi(digits);
        return true;
    }
    return strncmp(term, "random=", 7) == 0 && forget->fraction < 0 &&
           lethe__number_parse(term + 7, &forget->fraction) && forget->fraction >= 0 && forget->fraction <= 1;
}

static bool parse_terms(const char *specification, lethe__forget *forget) {
    char term[TERM_TEXT];
    for (const char *rest = specification; rest != NULL;)
        if (!next_term(&rest, term) || !parse_term(term, forget))
            return false;
    return true;
}

lethe_status lethe__forget_parse(const char *specification, const lethe_dataset_info *data,
                                 lethe__forget *out) {
    lethe__forget forget = {.label = -1, .fraction = -1};
    if (strncmp(specification, "ids=", 4) == 0)
        forget.ids = specification + 4;
    if (forget.ids != NULL ? forget.ids[0] == 0 : !parse_terms(specification, &forget))
        LETHE_FAIL(LETHE_USAGE,
                   "'%.128s' is no forget set; write class=K, random=F with F from 0 to 1, class=K,random=F, "
                   "or ids=FILE",
                   specification);
    if (forget.label >= data->classes)
        LETHE_FAIL(LETHE_USAGE, "'%.128s': the data set %s has the classes 0 to %d", specification,
                   data->name, data->classes - 1);
    if (forget.fraction < 0)
        forget.fraction = 1;
    *out = forget;
    return LETHE_OK;
}

void lethe__forget_note(const lethe__forget *forget, lethe_split *split) {
    split->forget_class = forget->fraction == 1 ? forget->label : -1;
    split->forget_random = forget->label < 0 && forget->ids == NULL;
}

typedef void permuter(uint64_t seed, uint32_t *values, size_t n);

static void permute(uint64_t seed, uint32_t *values, size_t n) {
    lethe__random random = lethe__random_open(seed, LETHE__RANDOM_FORGET, 0, 0);
    lethe__random_permute(&random, values, n);
}

static void permute_official(uint64_t seed, uint32_t *values, size_t n) {
    lethe__numpy_random random;
    lethe__numpy_random_seed(&random, (uint32_t)(seed - 1));
    lethe__numpy_random_permute(&random, values, n);
}

/* Draws the forget set from the retained images, or from those of one class. */
static lethe_status draw(const lethe__forget *forget, const int32_t *labels, permuter *permutes,
                         uint64_t seed, size_t n_images, uint8_t *roles) {
    uint32_t *candidates;
    size_t n = 0;
    LETHE_TRY(lethe__allocate(n_images, sizeof *candidates, &candidates));
    for (size_t id = 0; id < n_images; id++)
        if (roles[id] == LETHE_PART_RETAIN && (forget->label < 0 || labels[id] == forget->label))
            candidates[n++] = (uint32_t)id;
    permutes(seed, candidates, n);
    size_t drawn = (size_t)round(forget->fraction * (double)n);
    for (size_t i = 0; i < drawn; i++)
        roles[candidates[i]] = LETHE_PART_FORGET;
    lethe__free(candidates);
    return LETHE_OK;
}

/* One line of an id file, from `text` up to `end`. */
typedef struct id_line {
    const char *path, *text, *end;
    size_t number; /* counted from 1 */
} id_line;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Leaves what is in front of a comment, without the spaces around it. */
static void trim(id_line *line) {
    const char *comment = memchr(line->text, '#', (size_t)(line->end - line->text));
    if (comment != NULL)
        line->end = comment;
    while (line->text < line->end && is_space(line->end[-1]))
        line->end--;
    while (line->text < line->end && is_space(*line->text))
        line->text++;
}

/* The trimmed line as a number; false when it is something else. Numbers too large for an id stay too large.
 */
static bool parse_id(const id_line *line, uint64_t *out) {
    uint64_t id = 0;
    for (const char *digit = line->text; digit < line->end; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        if (id <= UINT32_MAX)
            id = 10 * id + (uint64_t)(*digit - '0');
    }
    *out = id;
    return true;
}

static lethe_status mark_line(const id_line *line, size_t n_images, uint8_t *roles) {
    uint64_t id = 0;
    ptrdiff_t length = line->end - line->text;
    int shown = length < 32 ? (int)length : 32;
    if (!parse_id(line, &id))
        LETHE_FAIL(LETHE_INPUT, "%s:%zu: '%.*s' is no sample id; write one whole number a line", line->path,
                   line->number, shown, line->text);
    if (id >= n_images)
        LETHE_FAIL(LETHE_INPUT,
                   "%s:%zu: the id %.*s is out of range; the %zu training images have the ids 0 to %zu",
                   line->path, line->number, shown, line->text, n_images, n_images - 1);
    if (roles[id] == LETHE_PART_FORGET)
        LETHE_FAIL(LETHE_INPUT, "%s:%zu: the id %zu was given before", line->path, line->number, (size_t)id);
    if (roles[id] == LETHE_PART_VAL)
        LETHE_FAIL(
            LETHE_INPUT,
            "%s:%zu: the id %zu is held out for validation, so the model has not seen it; leave it out",
            line->path, line->number, (size_t)id);
    roles[id] = LETHE_PART_FORGET;
    return LETHE_OK;
}

static lethe_status mark_lines(const char *path, const char *text, size_t n, size_t n_images,
                               uint8_t *roles) {
    const char *end = text + n;
    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        id_line line = {path, text, newline != NULL ? newline : end, number};
        text = line.end + 1;
        trim(&line);
        if (line.text < line.end)
            LETHE_TRY(mark_line(&line, n_images, roles));
    }
    return LETHE_OK;
}

static lethe_status mark_file(const char *path, size_t n_images, uint8_t *roles) {
    uint8_t *bytes;
    size_t n;
    LETHE_TRY(lethe__file_read(path, ID_FILE_LIMIT, &bytes, &n));
    lethe_status status = mark_lines(path, (const char *)bytes, n, n_images, roles);
    lethe__free(bytes);
    return status;
}

static size_t count(const uint8_t *roles, size_t n, lethe_part part) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += roles[i] == part;
    return found;
}

/* Chooses the forget set among `roles`, in which nothing is forgotten. */
static lethe_status choose(const lethe__forget *forget, const char *specification,
                           const lethe_dataset *dataset, permuter *permutes, uint64_t seed, uint8_t *roles) {
    size_t n = dataset->info.n_train;
    LETHE_TRY(forget->ids != NULL ? mark_file(forget->ids, n, roles)
                                  : draw(forget, dataset->train_labels, permutes, seed, n, roles));
    if (count(roles, n, LETHE_PART_FORGET) == 0)
        LETHE_FAIL(LETHE_INPUT, "the forget set '%.128s' holds none of the %zu training images; choose more",
                   specification, count(roles, n, LETHE_PART_RETAIN));
    if (count(roles, n, LETHE_PART_RETAIN) == 0)
        LETHE_FAIL(LETHE_INPUT, "the forget set '%.128s' holds all training images and leaves none to retain",
                   specification);
    return LETHE_OK;
}

static lethe_status forget_by(lethe_split *split, const lethe_dataset *dataset, const char *specification,
                              permuter *permutes, uint64_t seed) {
    lethe__forget forget;
    LETHE_TRY(lethe__forget_parse(specification, &dataset->info, &forget));
    char *copy = NULL;
    uint8_t *roles = NULL;
    lethe_status status = lethe__copy_text(specification, &copy);
    if (status == LETHE_OK)
        status = lethe__allocate(split->n_images, 1, &roles);
    if (status == LETHE_OK) {
        for (size_t id = 0; id < split->n_images; id++)
            roles[id] = split->roles[id] == LETHE_PART_VAL ? LETHE_PART_VAL : LETHE_PART_RETAIN;
        status = choose(&forget, specification, dataset, permutes, seed, roles);
    }
    if (status == LETHE_OK) {
        memcpy(split->roles, roles, split->n_images);
        lethe__split_fill(split);
        lethe__free(split->specification);
        split->specification = copy;
        copy = NULL;
        split->forget_seed = seed;
        lethe__forget_note(&forget, split);
    }
    lethe__free(roles);
    lethe__free(copy);
    return status;
}

lethe_status lethe_split_forget(lethe_split *split, const lethe_dataset *dataset, const char *specification,
                                uint64_t seed) {
    return forget_by(split, dataset, specification, permute, seed);
}

lethe_status lethe_split_forget_official(lethe_split *split, const lethe_dataset *dataset,
                                         const char *specification, uint64_t seed) {
    LETHE_TRY(lethe__split_check_official(seed));
    if (seed == 0)
        LETHE_FAIL(LETHE_USAGE, "the official forget set is drawn with the split seed less one, which 0 does "
                                "not have; take a split seed of 1 or more");
    return forget_by(split, dataset, specification, permute_official, seed);
}
