/* config_peek.c - looks one key up in a YAML or JSON file.
 *
 * The options of `lethe unlearn` depend on the method, and the method may be named in the configuration file:
 * it must be known before the file can be read against the options. */
#include "base/config_peek.h"
#include "base/fail.h"
#include "base/file.h"
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

enum { CONFIG_LIMIT = 1 << 20 };

/* The next event; false, with nothing to delete, when it is not of this type. */
static bool expect(yaml_parser_t *parser, yaml_event_type_t type, yaml_event_t *event) {
    if (!yaml_parser_parse(parser, event))
        return false;
    if (event->type == type)
        return true;
    yaml_event_delete(event);
    return false;
}

static bool pass_over(yaml_parser_t *parser, yaml_event_type_t type) {
    yaml_event_t event;
    bool done = expect(parser, type, &event);
    if (done)
        yaml_event_delete(&event);
    return done;
}

/* Goes no further than a pair of scalars: a document nested a million deep keeps libyaml busy for hours. */
static lethe_status peek(yaml_parser_t *parser, const char *key, lethe__arena *texts, const char **out) {
    *out = NULL;
    if (!pass_over(parser, YAML_STREAM_START_EVENT) || !pass_over(parser, YAML_DOCUMENT_START_EVENT) ||
        !pass_over(parser, YAML_MAPPING_START_EVENT))
        return LETHE_OK;
    yaml_event_t name, value;
    while (*out == NULL && expect(parser, YAML_SCALAR_EVENT, &name)) {
        bool found = strcmp((const char *)name.data.scalar.value, key) == 0;
        yaml_event_delete(&name);
        if (!expect(parser, YAML_SCALAR_EVENT, &value))
            return LETHE_OK;
        lethe_status status =
            found ? lethe__arena_format(texts, out, "%s", (const char *)value.data.scalar.value) : LETHE_OK;
        yaml_event_delete(&value);
        LETHE_TRY(status);
    }
    return LETHE_OK;
}

lethe_status lethe__config_peek(const char *path, const char *key, lethe__arena *texts, const char **out) {
    uint8_t *bytes;
    size_t n;
    yaml_parser_t parser;
    LETHE_TRY(lethe__file_read(path, CONFIG_LIMIT, &bytes, &n));
    lethe_status status;
    if (yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_string(&parser, bytes, n);
        status = peek(&parser, key, texts, out);
        yaml_parser_delete(&parser);
    } else {
        status = lethe__fail(LETHE_MEMORY, "%s: out of memory for reading YAML", path);
    }
    lethe__free(bytes);
    return status;
}
