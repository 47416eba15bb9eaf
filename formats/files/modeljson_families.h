/* The families of models whose pipelines are known: models/descriptors/, compiled in. */
#ifndef AX_FILES_MODELJSON_FAMILIES_H
#define AX_FILES_MODELJSON_FAMILIES_H

#include "files/modeljson.h"

struct ax_family {
    const char *name, *json;
};
/* Sorted by name; ends with a NULL name. */
const struct ax_family *ax_family_list(void);
/* AX_NOT_FOUND names the nearest. Release with ax_descriptor_free. */
enum ax_status ax_family_read(const char *name, struct ax_descriptor *out, struct ax_error *err);
/* Sizes of the preprocessing steps become those of the model's input. */
void ax_family_fit(struct ax_descriptor *d, int width, int height);

#endif
