#include "tools/axrun_masks.h"

void ax_json_object_mask(struct ax_json_writer *w, const struct ax_mask *m)
{
    int64_t n = (int64_t)m->width * m->height, run = 0;
    bool set = false;
    ax_jw_object(w, "mask");
    ax_jw_int(w, "width", m->width);
    ax_jw_int(w, "height", m->height);
    ax_jw_array(w, "counts");
    for (int64_t i = 0; i < n; i++, run++) {
        if ((m->data[i] != 0) == set) continue;
        ax_jw_int(w, NULL, run);
        run = 0, set = !set;
    }
    ax_jw_int(w, NULL, run);
    ax_jw_end(w);
    ax_jw_end(w);
}

void ax_json_class_mask(struct ax_json_writer *w, const struct ax_mask *m)
{
    int64_t n = (int64_t)m->width * m->height;
    ax_jw_object(w, "mask");
    ax_jw_line(w);
    ax_jw_int(w, "width", m->width);
    ax_jw_int(w, "height", m->height);
    ax_jw_array(w, "runs");
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && m->data[end] == m->data[i]; end++) continue;
        ax_jw_int(w, NULL, m->data[i]);
        ax_jw_int(w, NULL, end - i);
    }
    ax_jw_end(w);
    ax_jw_end(w);
}
