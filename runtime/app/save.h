/* Frames with what was found drawn into them, and files of such frames: pictures, and an MP4 for each video. */
#ifndef AX_APP_SAVE_H
#define AX_APP_SAVE_H

#include "app/flow.h"

/* A stage (user unused): draws every answer. The only one is drawn into the frame itself, several into copies: answer.drawn. */
enum ax_status ax_draw_stage(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
/* The picture with the answer in it, behind that stage. */
const struct ax_image *ax_drawn(const struct ax_frame *f, int answer);

struct ax_saver;
/* Files go to the folder, which is made. */
enum ax_status ax_saver_new(const char *dir, struct ax_saver **out, struct ax_error *err);
/* Ends the videos. Frees the saver in any case; NULL is fine. */
enum ax_status ax_saver_close(struct ax_saver *s, struct ax_error *err);
/* A stage; user is the saver. NAME.jpg, .png, or .mp4; branches and, where there are several, pipes are in the names. */
enum ax_status ax_saver_stage(void *saver, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);

#endif
