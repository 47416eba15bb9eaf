/* A flow: frames that pass through stages, each in threads of its own.
 *
 *     source ─▶ stage ─▶ stage ─▶ ... ─▶ last stage
 *
 * At most `depth` frames are under way; they are made beforehand, and a source that is ahead waits. Every stage takes frames
 * in the order of the source, whatever the number of its threads, and the last one sees every frame exactly once: also those
 * that failed. Nothing is lost and nothing overtakes.
 *
 * A stage that does its work elsewhere (a device with a completion thread) returns at once and hands the frames on itself, with
 * ax_flow_deliver. A stage without a thread runs in the thread that delivers to it.
 *
 * Errors. A frame that cannot go on is marked (ax_frame_fail) and the others go on. A stage that returns an error stops the
 * flow: the frames before it finish, those behind it are dropped, and ax_flow_run returns that error. */
#ifndef AX_APP_FLOW_H
#define AX_APP_FLOW_H

#include "app/frame.h"

struct ax_flow;
struct ax_record;

enum ax_flow_thread {
    AX_FLOW_THREADS, /* as many as `workers` */
    AX_FLOW_CALLER,  /* the one that called ax_flow_run; of one stage at most */
    AX_FLOW_INLINE,  /* whichever brings the frame */
};

struct ax_flow_stage {
    const char *name;
    /* Frames that did not fail, at most `group` of them, in order. */
    enum ax_status (*run)(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
    void *user;
    enum ax_flow_thread thread;
    int workers;     /* default 1 */
    int group;       /* frames a call takes: numbers 0 to group-1, and so on; the last ones may be fewer. Default 1 */
    bool failed_too; /* frames that failed are given to it as well */
    bool delivers;   /* its run only begins; ax_flow_deliver ends it */
};

struct ax_flow_options {
    int depth;        /* frames under way at most; raised to the largest group */
    bool synchronous; /* one thread: a frame (or group) is finished before the next is read */
    /* Reads the next frame, which is empty. AX_CLOSED: there is none. A frame that cannot be read is failed by ax_frame_fail.
     */
    enum ax_status (*next)(void *user, struct ax_frame *f, struct ax_error *err);
    void *user;
    const char *source_name;  /* for profiles; default "decode" */
    struct ax_record *record; /* where times go; NULL: nowhere */
    /* Called for each of the frames before the flow begins, and in the end. */
    enum ax_status (*prepare)(void *user, struct ax_frame *f, struct ax_error *err);
    void (*release)(void *user, struct ax_frame *f);
};

/* Stages are copied. */
enum ax_status ax_flow_new(const struct ax_flow_stage *stages, int n, const struct ax_flow_options *opt, struct ax_flow **out,
                           struct ax_error *err);
/* Nothing may deliver to it any more. NULL is fine. */
void ax_flow_free(struct ax_flow *f);

/* Runs to the source's end. Once for each flow. */
enum ax_status ax_flow_run(struct ax_flow *f, struct ax_error *err);

/* From any thread: the stage (of `delivers`) is done with these frames. */
void ax_flow_deliver(struct ax_flow *f, int stage, struct ax_frame *const *frames, int n);
/* From any thread: no more frames are read; those under way finish. */
void ax_flow_end(struct ax_flow *f);
/* From any thread: the frame's stage failed for good, as if its run had returned why->status. */
void ax_flow_stop(struct ax_flow *f, const struct ax_frame *at, const struct ax_error *why);

int ax_flow_depth(const struct ax_flow *f);
int64_t ax_flow_finished(struct ax_flow *f); /* frames that left the last stage */

#endif
