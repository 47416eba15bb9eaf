/* What is in the picture?
 *
 *     classify MODEL PICTURE...
 *
 * MODEL is a folder that axcompile wrote, whose model.json ends with the step classification. */
#include <axon/media.h>
#include <stdio.h>
#include <stdlib.h>

static void must(enum ax_status s, const struct ax_error *err)
{
    if (s == AX_OK) return;
    fprintf(stderr, "classify: %s\n", err->message);
    exit(1);
}

static void print(const char *path, const struct ax_found *found)
{
    printf("%s\n", path);
    for (int i = 0; i < found->n_classes; i++) {
        const struct ax_found_class *c = &found->classes[i];
        printf("%d. %s (%.4f)\n", i + 1, c->label ? c->label : "?", (double)c->score);
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
    int failed = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL PICTURE...\n");
        return 2;
    }
    must(ax_context_new(&context, &err), &err);
    must(ax_connect(context, NULL, 0, &cores, &err), &err);
    must(ax_media_open(context, argv[1], &media, &err), &err);
    must(ax_instance_new(cores, ax_media_model(media), NULL, &instance, &err), &err);
    must(ax_media_frame_new(media, &frame, &err), &err);

    for (int i = 2; i < argc; i++) {
        struct ax_picture picture;
        const struct ax_found *found;
        if (ax_picture_load(argv[i], &picture, &err)) { /* a damaged file; the others go on */
            fprintf(stderr, "classify: %s\n", err.message);
            failed = 1;
            continue;
        }
        must(ax_media_prepare(frame, &picture, &err), &err);
        must(ax_instance_run(instance, ax_media_inputs(frame), ax_media_outputs(frame), &err), &err);
        must(ax_media_answer(frame, &found, &err), &err);
        print(argv[i], found);
        ax_picture_free(&picture);
    }

    ax_media_frame_free(frame);
    ax_instance_free(instance);
    ax_media_free(media);
    ax_connection_free(cores);
    ax_context_free(context);
    return failed;
}
