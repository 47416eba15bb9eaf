/* One file a core, locked while the core is leased. The kernel drops the lock when the process dies, however it dies; the
 * file itself stays, for removing it would race with who is about to lock it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/status.h"

enum { DIR_BYTES = 512, PATH_BYTES = 600 };

/* Makes the folder of the leases; it must be ours alone, for the folder of temporary files is everybody's. */
static enum ax_status lease_dir(char dir[DIR_BYTES], struct ax_error *err)
{
    const char *own = getenv("AXON_LEASE_DIR"), *run = getenv("XDG_RUNTIME_DIR");
    int n;
    if (own && *own)
        n = snprintf(dir, DIR_BYTES, "%s", own);
    else if (run && *run && access(run, W_OK) == 0)
        n = snprintf(dir, DIR_BYTES, "%s/axon", run);
    else
        n = snprintf(dir, DIR_BYTES, P_tmpdir "/axon-%lu", (unsigned long)getuid());
    if (n >= DIR_BYTES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "the path of the leases' folder is longer than %d bytes", DIR_BYTES - 1);
    struct stat st;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return ax_fail(err, AX_IO,
                       "cannot make the leases' folder '%s': %s. Set AXON_LEASE_DIR to a folder that you may write to", dir,
                       strerror(errno));
    if (lstat(dir, &st) || !S_ISDIR(st.st_mode) || st.st_uid != getuid())
        return ax_fail(err, AX_IO, "the leases' folder '%s' is not a folder of this user. Remove it or set AXON_LEASE_DIR",
                       dir);
    return AX_OK;
}

int ax_lease_candidates(int *cores)
{
    cpu_set_t set;
    int n = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int c = 0; c < CPU_SETSIZE && n < AX_MAX_CORES; c++)
            if (CPU_ISSET(c, &set)) cores[n++] = c;
    if (n == 0) cores[n++] = 0;
    return n;
}

static int holder_of(int fd)
{
    char text[32] = {0};
    return pread(fd, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
}

int ax_lease_take(int core, int *holder, struct ax_error *err)
{
    char dir[DIR_BYTES], path[PATH_BYTES], text[32];
    *holder = 0;
    if (lease_dir(dir, err)) return -2;
    snprintf(path, sizeof path, "%s/core-%d", dir, core);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        ax_fail(err, AX_IO, "cannot open the lease '%s': %s", path, strerror(errno));
        return -2;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int taken = errno == EWOULDBLOCK;
        if (taken)
            *holder = holder_of(fd);
        else
            ax_fail(err, AX_IO, "cannot lock the lease '%s': %s", path, strerror(errno));
        close(fd);
        return taken ? -1 : -2;
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n) (void)0; /* only people read it */
    return fd;
}
