/* Pictures as a stream: while the device runs one, the next is decoded and prepared, and results are taken by a callback.
 *
 *     pipeline MODEL COUNT PICTURE...
 *
 * runs COUNT frames (the pictures again and again) one after another, then asynchronously, and prints both rates. At most DEPTH
 * frames are under way: a source that is ahead of the device waits. */
#include <axon/media.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DEPTH = 4 };

static void must(enum ax_status s, const struct ax_error *err)
{
    if (s == AX_OK) return;
    fprintf(stderr, "pipeline: %s\n", err->message);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct stream;
struct place {
    struct stream *stream;
    struct ax_media_frame *frame;
    long number;
};

struct stream {
    struct ax_instance *instance;
    struct place place[DEPTH];
    char **paths;
    int n_paths;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int busy[DEPTH];
    long done, results; /* frames; classes and objects in them */
};

static void read_frame(struct stream *s, struct place *p, long number)
{
    struct ax_error err;
    struct ax_picture picture;
    p->number = number;
    must(ax_picture_load(s->paths[number % s->n_paths], &picture, &err), &err);
    must(ax_media_prepare(p->frame, &picture, &err), &err);
    ax_picture_free(&picture);
}

static void use_answer(struct stream *s, struct place *p)
{
    struct ax_error err;
    const struct ax_found *found;
    must(ax_media_answer(p->frame, &found, &err), &err);
    s->done++;
    s->results += found->n_classes + found->n_objects;
}

static void run_one_by_one(struct stream *s, long count)
{
    struct ax_error err;
    struct place *p = &s->place[0];
    for (long i = 0; i < count; i++) {
        read_frame(s, p, i);
        must(ax_instance_run(s->instance, ax_media_inputs(p->frame), ax_media_outputs(p->frame), &err), &err);
        use_answer(s, p);
    }
}

/* In the instance's thread, one frame at a time and in their order. */
static void finished(void *user, uint64_t request, enum ax_status status, const struct ax_error *err)
{
    struct place *p = user;
    struct stream *s = p->stream;
    (void)request;
    must(status, err);
    pthread_mutex_lock(&s->lock);
    use_answer(s, p);
    s->busy[p->number % DEPTH] = 0;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void run_overlapped(struct stream *s, long count)
{
    struct ax_error err;
    for (long i = 0; i < count; i++) {
        struct place *p = &s->place[i % DEPTH];
        pthread_mutex_lock(&s->lock);
        while (s->busy[i % DEPTH]) pthread_cond_wait(&s->changed, &s->lock);
        s->busy[i % DEPTH] = 1;
        pthread_mutex_unlock(&s->lock);
        read_frame(s, p, i);
        must(ax_instance_submit(s->instance, ax_media_inputs(p->frame), ax_media_outputs(p->frame), finished, p, NULL, &err),
             &err);
    }
    pthread_mutex_lock(&s->lock);
    while (s->done < count) pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void measure(struct stream *s, const char *how, void (*run)(struct stream *, long), long count)
{
    s->done = s->results = 0;
    double begin = seconds();
    run(s, count);
    printf("%s: %ld frames, %ld results, %.1f fps\n", how, s->done, s->results, (double)count / (seconds() - begin));
}

int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_context *context;
    struct ax_connection *cores;
    struct ax_media *media;
    struct stream s = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    if (argc < 4 || atol(argv[2]) < 1) {
        fprintf(stderr, "usage: pipeline MODEL COUNT PICTURE...\n");
        return 2;
    }
    s.paths = argv + 3;
    s.n_paths = argc - 3;
    must(ax_context_new(&context, &err), &err);
    must(ax_connect(context, NULL, 0, &cores, &err), &err);
    must(ax_media_open(context, argv[1], &media, &err), &err);
    must(ax_instance_new(cores, ax_media_model(media), NULL, &s.instance, &err), &err);
    for (int i = 0; i < DEPTH; i++) {
        s.place[i].stream = &s;
        must(ax_media_frame_new(media, &s.place[i].frame, &err), &err);
    }
    measure(&s, "synchronous", run_one_by_one, atol(argv[2]));
    measure(&s, "asynchronous", run_overlapped, atol(argv[2]));
    for (int i = 0; i < DEPTH; i++) ax_media_frame_free(s.place[i].frame);
    ax_instance_free(s.instance);
    ax_media_free(media);
    ax_connection_free(cores);
    ax_context_free(context);
    return 0;
}
