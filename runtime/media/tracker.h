/* Objects followed from frame to frame by their boxes: the postprocessing step "tracker".
 *
 *   sort       A. Bewley et al., Simple Online and Realtime Tracking, ICIP 2016: one association of all detections.
 *   bytetrack  Y. Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box, ECCV 2022: detections with
 *              high scores first, then those with low ones for tracks that are left, so that an object that is half hidden
 * keeps its number.
 *
 * A track predicts its box with a Kalman filter of constant velocity; predictions and detections are associated so that the sum
 * of their overlaps is the greatest (assign.h). */
#ifndef AX_MEDIA_TRACKER_H
#define AX_MEDIA_TRACKER_H

#include "files/modeljson.h"
#include "media/prediction.h"

struct ax_tracker;

/* The step must live as long. */
enum ax_status ax_tracker_new(const struct ax_pipe_step *step, struct ax_tracker **out, struct ax_error *err);
void ax_tracker_free(struct ax_tracker *t); /* NULL is fine */
/* The next frame belongs to another scene; numbers start from 1 again. */
void ax_tracker_reset(struct ax_tracker *t);

/* The next frame's objects: each gets the number of its track; those without one are dropped, as yet unconfirmed or not good
 * enough to start a track. Boxes, points and masks stay the detector's. */
enum ax_status ax_tracker_update(struct ax_tracker *t, struct ax_prediction *r, struct ax_error *err);

#endif
