/* option.h - one entry of an option table: reading its value from text and writing it as text. */
#ifndef LETHE_BASE_OPTION_H
#define LETHE_BASE_OPTION_H

#include <lethe/options.h>

enum { LETHE__OPTION_TEXT = 96 };

/* Sets the field of `values` from `text`; LETHE_USAGE says what the option takes. Strings are lent. */
lethe_status lethe__option_read(const lethe_option *option, void *values, const char *text);

/* The value as text that lethe__option_read takes: in `buffer`, or the string itself; NULL for a string not
 * given. */
const char *lethe__option_write(const lethe_option *option, const void *values,
                                char buffer[LETHE__OPTION_TEXT]);

/* The allowed range in words, "from 0 to 1"; empty when any number is allowed. */
void lethe__option_range(const lethe_option *option, char text[LETHE__OPTION_TEXT]);

#endif
