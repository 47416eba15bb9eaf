/* The processor's own cores, leased against other processes; programs run on the executor. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/status.h"
#include "kernels/cpu.h"

/* -- cores -- */

static void disconnect(struct ax_connection *c)
{
    for (int i = 0; i < c->n; i++) close(c->lease[i]);
}

static int candidates_of(const struct ax_connection *c, int *out)
{
    if (!c->n_only) return ax_lease_candidates(out);
    memcpy(out, c->only, (size_t)c->n_only * sizeof *out);
    return c->n_only;
}

/* Takes up to `cores` leases (0: all there are) and says who has the first one that is missing. */
static enum ax_status take_leases(struct ax_connection *c, int cores, int *all, int *holder, struct ax_error *err)
{
    int candidates[AX_MAX_CORES], want;
    *all = candidates_of(c, candidates);
    want = cores ? cores : *all;
    for (int i = 0; i < *all && c->n < want; i++) {
        int who = 0, fd = ax_lease_take(candidates[i], &who, err);
        if (fd == -2) return err->status;
        if (fd == -1) {
            if (!*holder) *holder = who;
            continue;
        }
        c->cores[c->n] = candidates[i];
        c->lease[c->n++] = fd;
    }
    return AX_OK;
}

static enum ax_status too_few(const struct ax_connection *c, int cores, int all, int holder, struct ax_error *err)
{
    char who[64] = "";
    if (holder == getpid())
        strcpy(who, "; another connection of this process holds some");
    else if (holder)
        snprintf(who, sizeof who, "; process %d holds some", holder);
    return ax_fail(err, AX_BUSY,
                   "device '%s' has %d core%s, of which %d %s free; %d asked for%s. Ask for fewer, or free the others first",
                   c->device, all, all == 1 ? "" : "s", c->n, c->n == 1 ? "is" : "are", cores ? cores : 1, who);
}

static enum ax_status connect_cores(struct ax_connection *c, int cores, struct ax_error *err)
{
    int all = 0, holder = 0;
    if (c->n_only && cores > c->n_only)
        return ax_fail(err, AX_INVALID_ARGUMENT, "device '%s' names %d core%s; %d asked for", c->device, c->n_only,
                       c->n_only == 1 ? "" : "s", cores);
    enum ax_status s = take_leases(c, cores, &all, &holder, err);
    if (!cores) cores = c->n_only; /* what is named is wanted */
    return !s && (c->n == 0 || c->n < cores) ? too_few(c, cores, all, holder, err) : s;
}

/* -- lanes -- */

static enum ax_status set_input(void *lane, int input, const void *data, enum ax_dtype t, struct ax_error *err)
{
    return ax_exec_set_input(lane, input, data, t, NULL, err);
}

static enum ax_status get_output(void *lane, int output, void *data, enum ax_dtype t, struct ax_error *err)
{
    return ax_exec_get_output(lane, output, data, t, NULL, err);
}

static void set_window(void *lane, int window, uint8_t *data)
{
    ax_exec_window(lane, window, data);
}

static void run(void *lane, int first, int last)
{
    ax_exec_run(lane, first, last, NULL);
}

static void set_hook(void *lane, ax_step_hook *hook, void *ctx)
{
    ax_exec_set_hook(lane, hook, ctx);
}

static const char *kernel_name(void *lane, int step)
{
    return ax_exec_kernel_name(lane, step);
}

static void free_lane(void *lane)
{
    ax_exec_free(lane);
}

static const struct ax_lane_type lane_type = {set_input, get_output, set_window, run, set_hook, kernel_name, free_lane};

static enum ax_status lane_new(struct ax_connection *c, const struct ax_program *p, const struct ax_lane_options *opt,
                               struct ax_lane *out, struct ax_error *err)
{
    struct ax_exec_options e = {.threads = opt->threads,
                                .pin = opt->pin,
                                .cores = opt->cores,
                                .pool = opt->on ? ax_exec_pool(opt->on->self) : NULL,
                                .like = opt->like ? opt->like->self : NULL,
                                .windows = opt->windows,
                                .n_windows = opt->n_windows};
    struct ax_exec *exec;
    (void)c;
    enum ax_status s = ax_exec_new(p, &e, &exec, err);
    *out = s ? (struct ax_lane){0} : (struct ax_lane){&lane_type, exec};
    return s;
}

const struct ax_device_type ax_cpu_device = {"cpu", connect_cores, disconnect, lane_new, true, true};

/* -- what it is -- */

static int count_free(void)
{
    int cores[AX_MAX_CORES], n = ax_lease_candidates(cores), free_cores = 0, holder;
    struct ax_error ignored;
    for (int i = 0; i < n; i++) {
        int fd = ax_lease_take(cores[i], &holder, &ignored);
        if (fd < 0) continue;
        free_cores++;
        close(fd);
    }
    return free_cores;
}

static char cpu_text[128];

static void write_cpu_text(void)
{
    char names[96];
    ax_cpu_text(ax_cpu_features(), names, sizeof names);
    snprintf(cpu_text, sizeof cpu_text, "processor with %s", names);
}

void ax_cpu_describe(struct ax_device *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int cores[AX_MAX_CORES];
    pthread_once(&once, write_cpu_text);
    *out = (struct ax_device){"cpu", cpu_text, ax_lease_candidates(cores), count_free(), ax_cpu_caches().l2};
}
