/* Compiled models as stages: a lane of the device for each replica, on leased cores. The program is shared with the model;
 * operands and planes are the stage's own, since wiring may lay inputs elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "pipeline/internal.h"

/* Between two looks at the watch: about a millisecond. */
enum { MACS_A_SLICE = 50000000 };

struct watched { /* a replica whose steps are shown */
    ax_request_hook *hook;
    void *ctx;
    uint64_t request;
    int64_t clock_ps; /* of a simulated device */
};

struct model_stage {
    struct ax_model *model;
    struct ax_connection *connection;
    struct ax_program program;
    struct ax_arena mem;
    int cores_each, replicas, n_cores, *cores;
    bool pin;
    struct ax_lane *lanes; /* of the replicas, then guests on other stages' threads */
    int n_lanes;
    struct watched *watched; /* by lane */
    const struct ax_window *windows;
    int n_windows;
    int *slices, n_slices; /* last step of each, exclusive */
};

static enum ax_status run_slices(const struct model_stage *m, const struct ax_lane *e, const struct pl_call *c,
                                 struct ax_error *err)
{
    for (int i = 0, first = 0; i < m->n_slices; first = m->slices[i++]) {
        if (pl_stopped(&c->watch)) return ax_fail(err, AX_CANCELLED, "stopped before step %d", first);
        e->type->run(e->self, first, m->slices[i]);
    }
    return AX_OK;
}

static enum ax_status give_output(const struct ax_lane *e, int i, const struct pl_output *o, struct ax_error *err)
{
    if (o->wire.data && !o->wire.bound && e->type->get_output(e->self, i, o->wire.data, o->wire.dtype, err)) return err->status;
    return o->user.data ? e->type->get_output(e->self, i, o->user.data, o->user.dtype, err) : AX_OK;
}

/* What the chip would take, from the end of what was shown before. */
static void show_simulated(const struct model_stage *m, struct watched *w)
{
    const struct ax_device_desc *chip = m->connection->chip;
    double faster = 1 + (m->cores_each - 1) * chip->cooperation;
    for (int i = 0; i < m->program.n_steps; i++) {
        int64_t begin = w->clock_ps;
        w->clock_ps += (int64_t)((double)ax_device_step_ps(chip, &m->program, &m->program.steps[i]) / faster);
        w->hook(w->ctx, w->request, i, begin / 1000, w->clock_ps / 1000);
    }
}

static enum ax_status run(void *self, const struct pl_call *c, struct ax_error *err)
{
    struct model_stage *m = self;
    const struct ax_lane *e = &m->lanes[c->replica];
    struct watched *w = &m->watched[c->replica];
    enum ax_status s = AX_OK;
    w->request = c->request;
    for (int i = 0; i < m->n_windows; i++) e->type->window(e->self, i, c->windows[i]);
    for (int i = 0; i < m->program.n_inputs && !s; i++)
        if (!c->in[i].bound) s = e->type->set_input(e->self, i, c->in[i].data, c->in[i].dtype, err);
    if (!s) s = run_slices(m, e, c, err);
    if (!s && w->hook && m->connection->chip) show_simulated(m, w);
    for (int i = 0; i < m->program.n_outputs && !s; i++) s = give_output(e, i, &c->out[i], err);
    return s;
}

static void release(void *self)
{
    struct model_stage *m = self;
    if (!m) return;
    for (int i = 0; i < m->n_lanes; i++) ax_lane_free(&m->lanes[i]);
    if (m->n_cores) ax_connection_give_back(m->connection, m->cores, m->n_cores, 0);
    free(m->lanes);
    free(m->watched);
    free(m->cores);
    free(m->slices);
    ax_arena_free(&m->mem);
    ax_model_free(m->model);
    ax_connection_free(m->connection);
    free(m);
}

static enum ax_status cut_slices(struct model_stage *m, struct ax_error *err)
{
    int64_t macs = 0;
    m->slices = calloc((size_t)m->program.n_steps + 1, sizeof *m->slices);
    if (!m->slices) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    for (int i = 0; i < m->program.n_steps; i++) {
        macs += m->program.steps[i].macs;
        if (macs < MACS_A_SLICE && i + 1 < m->program.n_steps) continue;
        m->slices[m->n_slices++] = i + 1;
        macs = 0;
    }
    return AX_OK;
}

static enum ax_status start(void *self, const struct ax_window *windows, int n, struct ax_error *err)
{
    struct model_stage *m = self;
    m->windows = windows;
    m->n_windows = n;
    m->lanes = calloc((size_t)m->replicas, sizeof *m->lanes);
    m->watched = calloc((size_t)m->replicas, sizeof *m->watched);
    if (!m->lanes || !m->watched) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    for (; m->n_lanes < m->replicas; m->n_lanes++) {
        int i = m->n_lanes;
        struct ax_lane_options o = {.threads = m->cores_each,
                                    .pin = m->pin,
                                    .cores = m->cores + i * m->cores_each,
                                    .like = i ? &m->lanes[0] : NULL,
                                    .windows = windows,
                                    .n_windows = n};
        if (m->connection->type->lane_new(m->connection, &m->program, &o, &m->lanes[i], err)) return err->status;
    }
    return cut_slices(m, err);
}

/* Cores that stages share are never idle for one of them alone. */
static enum ax_status guest(void *self, void *host, int host_replica, int *replica, struct ax_error *err)
{
    struct model_stage *m = self, *h = host;
    *replica = -1;
    if (!m->n_cores || !h->n_cores || !m->connection->type->lends || m->connection != h->connection) return AX_OK;
    struct ax_lane *lanes = realloc(m->lanes, sizeof *lanes * (size_t)(m->n_lanes + 1));
    if (lanes) m->lanes = lanes;
    struct watched *watched = realloc(m->watched, sizeof *watched * (size_t)(m->n_lanes + 1));
    if (watched) m->watched = watched;
    if (!lanes || !watched) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    struct ax_lane_options o = {
        .on = &h->lanes[host_replica], .like = &m->lanes[0], .windows = m->windows, .n_windows = m->n_windows};
    if (m->connection->type->lane_new(m->connection, &m->program, &o, &m->lanes[m->n_lanes], err)) return err->status;
    m->watched[m->n_lanes] = (struct watched){0};
    *replica = m->n_lanes++;
    return AX_OK;
}

static struct ax_program *program(void *self)
{
    return &((struct model_stage *)self)->program;
}

static void describe(void *self, struct ax_sim_stage *out)
{
    const struct model_stage *m = self;
    out->run = ax_device_run_of(m->connection->chip, &m->program, m->cores_each);
    out->cores = m->cores;
    out->cores_each = m->cores_each;
}

static void take_step(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct watched *w = ctx;
    w->hook(w->ctx, w->request, step, begin_ns, end_ns);
}

static void set_hook(void *self, int replica, ax_request_hook *hook, void *ctx)
{
    struct model_stage *m = self;
    struct ax_lane *l = &m->lanes[replica];
    m->watched[replica] = (struct watched){hook, ctx, 0, 0};
    if (!m->connection->chip) l->type->set_hook(l->self, hook ? take_step : NULL, &m->watched[replica]);
}

static const char *kernel_name(void *self, int step)
{
    struct model_stage *m = self;
    return m->lanes[0].type->kernel_name(m->lanes[0].self, step);
}

static int cores_of(void *self, int replica, int *out, int max)
{
    const struct model_stage *m = self;
    for (int i = 0; i < m->cores_each && i < max; i++) out[i] = m->cores[replica * m->cores_each + i];
    return m->cores_each;
}

static const struct pl_worker_type type = {.start = start,
                                           .run = run,
                                           .free = release,
                                           .program = program,
                                           .describe = describe,
                                           .set_hook = set_hook,
                                           .kernel_name = kernel_name,
                                           .cores = cores_of,
                                           .guest = guest,
                                           .converts = true};

static void copy_operands(struct model_stage *m)
{
    struct ax_program *p = &m->program;
    p->operands = ax_arena_copy(&m->mem, p->operands, sizeof *p->operands * (size_t)p->n_operands);
    for (int i = 0; i < p->n_operands; i++) {
        struct ax_operand *o = &p->operands[i];
        if (o->n_planes) o->planes = ax_arena_copy(&m->mem, o->planes, sizeof *o->planes * (size_t)o->n_planes);
    }
}

static enum ax_status too_few_cores(const struct model_stage *m, int want, struct ax_error *err)
{
    return ax_fail(err, AX_BUSY,
                   "it needs %d cores (%d replica%s on %d each); the connection has %d of its %d left. Use fewer replicas or "
                   "cores, connect with more, or let stages share cores",
                   want, m->replicas, m->replicas == 1 ? "" : "s", m->cores_each, ax_connection_free_cores(m->connection),
                   ax_connection_cores(m->connection, NULL, 0));
}

/* Cores of its own; else, where that is allowed, those of the connection in turn. */
static enum ax_status take_cores(struct model_stage *m, struct ax_pipeline *p, struct ax_error *err)
{
    int want = m->replicas * m->cores_each, all[AX_MAX_CORES];
    m->cores = calloc((size_t)want, sizeof *m->cores);
    if (!m->cores) return ax_fail(err, AX_NO_MEMORY, "no memory for %d cores", want);
    if (ax_connection_take(m->connection, want, 0, m->cores) == 0) {
        m->n_cores = want;
        return AX_OK;
    }
    int n = ax_connection_cores(m->connection, all, AX_MAX_CORES);
    if (!p->opt.share_cores || m->cores_each > n) return too_few_cores(m, want, err);
    for (int i = 0; i < want; i++) m->cores[i] = all[p->shared_cores++ % n];
    return AX_OK;
}

enum ax_status pl_model_worker(struct ax_connection *c, const struct ax_stage *s, struct ax_pipeline *p, struct pl_worker *out,
                               struct ax_error *err)
{
    if (!c) return ax_fail(err, AX_INVALID_ARGUMENT, "a stage that is a model needs a connection");
    if (s->model->program->n_inputs < 1) return ax_fail(err, AX_UNSUPPORTED, "a model without inputs cannot be a stage");
    struct model_stage *m = calloc(1, sizeof *m);
    if (!m) return ax_fail(err, AX_NO_MEMORY, "no memory for a stage");
    m->model = s->model;
    m->connection = c;
    m->program = *s->model->program;
    m->cores_each = s->cores;
    m->replicas = s->replicas;
    m->pin = p->opt.pin;
    ax_model_hold(m->model);
    ax_connection_hold(c);
    copy_operands(m);
    *out = (struct pl_worker){&type, m, m->model->inputs, m->model->outputs, m->program.n_inputs, m->program.n_outputs};
    return take_cores(m, p, err);
}
