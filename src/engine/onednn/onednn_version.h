/* onednn_version.h - the version of oneDNN that is linked. */
#ifndef LETHE_ENGINE_ONEDNN_ONEDNN_VERSION_H
#define LETHE_ENGINE_ONEDNN_ONEDNN_VERSION_H

/* "2.6.3"; lent. */
const char *lethe__onednn_version(void);

#endif
