/* option_config.c - an option set as a configuration: YAML (or JSON, which is YAML) in, YAML and JSON out.
 *
 * A configuration is one flat mapping from option names to scalars. It is read event by event, so that
 * everything beyond that (nesting, sequences, anchors, tags, more documents) is refused where it stands, with
 * the line; nothing of a file is ever passed over in silence. Values are read by the code that reads the
 * command line. When writing, strings are always quoted, so that no text is taken for a null or a number by
 * any reader of YAML. */
#include "base/fail.h"
#include "base/file.h"
#include "base/option.h"
#include "base/option_set.h"
#include <errno.h>
#include <string.h>
#include <yaml.h>

enum { CONFIG_LIMIT = 1 << 20, PLACE_SIZE = 512 };

typedef struct config_reader {
    lethe__option_set *set;
    const char *path;
    yaml_parser_t parser;
    bool seen[LETHE__MAX_OPTIONS];
} config_reader;

/* Puts file and line in front of the message that was recorded. */
static lethe_status fail_at(const config_reader *reader, size_t line, lethe_status status) {
    char place[PLACE_SIZE];
    snprintf(place, sizeof place, "%s:%zu", reader->path, line + 1);
    return lethe__fail_in(status, place);
}

static lethe_status next_event(config_reader *reader, yaml_event_t *event) {
    if (yaml_parser_parse(&reader->parser, event))
        return LETHE_OK;
    if (reader->parser.error == YAML_MEMORY_ERROR)
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for reading YAML", reader->path);
    const char *problem = reader->parser.problem != NULL ? reader->parser.problem : "malformed text";
    return fail_at(reader, reader->parser.problem_mark.line,
                   lethe__fail(LETHE_USAGE, "is not valid YAML: %s", problem));
}

/* A key or a value: one without anchor, tag or NUL bytes. `kind` is "key" or "value". */
static lethe_status check_scalar(const config_reader *reader, const yaml_event_t *event, const char *kind) {
    bool is_plain = event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor == NULL &&
                    event->data.scalar.tag == NULL &&
                    strlen((const char *)event->data.scalar.value) == event->data.scalar.length;
    if (is_plain)
        return LETHE_OK;
    return fail_at(
        reader, event->start_mark.line,
        lethe__fail(LETHE_USAGE,
                    "a %s must be a plain word, number or text: a configuration is one flat mapping "
                    "from options to values",
                    kind));
}

static bool is_null(const yaml_event_t *event) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
            return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return false;
}

static lethe_status find_key(config_reader *reader, const char *key, lethe__option_at *out) {
    lethe__option_at at = lethe__option_set_find(reader->set, key);
    if (at.option == NULL) {
        lethe__option_set_fail_unknown(reader->set, key);
        return LETHE_USAGE;
    }
    if (strcmp(key, "config") == 0)
        LETHE_FAIL(LETHE_USAGE, "a configuration cannot load another one by 'config'");
    if (reader->seen[at.position])
        LETHE_FAIL(LETHE_USAGE, "'%s' is given twice", key);
    reader->seen[at.position] = true;
    *out = at;
    return LETHE_OK;
}

static lethe_status set_value(config_reader *reader, lethe__option_at at, const yaml_event_t *value) {
    lethe__option_set *set = reader->set;
    const char *text = (const char *)value->data.scalar.value;
    if (is_null(value))
        LETHE_FAIL(LETHE_USAGE, "'%s' has no value", at.option->name);
    if (set->given[at.position] == LETHE__GIVEN_BY_USER)
        return LETHE_OK;
    if (at.option->type == LETHE_OPTION_STRING)
        LETHE_TRY(lethe__arena_format(set->texts, &text, "%s", text));
    LETHE_TRY(lethe__option_read(at.option, at.values, text));
    set->given[at.position] = LETHE__GIVEN_BY_FILE;
    return LETHE_OK;
}

/* Reads the value that belongs to `key`. */
static lethe_status read_pair(config_reader *reader, const yaml_event_t *key) {
    lethe__option_at at = {0};
    LETHE_TRY(check_scalar(reader, key, "key"));
    lethe_status status = find_key(reader, (const char *)key->data.scalar.value, &at);
    if (status != LETHE_OK)
        return fail_at(reader, key->start_mark.line, status);
    yaml_event_t value;
    LETHE_TRY(next_event(reader, &value));
    status = check_scalar(reader, &value, "value");
    if (status == LETHE_OK) {
        status = set_value(reader, at, &value);
        if (status != LETHE_OK)
            status = fail_at(reader, value.start_mark.line, status);
    }
    yaml_event_delete(&value);
    return status;
}

static lethe_status read_mapping(config_reader *reader) {
    for (;;) {
        yaml_event_t event;
        LETHE_TRY(next_event(reader, &event));
        bool ended = event.type == YAML_MAPPING_END_EVENT;
        lethe_status status = ended ? LETHE_OK : read_pair(reader, &event);
        yaml_event_delete(&event);
        if (ended || status != LETHE_OK)
            return status;
    }
}

/* Between the events of the mapping's content: each must be what comes next in a stream of one mapping, or
 * the end of a stream that holds nothing. */
static lethe_status read_stream(config_reader *reader) {
    static const yaml_event_type_t expected[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                                 YAML_MAPPING_START_EVENT, YAML_DOCUMENT_END_EVENT,
                                                 YAML_STREAM_END_EVENT};
    yaml_event_type_t type = YAML_NO_EVENT;
    for (size_t i = 0; type != YAML_STREAM_END_EVENT; i++) {
        yaml_event_t event;
        LETHE_TRY(next_event(reader, &event));
        type = event.type;
        bool empty = i == 1 && type == YAML_STREAM_END_EVENT;
        bool anchored = type == YAML_MAPPING_START_EVENT && event.data.mapping_start.anchor != NULL;
        size_t line = event.start_mark.line;
        yaml_event_delete(&event);
        if ((type != expected[i] && !empty) || anchored)
            return fail_at(reader, line,
                           lethe__fail(LETHE_USAGE, "a configuration must be one mapping from options to "
                                                    "values, without anchors and further documents"));
        if (type == YAML_MAPPING_START_EVENT)
            LETHE_TRY(read_mapping(reader));
    }
    return LETHE_OK;
}

lethe_status lethe__option_set_load(lethe__option_set *set, const char *path) {
    config_reader reader = {.set = set, .path = path};
    if (set->texts == NULL)
        LETHE_TRY(lethe__arena_create(&set->texts));
    uint8_t *bytes;
    size_t n;
    LETHE_TRY(lethe__file_read(path, CONFIG_LIMIT, &bytes, &n));
    lethe_status status;
    if (yaml_parser_initialize(&reader.parser)) {
        yaml_parser_set_input_string(&reader.parser, bytes, n);
        status = read_stream(&reader);
        yaml_parser_delete(&reader.parser);
    } else {
        status = lethe__fail(LETHE_MEMORY, "%s: out of memory for reading YAML", path);
    }
    lethe__free(bytes);
    return status;
}

/* libyaml's functions answer 1 for success; the emitter takes the event over in every case. */
static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1,
                                        1, style) &&
           yaml_emitter_emit(emitter, &event);
}

static bool emit_options(yaml_emitter_t *emitter, const lethe__option_set *set) {
    char buffer[LETHE__OPTION_TEXT];
    for (int i = 0; i < lethe__option_set_count(set); i++) {
        lethe__option_at at = lethe__option_set_at(set, i);
        const char *text = at.option->transient ? NULL : lethe__option_write(at.option, at.values, buffer);
        bool quoted = at.option->type == LETHE_OPTION_STRING;
        if (text != NULL &&
            !(emit_scalar(emitter, at.option->name, YAML_PLAIN_SCALAR_STYLE) &&
              emit_scalar(emitter, text, quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE)))
            return false;
    }
    return true;
}

lethe_status lethe__option_set_write_yaml(const lethe__option_set *set, FILE *stream) {
    yaml_emitter_t emitter;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&emitter))
        LETHE_FAIL(LETHE_MEMORY, "out of memory for writing YAML");
    yaml_emitter_set_output_file(&emitter, stream);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    bool done = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
                yaml_emitter_emit(&emitter, &event) &&
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
                yaml_emitter_emit(&emitter, &event) &&
                yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
                yaml_emitter_emit(&emitter, &event) && emit_options(&emitter, set) &&
                yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event) &&
                yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
                yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
    lethe_status status = LETHE_OK;
    if (!done && emitter.error == YAML_WRITER_ERROR)
        status = lethe__fail(LETHE_FAILED, "the configuration cannot be written: %s", strerror(errno));
    else if (!done)
        status =
            lethe__fail(LETHE_FAILED, "the configuration cannot be written: out of memory, or a value is "
                                      "not UTF-8 text");
    yaml_emitter_delete(&emitter);
    return status;
}

static json_t *value_to_json(lethe__option_at at, const char *text) {
    const void *field = (const char *)at.values + at.option->offset;
    switch (at.option->type) {
    case LETHE_OPTION_FLAG:
        return json_boolean(*(const bool *)field);
    case LETHE_OPTION_INT:
        return json_integer(*(const int *)field);
    case LETHE_OPTION_SIZE:
    case LETHE_OPTION_UINT64:
        if (*(const uint64_t *)field <= INT64_MAX)
            return json_integer((json_int_t) * (const uint64_t *)field);
        return json_string(text); /* beyond the integers of JSON readers */
    case LETHE_OPTION_DOUBLE:
        return lethe__json_real(*(const double *)field);
    default:
        return json_string(text);
    }
}

json_t *lethe__option_set_to_json(const lethe__option_set *set) {
    char buffer[LETHE__OPTION_TEXT];
    json_t *object = json_object();
    for (int i = 0; object != NULL && i < lethe__option_set_count(set); i++) {
        lethe__option_at at = lethe__option_set_at(set, i);
        const char *text = at.option->transient ? NULL : lethe__option_write(at.option, at.values, buffer);
        if (text != NULL && json_object_set_new(object, at.option->name, value_to_json(at, text)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
