/* config_peek.h - one value of a configuration file, before it is known which options the file may hold. */
#ifndef LETHE_BASE_CONFIG_PEEK_H
#define LETHE_BASE_CONFIG_PEEK_H

#include "base/memory.h"

/* The text of the scalar `key` of the top mapping, in `texts`; NULL when there is none before the mapping
 * ends or stops being one of scalars: reading the file whole with lethe__option_set_load finds what is wrong
 * with it. LETHE_INPUT: the file cannot be read. */
lethe_status lethe__config_peek(const char *path, const char *key, lethe__arena *texts, const char **out);

#endif
