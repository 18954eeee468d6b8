/* export.h - marks what liblethe shows to its users; everything else is built with hidden visibility. */
#ifndef LETHE_EXPORT_H
#define LETHE_EXPORT_H

#define LETHE_API __attribute__((visibility("default")))

#endif
