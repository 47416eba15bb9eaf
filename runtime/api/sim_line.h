/* Virtual time of a simulated device: when each stage of a line does each request. An instance is a line of one stage with a
 * lane for each sample of its batch; a pipeline is a line of its stages.
 *
 * Events are the starts and ends of runs, and of the transfers in them. Requests are entered in their order, and an older one
 * goes first wherever two want the same thing: a core, or a link or memory that all cores share. What the older one left free
 * the younger one takes, also before it. So the times depend on the requests' order and on nothing that happens here:
 *
 *     pushed  when the input queue has room; the host that pushes is always ready to (see ax_sim_request)
 *     start   every stage before it has done the request, a core is free, readers let go of the buffers it writes
 *     run     call, inputs over the link, parameters that are not on chip, steps, outputs over the link
 *
 * Times are in picoseconds. */
#ifndef AX_API_SIM_LINE_H
#define AX_API_SIM_LINE_H

#include <stdbool.h>

#include "files/device.h"

struct ax_sim_hold { /* a buffer that a stage writes: request r waits until `reader` has done request r - slots */
    int reader;      /* -1: who takes results */
    int slots;
};

struct ax_sim_stage {
    struct ax_device_run run;
    int replicas, cores_each; /* cores: replicas x cores_each numbers; 0 cores: takes no time */
    const int *cores;
    const int *before; /* stages whose outputs it reads; none: it reads what was pushed */
    int n_before;
    const struct ax_sim_hold *holds;
    int n_holds;
};

struct ax_sim_times {           /* of a request in a stage */
    int64_t inputs, start, end; /* when it could have started but for cores and buffers; and when it did */
    int64_t idle;               /* of the core before `start`, since its last run in this stage */
    int64_t starved;            /* share of idle in which the inputs were missing */
    int queue;                  /* older requests that were not started when its inputs came */
};

struct ax_sim_line;

/* order: stage numbers, each behind those it reads from. depth: requests that can be under way. Everything is copied. NULL: no
 * memory. */
struct ax_sim_line *ax_sim_line_new(const struct ax_device_desc *chip, const struct ax_sim_stage *stages, int n_stages,
                                    const int *order, int depth, int input_queue);
void ax_sim_line_free(struct ax_sim_line *l); /* NULL is fine */

/* The next request. alone: nothing was under way when it was pushed, so that it cannot have been pushed before the results of
 * all others were there. times: by stage. Returns when it is done; *pushed when it was pushed. */
int64_t ax_sim_request(struct ax_sim_line *l, bool alone, struct ax_sim_times *times, int64_t *pushed);
int64_t ax_sim_now(const struct ax_sim_line *l); /* when the last one was done */

#endif
