/* A simulated chip: programs run on the executor, on one thread wherever the system puts it, and give the bits they give
 * everywhere; what they would take is counted by sim_line.c from the chip's description. Nothing is leased: every process has
 * chips of its own. */
#include "api/internal.h"
#include "base/status.h"

static enum ax_status connect_cores(struct ax_connection *c, int cores, struct ax_error *err)
{
    int all = c->chip->cores;
    if (cores > all)
        return ax_fail(err, AX_BUSY, "device 'sim:%s' has %d core%s; %d asked for. Ask for fewer", c->chip->name, all,
                       all == 1 ? "" : "s", cores);
    c->n = cores ? cores : all;
    for (int i = 0; i < c->n; i++) c->cores[i] = i;
    return AX_OK;
}

static void disconnect(struct ax_connection *c)
{
    (void)c;
}

static enum ax_status lane_new(struct ax_connection *c, const struct ax_program *p, const struct ax_lane_options *opt,
                               struct ax_lane *out, struct ax_error *err)
{
    struct ax_lane_options one = {.threads = 1, .like = opt->like, .windows = opt->windows, .n_windows = opt->n_windows};
    *out = (struct ax_lane){0};
    if (opt->threads > 1 && c->chip->cooperation <= 0)
        return ax_fail(err, AX_UNSUPPORTED,
                       "%d cores of 'sim:%s' cannot work on one sample. Give each one core: use a batch, several instances, or "
                       "segments",
                       opt->threads, c->chip->name);
    return ax_cpu_device.lane_new(c, p, &one, out, err);
}

const struct ax_device_type ax_sim_device = {"sim", connect_cores, disconnect, lane_new, false, false};
