/* Masks in JSON, as lengths of runs, row by row. */
#ifndef AX_TOOLS_AXRUN_MASKS_H
#define AX_TOOLS_AXRUN_MASKS_H

#include "base/json.h"
#include "media/prediction.h"

/* Of an object: a grid of width x height spread over its box; pixels outside and inside in turn, outside first. */
void ax_json_object_mask(struct ax_json_writer *w, const struct ax_mask *m);
/* Of the whole picture: a class and how many pixels it goes on, in turn. */
void ax_json_class_mask(struct ax_json_writer *w, const struct ax_mask *m);

#endif
