#include "app/cascade.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/cascade_open.h"
#include "app/region.h"
#include "media/postprocess.h"

/* A region that a stage's model looks at, or the whole picture. Its tensors lie in those of its request. */
struct slot {
    struct ax_region region;
    struct ax_object *parent; /* NULL: the whole picture */
    struct ax_fit fit;
    void *in;
    struct ax_post_tensor *tensors;
    struct ax_prediction result;
};

/* A run of the model, on `batch` slots. */
struct request {
    struct ax_engine_buffer in, *out;
    int instance;
    uint64_t ticket;
    bool under_way; /* the device has it */
};

struct looks { /* of a stage at a frame */
    struct slot *slot;
    struct request *request;
    int n; /* slots */
};

/* ax_frame.more: made when the frame comes for the first time. */
struct cascade_frame {
    struct cascade_frame *next;
    struct looks *stages;
    struct ax_arena mem; /* lists of nested results */
};

static struct looks *looks_of(const struct ax_frame *f, const struct ax_cascade_model_run *m)
{
    return &((struct cascade_frame *)f->more)->stages[m->index];
}

/* -- a frame's memory -- */

static void *room(int64_t count, enum ax_dtype t)
{
    size_t bytes = ((size_t)count * ax_dtype_bytes(t) + 127) / 64 * 64;
    void *p = aligned_alloc(64, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

static int requests_of(const struct ax_cascade_model_run *m, int slots)
{
    return (slots + m->batch - 1) / m->batch;
}

static bool make_request(const struct ax_cascade_model_run *m, struct request *q)
{
    int n = ax_engine_outputs(m->engine);
    q->in = (struct ax_engine_buffer){room(m->batch * ax_engine_input(m->engine, 0)->count, m->input.dtype), m->input.dtype};
    q->out = calloc((size_t)n + 1, sizeof *q->out);
    bool ok = q->in.data && q->out;
    for (int i = 0; i < n && ok; i++) {
        q->out[i] = (struct ax_engine_buffer){room(m->batch * ax_engine_output(m->engine, i)->count, AX_DTYPE_FLOAT32),
                                              AX_DTYPE_FLOAT32};
        ok = q->out[i].data != NULL;
    }
    return ok;
}

static bool make_slot(const struct ax_cascade_model_run *m, const struct request *q, int at, struct slot *s)
{
    int n = ax_engine_outputs(m->engine);
    int64_t bytes = ax_engine_input(m->engine, 0)->count * (int64_t)ax_dtype_bytes(m->input.dtype);
    s->in = (char *)q->in.data + at * bytes;
    s->tensors = calloc((size_t)n + 1, sizeof *s->tensors);
    for (int i = 0; i < n && s->tensors; i++) {
        const struct ax_engine_port *p = ax_engine_output(m->engine, i);
        s->tensors[i] = (struct ax_post_tensor){p->name, p->shape, (float *)q->out[i].data + at * p->count};
    }
    return s->tensors != NULL;
}

static bool make_looks(const struct ax_cascade_model_run *m, struct looks *l)
{
    int n = requests_of(m, m->slots);
    l->slot = calloc((size_t)m->slots, sizeof *l->slot);
    l->request = calloc((size_t)n, sizeof *l->request);
    bool ok = l->slot && l->request;
    for (int i = 0; i < n && ok; i++) ok = make_request(m, &l->request[i]);
    for (int i = 0; i < m->slots && ok; i++) ok = make_slot(m, &l->request[i / m->batch], i % m->batch, &l->slot[i]);
    return ok;
}

static void free_looks(const struct ax_cascade_model_run *m, struct looks *l)
{
    for (int i = 0; l->slot && i < m->slots; i++) {
        free(l->slot[i].tensors);
        ax_region_free(&l->slot[i].region);
        ax_prediction_free(&l->slot[i].result);
    }
    for (int i = 0; l->request && i < requests_of(m, m->slots); i++) {
        struct request *q = &l->request[i];
        for (int k = 0; q->out && k < ax_engine_outputs(m->engine); k++) free(q->out[k].data);
        free(q->in.data);
        free(q->out);
    }
    free(l->slot);
    free(l->request);
}

/* A request that was given up still owns its memory. */
static void settle(struct ax_cascade_model_run *m, struct request *q)
{
    struct ax_error ignored;
    if (q->under_way) m->way.wait(m->way.self, q->instance, q->ticket, -1, &ignored);
    q->under_way = false;
}

static void forget(struct ax_cascade_run *r, struct cascade_frame *f)
{
    for (int k = 0; k < r->n; k++) {
        struct looks *l = &f->stages[k];
        for (int i = 0; l->request && i < requests_of(&r->models[k], l->n); i++) settle(&r->models[k], &l->request[i]);
        for (int i = 0; i < l->n; i++) {
            ax_region_free(&l->slot[i].region);
            ax_prediction_free(&l->slot[i].result);
        }
        l->n = 0;
    }
    ax_arena_free(&f->mem);
}

static enum ax_status make_frame(struct ax_cascade_run *r, struct ax_frame *frame, struct ax_error *err)
{
    struct cascade_frame *f = calloc(1, sizeof *f);
    bool ok = f != NULL;
    if (ok) f->next = r->frames, r->frames = f;
    ok = ok && (f->stages = calloc((size_t)r->n, sizeof *f->stages));
    for (int k = 0; k < r->n && ok; k++) ok = make_looks(&r->models[k], &f->stages[k]);
    frame->more = f;
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the regions of a frame");
}

void ax_cascade_free_frames(struct ax_cascade_run *r)
{
    for (struct cascade_frame *f = r->frames, *next; f; f = next) {
        next = f->next;
        if (f->stages) forget(r, f);
        for (int k = 0; f->stages && k < r->n; k++) free_looks(&r->models[k], &f->stages[k]);
        free(f->stages);
        free(f);
    }
    r->frames = NULL;
}

/* -- submitting -- */

static int by_score(const void *a, const void *b)
{
    const struct ax_object *x = *(struct ax_object *const *)a, *y = *(struct ax_object *const *)b;
    if (x->is.score != y->is.score) return x->is.score > y->is.score ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Objects of the stage before, the best ones first. */
static struct ax_object **parents_of(const struct ax_frame *f, const struct ax_cascade_model_run *m, struct ax_arena *mem,
                                     int *count)
{
    struct looks *of = &((struct cascade_frame *)f->more)->stages[m->is->of];
    int n = 0;
    for (int i = 0; i < of->n; i++) n += of->slot[i].result.n_objects;
    struct ax_object **list = AX_NEW(mem, struct ax_object *, n + 1);
    n = 0;
    for (int i = 0; i < of->n; i++)
        for (int k = 0; k < of->slot[i].result.n_objects; k++) list[n++] = &of->slot[i].result.objects[k];
    if (of->n > 1) qsort(list, (size_t)n, sizeof *list, by_score);
    *count = n;
    return list;
}

static enum ax_status submit_request(struct ax_cascade_model_run *m, const struct ax_frame *f, struct request *q,
                                     struct ax_error *err)
{
    if (m->layers) ax_runner_layers_submitted(m->layers, q->instance, f->number);
    enum ax_status st = m->way.submit(m->way.self, q->instance, &q->in, q->out, NULL, NULL, &q->ticket, err);
    q->under_way = !st;
    return st;
}

/* With the slots up to the last one that was filled. */
static enum ax_status begin_request(struct ax_cascade_model_run *m, struct ax_frame *f, struct ax_error *err)
{
    struct request *q = &looks_of(f, m)->request[(looks_of(f, m)->n - 1) / m->batch];
    q->instance = m->next_instance;
    m->next_instance = (m->next_instance + 1) % ax_engine_instances(m->engine);
    return submit_request(m, f, q, err);
}

static enum ax_status fill_slot(struct ax_cascade_model_run *m, const struct ax_frame *f, struct slot *s, struct ax_error *err)
{
    struct ax_pixels_out to = m->input;
    to.data = s->in;
    enum ax_status st = ax_region_crop(&s->region, &f->image, err);
    if (!st) st = ax_preprocess_into(&m->pipeline, &s->region.crop, &to, &s->fit, err);
    atomic_fetch_add(&m->regions, !st);
    return st;
}

static struct slot *next_slot(struct looks *l, const struct ax_region *region, struct ax_object *parent)
{
    struct slot *s = &l->slot[l->n++];
    s->region = *region;
    s->parent = parent;
    return s;
}

/* A region so thin that no step makes an input of it is passed over. */
static bool is_the_regions_own(enum ax_status s)
{
    return s == AX_INVALID_ARGUMENT || s == AX_UNSUPPORTED;
}

static enum ax_status begin_region(struct ax_cascade_model_run *m, struct ax_frame *f, const struct ax_region *region,
                                   struct ax_object *parent, struct ax_error *err)
{
    struct looks *l = looks_of(f, m);
    struct slot *s = next_slot(l, region, parent);
    enum ax_status st = fill_slot(m, f, s, err);
    if (!st) return l->n % m->batch ? AX_OK : begin_request(m, f, err);
    if (!is_the_regions_own(st)) return st;
    ax_region_free(&s->region);
    l->n--;
    m->refused++;
    m->why_refused = *err;
    return AX_OK;
}

static enum ax_status submit_regions(struct ax_cascade_model_run *m, struct ax_frame *f, struct ax_error *err)
{
    struct ax_region region;
    struct ax_arena mem = {0};
    int n;
    struct ax_object **parents = parents_of(f, m, &mem, &n);
    struct looks *l = looks_of(f, m);
    enum ax_status st = AX_OK;
    for (int i = 0; i < n && l->n < m->slots && !st; i++)
        if (ax_region_of(&m->is->rule, parents[i], f->image.width, f->image.height, &region))
            st = begin_region(m, f, &region, parents[i], err);
    if (!st && l->n % m->batch) st = begin_request(m, f, err); /* fewer than a batch: the rest of it is what was there before */
    ax_arena_free(&mem);
    return st;
}

static enum ax_status submit_whole(struct ax_cascade_model_run *m, struct ax_frame *f, struct ax_error *err)
{
    double w = f->image.width, h = f->image.height;
    struct ax_region all = {.x = w / 2, .y = h / 2, .width = w, .height = h, .cos = 1};
    if (!f->more && make_frame(m->run, f, err)) return err->status;
    if (m->index == 0) forget(m->run, f->more);
    enum ax_status st = fill_slot(m, f, next_slot(looks_of(f, m), &all, NULL), err);
    if (!st) return begin_request(m, f, err);
    if (!is_the_regions_own(st)) return st;
    looks_of(f, m)->n = 0;
    ax_frame_fail(f, err);
    return AX_OK;
}

static enum ax_status submit(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_cascade_model_run *m = user;
    struct ax_frame *f = frames[0];
    (void)worker, (void)n;
    enum ax_status st = m->is->of < 0 ? submit_whole(m, f, err) : submit_regions(m, f, err);
    if (!st) return AX_OK;
    struct ax_error why = *err;
    return ax_fail(err, why.status, "frame %lld of %s, stage '%s': %s", (long long)f->number, f->name, m->is->name,
                   why.message);
}

/* -- taking results -- */

/* Each video is a scene of its own, and so is each picture. */
static enum ax_status follow(struct ax_cascade_model_run *m, const struct ax_frame *f, struct ax_prediction *r,
                             struct ax_error *err)
{
    if (f->input != m->followed || f->index < 0) ax_tracker_reset(m->tracker);
    m->followed = f->input;
    return ax_tracker_update(m->tracker, r, err);
}

static enum ax_status read_slot(struct ax_cascade_model_run *m, const struct ax_frame *f, struct slot *s, struct ax_error *err)
{
    struct ax_post_input in = {.tensors = s->tensors,
                               .n_tensors = ax_engine_outputs(m->engine),
                               .fit = s->fit,
                               .width = s->region.crop.width,
                               .height = s->region.crop.height,
                               .input_width = m->input_width,
                               .input_height = m->input_height};
    enum ax_status st = ax_post_run(m->post, &in, &s->result, err);
    if (!st && s->parent) ax_region_to_picture(&s->region, &s->result, f->image.width, f->image.height);
    if (!st && m->tracker) st = follow(m, f, &s->result, err);
    ax_region_free(&s->region);
    return st;
}

static void explain(const struct ax_cascade_model_run *m, const struct ax_frame *f, int slot, int of, int tries,
                    struct ax_error *err)
{
    struct ax_error why = *err;
    bool late = why.status == AX_TIMEOUT;
    char again[64] = "";
    if (tries > 1) snprintf(again, sizeof again, " (tried %d times)", tries);
    ax_fail(err, why.status, "frame %lld of %s, stage '%s', region %d of %d: the inference %s%s: %s. %s", (long long)f->number,
            f->name, m->is->name, slot + 1, of, late ? "timed out" : "failed", again, why.message,
            late ? "Allow more time (--timeout), more cores, or --on_error retry" : "Run that frame again (--on_error retry)");
}

/* A timeout is waited for again, a failure is run again. */
static enum ax_status wait_request(struct ax_cascade_model_run *m, const struct ax_frame *f, struct request *q, int *tries,
                                   struct ax_error *err)
{
    struct ax_cascade_run *r = m->run;
    int64_t limit = r->opt.timeout_ms > 0 ? r->opt.timeout_ms : -1;
    int most = r->opt.on_error == AX_RUNNER_RETRY ? 1 + r->opt.retries : 1;
    for (*tries = 1;; ++*tries) {
        enum ax_status st = m->way.wait(m->way.self, q->instance, q->ticket, limit, err);
        if (st != AX_TIMEOUT) q->under_way = false;
        if (!st && *tries > 1) atomic_fetch_add(&r->recovered, 1);
        if (!st) return AX_OK;
        atomic_fetch_add(st == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
        if (*tries >= most) return st;
        atomic_fetch_add(&r->retries, 1);
        if (st != AX_TIMEOUT && submit_request(m, f, q, err)) return err->status;
    }
}

/* A new list each time: objects that have a nested result already are few. */
static void nest(struct cascade_frame *cf, const struct ax_cascade_model_run *m, const struct slot *s)
{
    struct ax_object *o = s->parent;
    struct ax_nested *list = AX_NEW(&cf->mem, struct ax_nested, o->n_nested + 1);
    for (int i = 0; i < o->n_nested; i++) list[i] = o->nested[i];
    list[o->n_nested++] = (struct ax_nested){m->is->name, &s->result};
    o->nested = list;
}

static void suppress(const struct ax_cascade_model_run *m, struct looks *l)
{
    struct ax_arena mem = {0};
    struct ax_prediction **all = AX_NEW(&mem, struct ax_prediction *, l->n + 1);
    for (int i = 0; i < l->n; i++) all[i] = &l->slot[i].result;
    ax_region_suppress(all, l->n, m->is->iou_threshold, m->is->class_agnostic);
    ax_arena_free(&mem);
}

/* Results of whole pictures are the answers, one for each model that looks at them; their objects stay where they are. */
static void answer(const struct ax_cascade_model_run *m, struct ax_frame *f, const struct slot *s)
{
    int roots = m->run->roots;
    if (!f->answers) f->answers = AX_NEW(&f->mem, struct ax_answer, roots);
    struct ax_answer *a = &f->answers[f->n_answers++];
    *a = (struct ax_answer){.branch = roots > 1 ? m->is->name : NULL,
                            .pipe = ax_engine_is_float(m->engine) ? "float" : "int8",
                            .described = ax_post_steps(m->post) > 0,
                            .tensors = s->tensors,
                            .n_tensors = ax_engine_outputs(m->engine),
                            .result = s->result};
    a->result.mem = (struct ax_arena){0}; /* freed with the slot, which later stages read */
    f->fit = s->fit;
}

static enum ax_status wait_all(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_cascade_model_run *m = user;
    struct ax_frame *f = frames[0];
    struct looks *l = looks_of(f, m);
    (void)worker, (void)n;
    for (int i = 0, tries; i < requests_of(m, l->n); i++) {
        if (wait_request(m, f, &l->request[i], &tries, err)) {
            explain(m, f, i * m->batch, l->n, tries, err);
            if (m->run->opt.on_error == AX_RUNNER_STOP) return err->status;
            ax_frame_fail(f, err);
            atomic_fetch_add(&m->run->skipped, 1);
            return AX_OK;
        }
        for (int k = i * m->batch; k < l->n && k < (i + 1) * m->batch; k++)
            if (read_slot(m, f, &l->slot[k], err)) return err->status;
    }
    if (m->is->suppresses) suppress(m, l);
    for (int i = 0; i < l->n; i++)
        if (l->slot[i].parent) nest(f->more, m, &l->slot[i]);
    if (m->is->of < 0) answer(m, f, &l->slot[0]);
    return AX_OK;
}

/* Models of the whole picture are all asked before the first one's answer is waited for. */
int ax_cascade_flow_stages(struct ax_cascade_run *r, struct ax_flow_stage *out)
{
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        struct ax_cascade_model_run *m = &r->models[i];
        if (m->is->of < 0) out[n++] = (struct ax_flow_stage){.name = m->submit_name, .run = submit, .user = m};
    }
    for (int i = 0; i < r->n; i++) {
        struct ax_cascade_model_run *m = &r->models[i];
        if (m->is->of >= 0) out[n++] = (struct ax_flow_stage){.name = m->submit_name, .run = submit, .user = m};
        out[n++] = (struct ax_flow_stage){.name = m->wait_name, .run = wait_all, .user = m};
    }
    return n;
}

struct ax_engine_memory ax_cascade_memory(const struct ax_cascade_run *r)
{
    struct ax_engine_memory all = {0};
    for (int i = 0; i < r->n; i++) {
        struct ax_engine_memory m = ax_engine_memory(r->models[i].engine);
        all.weights_bytes += m.weights_bytes, all.activations_bytes += m.activations_bytes;
    }
    return all;
}

struct ax_runner_counts ax_cascade_failures(const struct ax_cascade_run *r)
{
    return (struct ax_runner_counts){r->timeouts, r->failures, r->retries, r->recovered, r->skipped};
}

int64_t ax_cascade_refused(const struct ax_cascade_run *r, int stage, struct ax_error *why)
{
    *why = r->models[stage].why_refused;
    return r->models[stage].refused;
}

int64_t ax_cascade_regions(const struct ax_cascade_run *r, int stage)
{
    return r->models[stage].regions;
}

int ax_cascade_cores(const struct ax_cascade_run *r, int stage, bool *shared)
{
    *shared = r->schedule != NULL;
    return r->models[stage].cores;
}

struct ax_schedule_counts ax_cascade_counts(const struct ax_cascade_run *r, int stage)
{
    return r->schedule ? ax_schedule_counts(r->schedule, stage) : (struct ax_schedule_counts){0};
}

struct ax_post *ax_cascade_post(const struct ax_cascade_run *r, int stage)
{
    return r->models[stage].post;
}

const struct ax_descriptor *ax_cascade_descriptor(const struct ax_cascade_run *r, int stage)
{
    return &r->models[stage].pipeline;
}
