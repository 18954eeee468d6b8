/* page.h - what the pages of this room share: one HTML file without outside resources. */
#ifndef LETHE_REPORT_PAGE_H
#define LETHE_REPORT_PAGE_H

#include <stdio.h>

/* Everything up to the heading, which is the title too. `style`: CSS rules beside the common ones. */
void lethe__page_begin(FILE *stream, const char *title, const char *style);
void lethe__page_end(FILE *stream);
void lethe__page_text(FILE *stream, const char *text); /* escaped */

#endif
