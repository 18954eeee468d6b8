/* table.h - aligned tables of text. */
#ifndef LETHE_CLI_TABLE_H
#define LETHE_CLI_TABLE_H

#include "base/memory.h"
#include <stdbool.h>
#include <stdio.h>

typedef struct lethe__table {
    const char *alignment; /* one letter a column: 'l' or 'r'; lent */
    lethe__arena *texts;
    const char **cells;
    size_t n_cells, capacity;
    lethe_status status; /* the first failure; print reports it */
} lethe__table;

void lethe__table_init(lethe__table *table, const char *alignment);
void lethe__table_fini(lethe__table *table);
/* Cells fill the table row by row. */
void lethe__table_cell(lethe__table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints what there is; with `headed`, the first row is set off from the others. */
lethe_status lethe__table_print(const lethe__table *table, bool headed, FILE *stream);

#endif
