/* config_peek.c - looks one key up in a YAML or JSON file.
 *
 * The options of `lethe unlearn` depend on the method, and the method may be named in the configuration file:
 * it must be known before the file can be read against the options. */
#include "base/config_peek.h"
#include "base/fail.h"
#include "base/file.h"
#include <string.h>
#include <yaml.h>

enum { CONFIG_LIMIT = 1 << 20 };

static const char *scalar_text(const yaml_node_t *node) {
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

/* NULL when the document has no such key. */
static const char *find_value(yaml_document_t *document, const char *key) {
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return NULL;
    const yaml_node_pair_t *end = root->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < end; pair++)
        if (strcmp(scalar_text(yaml_document_get_node(document, pair->key)), key) == 0)
            return scalar_text(yaml_document_get_node(document, pair->value));
    return NULL;
}

static lethe_status peek(yaml_parser_t *parser, const char *key, lethe__arena *texts, const char **out) {
    yaml_document_t document;
    lethe_status status = LETHE_OK;
    *out = NULL;
    if (!yaml_parser_load(parser, &document))
        return LETHE_OK;
    const char *value = find_value(&document, key);
    if (value != NULL)
        status = lethe__arena_format(texts, out, "%s", value);
    yaml_document_delete(&document);
    return status;
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
