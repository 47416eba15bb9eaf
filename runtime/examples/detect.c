/* Where are the objects? Prints them and, with a second name, draws them into a copy of the picture.
 *
 *     detect MODEL PICTURE [ANNOTATED.png]
 *
 * MODEL is a folder that axcompile wrote, whose model.json has the steps of a detector. */
#include <axon/media.h>
#include <stdio.h>
#include <stdlib.h>

static void must(enum ax_status s, const struct ax_error *err)
{
    if (s == AX_OK) return;
    fprintf(stderr, "detect: %s\n", err->message);
    exit(1);
}

static void print(const struct ax_found *found)
{
    printf("%d object%s\n", found->n_objects, found->n_objects == 1 ? "" : "s");
    for (int i = 0; i < found->n_objects; i++) {
        const struct ax_found_object *o = &found->objects[i];
        printf("%s (%.4f) at %.1f, %.1f to %.1f, %.1f\n", o->is.label ? o->is.label : "?", (double)o->is.score, (double)o->left,
               (double)o->top, (double)o->right, (double)o->bottom);
        for (int k = 0; k < o->n_points; k++)
            printf("  point %d at %.1f, %.1f (%.2f)\n", k, (double)o->points[k].x, (double)o->points[k].y,
                   (double)o->points[k].score);
    }
}

int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_context *context;
    struct ax_connection *cores;
    struct ax_media *media;
    struct ax_instance *instance;
    struct ax_media_frame *frame;
    struct ax_picture picture;
    const struct ax_found *found;
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: detect MODEL PICTURE [ANNOTATED.png]\n");
        return 2;
    }
    must(ax_context_new(&context, &err), &err);
    must(ax_connect(context, NULL, 0, &cores, &err), &err);
    must(ax_media_open(context, argv[1], &media, &err), &err);
    must(ax_instance_new(cores, ax_media_model(media), NULL, &instance, &err), &err);
    must(ax_media_frame_new(media, &frame, &err), &err);

    must(ax_picture_load(argv[2], &picture, &err), &err);
    must(ax_media_prepare(frame, &picture, &err), &err);
    must(ax_instance_run(instance, ax_media_inputs(frame), ax_media_outputs(frame), &err), &err);
    must(ax_media_answer(frame, &found, &err), &err);
    print(found);
    if (argc == 4) {
        ax_media_draw(frame, &picture);
        must(ax_picture_save(argv[3], &picture, &err), &err);
    }

    ax_picture_free(&picture);
    ax_media_frame_free(frame);
    ax_instance_free(instance);
    ax_media_free(media);
    ax_connection_free(cores);
    ax_context_free(context);
    return 0;
}
