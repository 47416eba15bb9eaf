/* A pipeline of segments under stress: two threads push, one cancels, some requests have next to no time, queues are short and
 * every core works for its neighbours. Each request must come out once, in order, with the whole model's bits or with the
 * reason why not; then pipelines are freed with requests in every state. pipeline_stress PARTITION [REQUESTS] */
#include <pthread.h>
#include <time.h>

#include "both.h"

enum { FREED = 20 };

struct stress {
    struct both b;
    long requests;
    atomic_long pushed, wrong;
    atomic_bool done;
};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void rest_us(uint32_t us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static void *push_half(void *stress)
{
    struct stress *s = stress;
    struct ax_error err;
    uint32_t state = (uint32_t)(uintptr_t)&err; /* another for each thread */
    for (long i = 0; i < s->requests / 2; i++) {
        uint32_t k = draw(&state) % REQUESTS;
        struct ax_request r = {.inputs = s->b.in[k], .user = (void *)(uintptr_t)k, .timeout_ms = draw(&state) % 8 ? 0 : 1};
        if (ax_pipeline_push(s->b.pipeline, &r, NULL, &err)) {
            fprintf(stderr, "push: %s\n", err.message);
            atomic_fetch_add(&s->wrong, 1);
        }
        atomic_fetch_add(&s->pushed, 1);
    }
    return NULL;
}

static void *cancel_some(void *stress)
{
    struct stress *s = stress;
    uint32_t state = 7;
    while (!atomic_load(&s->done)) {
        long last = atomic_load(&s->pushed);
        ax_pipeline_cancel(s->b.pipeline, (uint64_t)(last > 4 ? last - draw(&state) % 4 : 1));
        rest_us(draw(&state) % 3000);
    }
    return NULL;
}

static void take(struct stress *s, uint64_t id, long *ok, long *given_up)
{
    struct ax_result r;
    struct ax_error err;
    bool good = ax_pipeline_pop(s->b.pipeline, &r, s->b.got, &err) == AX_OK && r.request == id;
    if (good && r.status == AX_OK) {
        good = compare(&s->b, (int)(uintptr_t)r.user) == 0;
        ++*ok;
    } else if (good) {
        good = r.status == AX_CANCELLED || r.status == AX_TIMEOUT;
        ++*given_up;
    }
    if (!good) fprintf(stderr, "request %llu: wrong result\n", (unsigned long long)id);
    if (!good) atomic_fetch_add(&s->wrong, 1);
    ax_pipeline_release(s->b.pipeline, s->b.got);
}

static void run_all(struct stress *s, const char *path)
{
    pthread_t push[2], cancel;
    long ok = 0, given_up = 0, lent = 0;
    struct ax_stage_stats stage;
    for (int i = 0; i < 2; i++) pthread_create(&push[i], NULL, push_half, s);
    pthread_create(&cancel, NULL, cancel_some, s);
    for (long id = 1; id <= s->requests / 2 * 2; id++) take(s, (uint64_t)id, &ok, &given_up);
    atomic_store(&s->done, true);
    for (int i = 0; i < 2; i++) pthread_join(push[i], NULL);
    pthread_join(cancel, NULL);
    for (int i = 0; ax_pipeline_stage_stats(s->b.pipeline, i, &stage); i++) lent += (long)stage.by_neighbours;
    printf("%s: %ld requests done, %ld given up, %ld runs by neighbours\n", path, ok, given_up, lent);
    if (!ok) atomic_fetch_add(&s->wrong, 1);
}

static enum ax_status free_anytime(struct stress *s, struct ax_error *err)
{
    for (uint32_t i = 0, state = 3; i < FREED; i++) {
        if (make_pipeline(&s->b, 3, 1, 2, err)) return err->status;
        for (int k = 0; k < REQUESTS; k++)
            ax_pipeline_try_push(s->b.pipeline, &(struct ax_request){.inputs = s->b.in[k]}, NULL, err);
        rest_us(draw(&state) % 4000);
        ax_pipeline_free(s->b.pipeline);
        s->b.pipeline = NULL;
    }
    return AX_OK;
}

int main(int argc, char **argv)
{
    static struct stress s;
    struct ax_error err = {0};
    if (argc < 2) return 77;
    s.requests = argc > 2 ? atol(argv[2]) : 2000;
    alarm(1500); /* a deadlock is a failure, not a wait */
    enum ax_status st = open_both(argv[1], &s.b, &err);
    if (!st) st = make_pipeline(&s.b, 3, 1, 2, &err);
    if (!st) {
        run_all(&s, argv[1]);
        ax_pipeline_free(s.b.pipeline);
        s.b.pipeline = NULL;
        st = free_anytime(&s, &err);
    }
    if (st) fprintf(stderr, "%s: %s\n", argv[1], err.message);
    close_both(&s.b);
    return st || atomic_load(&s.wrong);
}
