/* table.c - columns as wide as their widest cell, two spaces between them. */
#include "cli/table.h"
#include "base/fail.h"
#include <stdarg.h>
#include <string.h>

enum { MAX_COLUMNS = 16, CELL_BYTES = 512 };

void lethe__table_init(lethe__table *table, const char *alignment) {
    *table = (lethe__table){.alignment = alignment};
    table->status = lethe__arena_create(&table->texts);
}

void lethe__table_fini(lethe__table *table) {
    lethe__arena_destroy(&table->texts);
    lethe__free(table->cells);
}

void lethe__table_cell(lethe__table *table, const char *format, ...) {
    char text[CELL_BYTES];
    const char *cell = NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (table->status == LETHE_OK)
        table->status = lethe__arena_format(table->texts, &cell, "%s", text);
    if (table->status == LETHE_OK)
        table->status =
            lethe__grow(&table->cells, &table->capacity, table->n_cells + 1, sizeof *table->cells);
    if (table->status == LETHE_OK)
        table->cells[table->n_cells++] = cell;
}

lethe_status lethe__table_print(const lethe__table *table, bool headed, FILE *stream) {
    LETHE_TRY(table->status);
    int widths[MAX_COLUMNS] = {0};
    size_t columns = strlen(table->alignment), whole = 0;
    for (size_t i = 0; i < table->n_cells; i++) {
        int width = (int)strlen(table->cells[i]);
        if (widths[i % columns] < width)
            widths[i % columns] = width;
    }
    for (size_t i = 0; i < columns; i++)
        whole += (size_t)widths[i] + (i > 0 ? 2 : 0);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % columns;
        bool left = table->alignment[column] == 'l', last = column + 1 == columns;
        /* a last cell on the left needs no filling, and lines do not end in blanks */
        int width = left && last ? 0 : widths[column];
        fprintf(stream, "%s%*s", column > 0 ? "  " : "", left ? -width : width, table->cells[i]);
        if (last)
            fputc('\n', stream);
        if (last && headed && i + 1 == columns) {
            for (size_t j = 0; j < whole; j++)
                fputc('-', stream);
            fputc('\n', stream);
        }
    }
    return LETHE_OK;
}
