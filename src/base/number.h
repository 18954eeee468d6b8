/* number.h - real numbers as text, the same whatever locale the program that uses lethe has chosen. */
#ifndef LETHE_BASE_NUMBER_H
#define LETHE_BASE_NUMBER_H

#include <stdbool.h>

enum { LETHE__NUMBER_TEXT = 32 };

/* The shortest of 15, 16 or 17 digits that reads back exactly. */
void lethe__number_format(double value, char text[LETHE__NUMBER_TEXT]);

/* Reads all of `text`; false when it is no finite number, or something follows it. */
bool lethe__number_parse(const char *text, double *out);

#endif
