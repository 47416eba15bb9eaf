/* Labels of classes: a file with one a line. */
#ifndef AX_MEDIA_LABELS_H
#define AX_MEDIA_LABELS_H

#include "base/arena.h"
#include "base/status.h"

/* Lines without their ends and without blanks around; empty lines at the end do not count. In mem. */
enum ax_status ax_labels_read(const char *path, struct ax_arena *mem, const char *const **labels, int *count,
                              struct ax_error *err);

#endif
