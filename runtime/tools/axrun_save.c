/* --save DIR: pictures with what was found drawn into them. */
#include "tools/axrun_save.h"

#include <string.h>

#include "base/file.h"
#include "media/draw.h"

/* DIR/NAME.jpg, or .png where the picture is none of JPEG; _2, _3 behind it where folders have pictures of one name. */
static const char *place(struct ax_saver *s, const char *input, const char *suffix)
{
    const char *stem = ax_path_stem(&s->mem, input);
    const char *ext = ax_path_has_ext(input, ".jpg") || ax_path_has_ext(input, ".jpeg") ? ".jpg" : ".png";
    for (int copy = 1;; copy++) {
        const char *again = copy > 1 ? ax_arena_printf(&s->mem, "_%d", copy) : "";
        const char *name = ax_arena_printf(&s->mem, "%s%s%s%s", stem, again, suffix, ext);
        bool taken = false;
        for (struct ax_saved *i = s->names; i && !taken; i = i->next) taken = !strcmp(i->name, name);
        if (taken) continue;
        struct ax_saved *mine = AX_NEW(&s->mem, struct ax_saved, 1);
        *mine = (struct ax_saved){name, s->names};
        s->names = mine;
        return ax_path_join(&s->mem, s->dir, name);
    }
}

enum ax_status ax_saver_add(struct ax_saver *s, const char *input, const char *branch, const struct ax_image *im,
                            const struct ax_run_answer *answers, int n_answers, struct ax_error *err)
{
    enum ax_status st = ax_dir_make(s->dir, err);
    for (int i = 0; i < n_answers && !st; i++) {
        struct ax_image copy;
        st = ax_image_new(im->width, im->height, 3, &copy, err);
        if (st) break;
        memcpy(copy.data, im->data, (size_t)im->stride * (size_t)im->height);
        ax_draw_result(&copy, &answers[i].result);
        char *suffix = ax_arena_printf(&s->mem, "%s%s%s%s", branch ? "-" : "", branch ? branch : "", n_answers > 1 ? "-" : "",
                                       n_answers > 1 ? answers[i].pipe : "");
        for (char *c = suffix; *c; c++)
            if (*c == '/') *c = '_';
        st = ax_image_save(place(s, input, suffix), &copy, err);
        ax_image_free(&copy);
    }
    return st;
}
