/* path.c - files and folders by name: whether they exist, creating, removing, joining. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool lethe__file_exists(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && !S_ISDIR(facts.st_mode);
}

bool lethe__folder_exists(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

lethe_status lethe__folder_create(const char *path) {
    char *prefix;
    LETHE_TRY(lethe__copy_text(path, &prefix));
    lethe_status status = LETHE_OK;
    for (char *end = prefix; status == LETHE_OK && end != NULL;) {
        end = strchr(end + strspn(end, "/"), '/');
        if (end != NULL)
            *end = 0;
        int reason = mkdir(prefix, 0777) == 0 ? 0 : errno;
        if (reason != 0 && !lethe__folder_exists(prefix))
            status = lethe__fail(LETHE_FAILED, "%s: the folder %s cannot be created: %s", path, prefix,
                                 strerror(reason));
        if (end != NULL)
            *end = '/';
    }
    lethe__free(prefix);
    return status;
}

lethe_status lethe__file_remove(const char *path) {
    if (unlink(path) != 0 && errno != ENOENT)
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be removed: %s", path, strerror(errno));
    return LETHE_OK;
}

lethe_status lethe__path_join(const char *folder, const char *name, char **out) {
    size_t length = strlen(folder);
    bool bare = length == 0 || folder[length - 1] == '/';
    return lethe__format_text(out, "%s%s%s", folder, bare ? "" : "/", name);
}
