/* Simulated devices: a chip known by its description computes the bits that the cpu computes, and counts the time that it would
 * take. docs/simulation.md says how. Included by axon/axon.h.
 *
 *     struct ax_device_desc chip = {.name = "mine", .cores = 4, .clock_hz = 8e8, .int8_macs_per_cycle = 4096};
 *     ax_context_simulate(context, &chip, &err);
 *     ax_connect(context, "sim:mine", 0, &connection, &err);
 *     ...                                       run instances or pipelines on it
 *     ns = ax_connection_time_ns(connection);   virtual time since it was made */
#ifndef AXON_SIM_H
#define AXON_SIM_H

#ifndef AXON_AXON_H
#include "axon/axon.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef AX_DEVICE_DESC_DEFINED
#define AX_DEVICE_DESC_DEFINED
/* Steps of that name take `scale` times what the figures say. */
struct ax_device_scale {
    const char *step;
    double scale;
};

/* A rate of 0 means: takes no time. */
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

/* From now on the context has a device "sim:NAME". The description is copied. AX_INVALID_ARGUMENT when it has one of that
 * name, or when numbers make no sense. */
enum ax_status ax_context_simulate(struct ax_context *c, const struct ax_device_desc *chip, struct ax_error *err);

#ifdef __cplusplus
}
#endif

#endif
