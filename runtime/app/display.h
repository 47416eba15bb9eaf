/* A window that shows pictures, where Axon is built with SDL2. All calls from one thread. */
#ifndef AX_APP_DISPLAY_H
#define AX_APP_DISPLAY_H

#include <stdbool.h>

#include "media/image.h"

struct ax_display;

/* AX_UNSUPPORTED: this build has no windows. */
enum ax_status ax_display_open(const char *title, struct ax_display **out, struct ax_error *err);
void ax_display_close(struct ax_display *d); /* NULL is fine */
/* linger_ms: how long it stays, or until a key is pressed. *quit: the user pressed q or Escape, or closed the window. */
enum ax_status ax_display_show(struct ax_display *d, const struct ax_image *im, const char *title, int linger_ms, bool *quit,
                               struct ax_error *err);

#endif
