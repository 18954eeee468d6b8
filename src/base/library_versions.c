/* library_versions.c - asks each library of the base room for its version; no other room sees their headers.
 */
#include "base/library_versions.h"
#include <jansson.h>
#include <sodium.h>
#include <yaml.h>
#include <zlib.h>

const char *lethe__jansson_version(void) {
    return jansson_version_str();
}

const char *lethe__yaml_version(void) {
    return yaml_get_version_string();
}

const char *lethe__sodium_version(void) {
    return sodium_version_string();
}

const char *lethe__zlib_version(void) {
    return zlibVersion();
}
