/* Two models in sequence: a detector finds objects, and a second model looks at each of them.
 *
 *     cascade DETECTOR SECOND PICTURE...
 *
 * Each model has cores of its own, so that the second one works on the objects of a picture while the detector works on the
 * next picture. What the second model finds is in pixels of the region: it is moved to the picture. axrun does the same, and
 * more, for a descriptor with "stages". */
#include <axon/media.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 8 }; /* regions a picture: the best ones */

static void must(enum ax_status s, const struct ax_error *err)
{
    if (s == AX_OK) return;
    fprintf(stderr, "cascade: %s\n", err->message);
    exit(1);
}

struct stage {
    struct ax_media *media;
    struct ax_instance *instance;
};

static struct stage open_stage(struct ax_context *context, struct ax_connection *cores, const char *path, int n_cores)
{
    struct stage s;
    struct ax_error err;
    struct ax_instance_options opt;
    ax_instance_options_default(&opt);
    opt.cores = n_cores;
    opt.queue = MOST;
    must(ax_media_open(context, path, &s.media, &err), &err);
    must(ax_instance_new(cores, ax_media_model(s.media), &opt, &s.instance, &err), &err);
    return s;
}

static void close_stage(struct stage *s)
{
    ax_instance_free(s->instance);
    ax_media_free(s->media);
}

/* A picture with what the detector found, and a frame of the second model for each region. */
struct job {
    const char *path;
    struct ax_picture picture;
    struct ax_media_frame *whole, *part[MOST];
    const struct ax_found *found;
    struct ax_picture region[MOST];
    uint64_t request[MOST];
    int n;
};

static void detect(const struct stage *s, struct job *j, const char *path)
{
    struct ax_error err;
    j->path = path;
    must(ax_picture_load(path, &j->picture, &err), &err);
    must(ax_media_prepare(j->whole, &j->picture, &err), &err);
    must(ax_instance_run(s->instance, ax_media_inputs(j->whole), ax_media_outputs(j->whole), &err), &err);
    must(ax_media_answer(j->whole, &j->found, &err), &err);
}

static void begin_regions(const struct stage *s, struct job *j)
{
    struct ax_error err;
    for (j->n = 0; j->n < j->found->n_objects && j->n < MOST; j->n++) {
        const struct ax_found_object *o = &j->found->objects[j->n];
        struct ax_media_frame *f = j->part[j->n];
        j->region[j->n] = ax_picture_part(&j->picture, o->left, o->top, o->right, o->bottom);
        must(ax_media_prepare(f, &j->region[j->n], &err), &err);
        must(ax_instance_submit(s->instance, ax_media_inputs(f), ax_media_outputs(f), NULL, NULL, &j->request[j->n], &err),
             &err);
    }
}

static void print_region(const struct job *j, int i, const struct ax_found *second)
{
    const struct ax_found_object *o = &j->found->objects[i];
    int64_t offset = j->region[i].rgb - j->picture.rgb;
    float x = (float)(offset % j->picture.stride / 3), y = (float)(offset / j->picture.stride);
    printf("  %s (%.2f) at %.0f, %.0f:", o->is.label ? o->is.label : "?", (double)o->is.score, (double)o->left, (double)o->top);
    if (second->n_classes) printf(" %s (%.2f)", second->classes[0].label, (double)second->classes[0].score);
    for (int k = 0; k < second->n_objects; k++)
        printf(" %s at %.0f, %.0f", second->objects[k].is.label ? second->objects[k].is.label : "object",
               (double)(x + second->objects[k].left), (double)(y + second->objects[k].top));
    printf("\n");
}

static void end_regions(const struct stage *s, struct job *j)
{
    struct ax_error err;
    const struct ax_found *second;
    printf("%s: %d\n", j->path, j->found->n_objects);
    for (int i = 0; i < j->n; i++) {
        must(ax_instance_wait(s->instance, j->request[i], -1, &err), &err);
        must(ax_media_answer(j->part[i], &second, &err), &err);
        print_region(j, i, second);
    }
    ax_picture_free(&j->picture);
}

int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_context *context;
    struct ax_connection *cores;
    struct job jobs[2] = {0}, *now = &jobs[0], *before = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: cascade DETECTOR SECOND PICTURE...\n");
        return 2;
    }
    must(ax_context_new(&context, &err), &err);
    must(ax_connect(context, NULL, 0, &cores, &err), &err);
    int n = ax_connection_cores(cores, NULL, 0);
    struct stage first = open_stage(context, cores, argv[1], n > 1 ? n / 2 : 1);
    struct stage second = open_stage(context, cores, argv[2], n > 1 ? n - n / 2 : 1);
    for (int k = 0; k < 2; k++) {
        must(ax_media_frame_new(first.media, &jobs[k].whole, &err), &err);
        for (int i = 0; i < MOST; i++) must(ax_media_frame_new(second.media, &jobs[k].part[i], &err), &err);
    }

    for (int i = 3; i < argc; i++) {
        detect(&first, now, argv[i]); /* meanwhile the regions of the picture before are under way */
        if (before) end_regions(&second, before);
        begin_regions(&second, now);
        before = now;
        now = now == &jobs[0] ? &jobs[1] : &jobs[0];
    }
    end_regions(&second, before);

    for (int k = 0; k < 2; k++) {
        ax_media_frame_free(jobs[k].whole);
        for (int i = 0; i < MOST; i++) ax_media_frame_free(jobs[k].part[i]);
    }
    close_stage(&first);
    close_stage(&second);
    ax_connection_free(cores);
    ax_context_free(context);
    return 0;
}
