#include "files/profile.h"

enum { MAX_BYTES = 64 << 20, MAX_STEPS = 1000000 };
static const double longest_us = 1e12;

/* -- writing -- */

static void write_step(struct ax_json_writer *w, const struct ax_profile_step *s)
{
    ax_jw_object(w, NULL);
    ax_jw_line(w);
    ax_jw_text(w, "name", s->name);
    if (s->segment) ax_jw_text(w, "segment", s->segment);
    ax_jw_text(w, "kind", s->kind);
    ax_jw_text(w, "kernel", s->kernel);
    ax_jw_int(w, "node", s->node);
    ax_jw_int(w, "macs", s->macs);
    ax_jw_double(w, "median_us", s->median_us);
    ax_jw_double(w, "min_us", s->min_us);
    ax_jw_double(w, "p95_us", s->p95_us);
    ax_jw_double(w, "share", s->share);
    ax_jw_end(w);
}

void ax_profile_write_steps(struct ax_json_writer *w, const char *key, const struct ax_profile *p)
{
    ax_jw_array(w, key);
    for (int i = 0; i < p->n_steps; i++) write_step(w, &p->steps[i]);
    ax_jw_end(w);
}

char *ax_profile_text(const struct ax_profile *p)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "format", "axon-profile");
    ax_jw_int(w, "version", 1);
    ax_jw_text(w, "model", p->model);
    ax_jw_object(w, "device");
    ax_jw_line(w);
    ax_jw_text(w, "name", p->device);
    ax_jw_text(w, "features", p->features);
    ax_jw_int(w, "cores", p->cores);
    ax_jw_end(w);
    ax_jw_int(w, "count", p->count);
    ax_jw_double(w, "latency_ms", p->latency_ms);
    ax_jw_double(w, "total_us", p->total_us);
    ax_jw_int(w, "weights_bytes", p->weights_bytes);
    ax_jw_int(w, "activations_bytes", p->activations_bytes);
    ax_profile_write_steps(w, "steps", p);
    ax_jw_end(w);
    return ax_jw_finish(w);
}

/* -- reading -- */

static const char *text_of(struct ax_json j, struct ax_arena *mem)
{
    return ax_arena_str(mem, ax_json_text(j, ""));
}

static void read_step(struct ax_json j, struct ax_profile_step *s, struct ax_arena *mem)
{
    s->name = text_of(ax_json_need(j, "name"), mem);
    s->kind = text_of(ax_json_need(j, "kind"), mem);
    s->kernel = text_of(ax_json_get(j, "kernel"), mem);
    s->node = (int)ax_json_int(ax_json_get(j, "node"), -1, INT32_MAX, -1);
    s->macs = ax_json_int(ax_json_get(j, "macs"), 0, INT64_MAX, 0);
    s->median_us = ax_json_number(ax_json_need(j, "median_us"), 0, longest_us, 0);
    s->min_us = ax_json_number(ax_json_get(j, "min_us"), 0, longest_us, s->median_us);
    s->p95_us = ax_json_number(ax_json_get(j, "p95_us"), 0, longest_us, s->median_us);
    struct ax_json segment = ax_json_get(j, "segment");
    s->segment = ax_json_there(segment) ? text_of(segment, mem) : NULL;
    s->share = ax_json_number(ax_json_get(j, "share"), 0, 1, 0);
}

static void read_device(struct ax_json j, struct ax_profile *p, struct ax_arena *mem)
{
    p->device = text_of(ax_json_need(j, "name"), mem);
    p->features = text_of(ax_json_get(j, "features"), mem);
    p->cores = (int)ax_json_int(ax_json_need(j, "cores"), 1, 65536, 1);
}

static void read_all(struct ax_json root, struct ax_profile *p, struct ax_arena *mem)
{
    static const char *const formats[] = {"axon-profile", NULL};
    ax_json_word(ax_json_need(root, "format"), formats, 0);
    ax_json_int(ax_json_need(root, "version"), 1, 1, 1);
    p->model = text_of(ax_json_need(root, "model"), mem);
    read_device(ax_json_need(root, "device"), p, mem);
    p->count = ax_json_int(ax_json_get(root, "count"), 1, INT64_MAX, 1);
    p->latency_ms = ax_json_number(ax_json_get(root, "latency_ms"), 0, longest_us, 0);
    p->weights_bytes = ax_json_int(ax_json_get(root, "weights_bytes"), 0, INT64_MAX, 0);
    p->activations_bytes = ax_json_int(ax_json_get(root, "activations_bytes"), 0, INT64_MAX, 0);
    struct ax_json steps = ax_json_need(root, "steps");
    p->n_steps = ax_json_count(steps);
    if (p->n_steps > MAX_STEPS) ax_json_fail(steps, "has %d steps; at most %d are expected", p->n_steps, MAX_STEPS);
    if (ax_json_status(root.doc)) return;
    p->steps = AX_NEW(mem, struct ax_profile_step, p->n_steps);
    for (int i = 0; i < p->n_steps; i++) {
        read_step(ax_json_at(steps, i), &p->steps[i], mem);
        p->total_us += p->steps[i].median_us;
    }
}

enum ax_status ax_profile_parse(const char *json, size_t bytes, const char *file, struct ax_profile *p, struct ax_arena *mem,
                                struct ax_error *err)
{
    struct ax_json_doc doc;
    *p = (struct ax_profile){0};
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    if (!s) {
        read_all(ax_json_root(&doc), p, mem);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    return s;
}

enum ax_status ax_profile_read(const char *path, struct ax_profile *p, struct ax_arena *mem, struct ax_error *err)
{
    struct ax_json_doc doc;
    *p = (struct ax_profile){0};
    enum ax_status s = ax_json_open(path, MAX_BYTES, &doc, err);
    if (!s) {
        read_all(ax_json_root(&doc), p, mem);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    return s;
}
