/* A picture on its way through the stages. Frames are made when a flow is made and used again and again. */
#ifndef AX_APP_FRAME_H
#define AX_APP_FRAME_H

#include "app/answer.h"
#include "media/image.h"
#include "media/preprocess.h"

struct ax_frame {
    int64_t number;   /* in the flow, from 0, in the order of the source */
    const char *name; /* of its input: a path, "-" */
    int input;        /* which of the inputs */
    int64_t index;    /* in its input: of a video's frame, from 0; -1: the input is a picture */
    double time_s;    /* of a video's frame, from its beginning */
    double rate;      /* frames a second of the video; 0: unknown */
    struct ax_image image;
    struct ax_fit fit; /* where the model's input lies in the picture */
    int64_t begin_ns;  /* when the source began with it */
    int attempts;      /* runs on the device beyond the first */

    enum ax_status status; /* AX_OK, or why it takes no part in later stages; err then says more */
    const char *failed_in; /* name of the stage */
    struct ax_error err;

    struct ax_answer *answers; /* by branch, then by pipe */
    int n_answers;
    struct ax_arena mem; /* of the frame's way; emptied before the next one */
    void *more;          /* of whoever builds the flow; made by ax_flow_options.prepare, kept */
};

/* Fails a frame; later stages pass it over, those that take failed ones too report it. */
void ax_frame_fail(struct ax_frame *f, const struct ax_error *why);

/* Empties a frame for another picture; memory that can be used again is kept. */
void ax_frame_clear(struct ax_frame *f);
void ax_frame_free(struct ax_frame *f);

#endif
