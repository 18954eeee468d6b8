/* number.c - real numbers as text and back.
 *
 * Each double has a decimal form of at most 17 digits that reads back to it; most that people type have one
 * of 15. printf and strtod obey the locale of the thread (a decimal comma in much of Europe), so both run
 * under the "C" locale, which is made once and kept. */
#include "base/number.h"
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t c_locale;

static void make_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Gives this thread the "C" locale and returns the one that it had. */
static locale_t enter_c_locale(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return uselocale(c_locale);
}

void lethe__number_format(double value, char text[LETHE__NUMBER_TEXT]) {
    locale_t before = enter_c_locale();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, LETHE__NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);
}

bool lethe__number_parse(const char *text, double *out) {
    if (isspace((unsigned char)text[0])) /* strtod would pass over it */
        return false;
    locale_t before = enter_c_locale();
    char *end;
    double value = strtod(text, &end);
    uselocale(before);
    if (end == text || *end != 0 || !isfinite(value))
        return false;
    *out = value;
    return true;
}
