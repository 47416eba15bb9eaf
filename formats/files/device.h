/* Description of a device, for cost models and for simulation: what a core computes, holds and moves.
 * docs/schema/device.schema.json describes the file. The struct and the cost of a step are in axformats; reading the JSON in
 * axfiles. */
#ifndef AX_FILES_DEVICE_H
#define AX_FILES_DEVICE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "program/program.h"

#ifndef AX_DEVICE_DESC_DEFINED /* axon/sim.h says the same */
#define AX_DEVICE_DESC_DEFINED
/* Steps of that name take `scale` times what the figures say. */
struct ax_device_scale {
    const char *step;
    double scale;
};

struct ax_device_desc {
    const char *name, *description;
    int cores;
    double clock_hz;
    double int8_macs_per_cycle;      /* a core: products with weights */
    double depthwise_macs_per_cycle; /* of depthwise convolutions */
    double float_macs_per_cycle;
    int64_t on_chip_bytes;           /* a core: weights that stay */
    double on_chip_bytes_per_second; /* activations that steps read and write */
    double stream_bytes_per_second;  /* weights that do not fit, each run */
    double in_bytes_per_second;      /* tensors into a stage */
    double out_bytes_per_second;     /* and out of it */
    double step_seconds;             /* overhead of a step */
    double call_seconds;             /* overhead of running a stage once */
    double cooperation;              /* what a second, third... core adds to the first in one run, 0 (none can) to 1 */
    int shared_link, shared_memory;  /* 1: in and out, and streaming, are one for all cores, who wait for each other */
    const struct ax_device_scale *scales;
    int n_scales;
};
#endif

/* One core of an ordinary processor; fixed figures, the same everywhere. */
extern const struct ax_device_desc ax_device_cpu;

/* Picoseconds of a step with its weights on chip. */
int64_t ax_device_step_ps(const struct ax_device_desc *d, const struct ax_program *p, const struct ax_step *s);
/* Bytes of its weights and biases, as the model has them: without padding and tables. */
int64_t ax_device_step_params(const struct ax_program *p, const struct ax_step *s);

/* One run of a program on `cores` cores, in picoseconds: one part after another, as the partitioner counts them. */
struct ax_device_run {
    int64_t call, in, stream, compute, out;
};
struct ax_device_run ax_device_run_of(const struct ax_device_desc *d, const struct ax_program *p, int cores);
static inline int64_t ax_device_run_ps(const struct ax_device_run *r)
{
    return r->call + r->in + r->stream + r->compute + r->out;
}
/* Folders with descriptions by name, the first ones first; NULL: there is none. */
enum { AX_DEVICE_PLACES = 4 };
const char *ax_device_place(int i, struct ax_arena *mem);
/* Femtoseconds a byte at a rate; 0 for a rate of 0, which means "takes no time". */
int64_t ax_device_fs_per_byte(double bytes_per_second);
static inline int64_t ax_device_ps(double seconds)
{
    return (int64_t)(seconds * 1e12 + 0.5);
}

/* Everything read is in mem. Fields that the file leaves out are those of ax_device_cpu. */
enum ax_status ax_device_read(const char *path, struct ax_device_desc *d, struct ax_arena *mem, struct ax_error *err);
enum ax_status ax_device_parse(const char *json, size_t bytes, const char *file, struct ax_device_desc *d, struct ax_arena *mem,
                               struct ax_error *err);
/* What --device says: "cpu"; or sim:NAME, NAME or a path of a description. NAME.json is looked for in $AXON_DEVICES, in
 * models/devices, and where the tools are installed. *simulated: whether "sim:" stood before it. */
enum ax_status ax_device_find(const char *what, struct ax_device_desc *d, bool *simulated, struct ax_arena *mem,
                              struct ax_error *err);
char *ax_device_text(const struct ax_device_desc *d, const char *const *sources); /* the JSON, from malloc */

#endif
