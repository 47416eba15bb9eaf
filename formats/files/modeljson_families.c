#include "files/modeljson_families.h"

#include <string.h>

#include "base/text.h"

/* Made by CMake from models/descriptors/NAME.json, sorted by name; ends with NULL. */
extern const struct ax_family ax_family_table[];

const struct ax_family *ax_family_list(void)
{
    return ax_family_table;
}

enum ax_status ax_family_read(const char *name, struct ax_descriptor *out, struct ax_error *err)
{
    const char *names[256] = {NULL};
    for (int i = 0; ax_family_table[i].name; i++) {
        if (!strcmp(ax_family_table[i].name, name))
            return ax_descriptor_parse(ax_family_table[i].json, strlen(ax_family_table[i].json), name, out, err);
        if (i < 255) names[i] = ax_family_table[i].name;
    }
    const char *near = ax_nearest(name, names);
    return ax_fail(err, AX_NOT_FOUND, "there is no family '%.60s'%s%s%s; axrun --list shows all", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

void ax_family_fit(struct ax_descriptor *d, int width, int height)
{
    for (int i = 0; i < d->n_before; i++) {
        const struct ax_pipe_step *s = &d->before[i];
        if (s->kind != AX_PIPE_RESIZE && s->kind != AX_PIPE_CENTER_CROP) continue;
        const struct ax_param_row *rows = ax_pipe_row(s->kind)->params;
        int smaller = width < height ? width : height, before_crop = (smaller * 8 + 3) / 7;
        for (int k = 0; rows[k].name; k++) {
            struct ax_param *p = &s->params[k];
            if (!p->given) continue;
            if (!strcmp(rows[k].name, "width")) p->number = width;
            if (!strcmp(rows[k].name, "height")) p->number = height;
            /* the shorter side stands to the crop as 256 to 224 */
            if (!strcmp(rows[k].name, "size")) p->number = s->kind == AX_PIPE_RESIZE ? before_crop : smaller;
        }
    }
}
