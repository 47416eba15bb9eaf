/* A test's own folder for the files it writes: made in the system's folder for temporary files when first asked for, and
 * removed with all that is in it when the process that made it exits. */
#ifndef AX_TEST_TEMP_H
#define AX_TEST_TEMP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/file.h"

enum { TEMP_PATH = 512 };

static struct {
    char dir[TEMP_PATH - 128];
    pid_t owner; /* a forked child leaves the folder alone */
} temp;

static inline void temp_remove_below(const char *dir)
{
    char path[TEMP_PATH];
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path) continue;
        if (remove(path)) temp_remove_below(path);
    }
    if (d) closedir(d);
    rmdir(dir);
}

static inline void temp_remove(void)
{
    if (getpid() == temp.owner) temp_remove_below(temp.dir);
}

static inline const char *temp_dir(void)
{
    if (temp.owner) return temp.dir;
    int n = snprintf(temp.dir, sizeof temp.dir, "%s/axon-test-XXXXXX", ax_temp_dir());
    if (n >= (int)sizeof temp.dir || !mkdtemp(temp.dir)) {
        fprintf(stderr, "cannot make a temporary folder %s\n", temp.dir);
        exit(1);
    }
    temp.owner = getpid();
    atexit(temp_remove);
    return temp.dir;
}

/* The path of a file in that folder. */
static inline char *temp_path(char path[TEMP_PATH], const char *name)
{
    snprintf(path, TEMP_PATH, "%s/%s", temp_dir(), name);
    return path;
}

#endif
