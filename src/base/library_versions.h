/* library_versions.h - the versions of the libraries that the base room uses, as they are linked. */
#ifndef LETHE_BASE_LIBRARY_VERSIONS_H
#define LETHE_BASE_LIBRARY_VERSIONS_H

const char *lethe__jansson_version(void);
const char *lethe__yaml_version(void);
const char *lethe__sodium_version(void);
const char *lethe__zlib_version(void);

#endif
