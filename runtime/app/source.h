/* Frames from a list of inputs, one input after another: the beginning of a flow. */
#ifndef AX_APP_SOURCE_H
#define AX_APP_SOURCE_H

#include <signal.h>

#include "app/flow.h"
#include "app/inputs.h"

struct ax_source_options {
    const char *raw; /* "640x480" or "640x480:nv12": the standard input has raw frames, rgb24 where nothing is said; NULL */
    int64_t most;    /* frames to read at most; 0: all */
    int fd;          /* of "-"; default 0 */
    bool planes;     /* JPEGs as ax_image_load_planes has them: the frames are only preprocessed */
    const volatile sig_atomic_t *interrupted; /* set by a signal: as ax_source_stop; NULL */
};

/* Whether it is one. */
enum ax_status ax_source_raw_check(const char *raw, struct ax_error *err);

struct ax_source;
/* The list must live as long. */
enum ax_status ax_source_new(const struct ax_inputs *list, const struct ax_source_options *opt, struct ax_source **out,
                             struct ax_error *err);
void ax_source_free(struct ax_source *s); /* NULL is fine */

/* For ax_flow_options.next, with the source as user. An input that cannot be read, or breaks off, fails one frame; the next
 * input follows. */
enum ax_status ax_source_next(void *source, struct ax_frame *f, struct ax_error *err);
/* From any thread: what waits for a camera or a pipe gives up. */
void ax_source_stop(struct ax_source *s);

#endif
