/* Messages for what the operating system refused; shared by file.c and commit.c. */
#ifndef AX_BASE_PATH_ERRNO_H
#define AX_BASE_PATH_ERRNO_H

#include <errno.h>
#include <string.h>

#include "base/status.h"

/* "PATH: WHAT: REASON", with errno's reason; AX_NOT_FOUND where the file is missing, else AX_IO. */
static inline enum ax_status ax_fail_errno(struct ax_error *err, const char *path, const char *what)
{
    int e = errno;
    return ax_fail(err, e == ENOENT ? AX_NOT_FOUND : AX_IO, "%s: %s: %s", path, what, strerror(e));
}

#endif
