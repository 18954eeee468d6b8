/* page.c - head and foot of an HTML page, light or dark as the reader has it. */
#include "report/page.h"

void lethe__page_begin(FILE *stream, const char *title, const char *style) {
    fprintf(
        stream,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>lethe: %s</title>\n<style>\n"
        "body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; "
        "color: #222; }\n"
        "table { border-collapse: collapse; margin: 0 0 2em; }\n"
        "th, td { padding: .3em .7em; text-align: right; border-bottom: 1px solid #ddd; }\n"
        "th { border-bottom: 2px solid #888; }\n"
        "%s"
        "@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } th, td { "
        "border-color: #444; } }\n"
        "</style>\n</head>\n<body>\n<h1>%s</h1>\n",
        title, style, title);
}

void lethe__page_end(FILE *stream) {
    fputs("</body>\n</html>\n", stream);
}

void lethe__page_text(FILE *stream, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '&':
            fputs("&amp;", stream);
            break;
        default:
            fputc(*text, stream);
        }
    }
}
