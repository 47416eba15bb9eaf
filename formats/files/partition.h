/* partition.json: how a model is cut into a chain of segments, what crosses between them, and what each costs.
 * docs/schema/partition.schema.json describes it. Whoever runs segments needs `segments`, `tensors`, `inputs` and `outputs`:
 * a tensor goes, by its name and as raw bytes of its type, from the segment that gives it to those that read it. */
#ifndef AX_FILES_PARTITION_H
#define AX_FILES_PARTITION_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/types.h"

enum { AX_PARTITION_MAX_SEGMENTS = 16 };

struct ax_partition_range { /* of the graph's nodes, both ends included */
    int first, last;
};

struct ax_partition_segment {
    const char *file; /* relative to the folder of partition.json */
    int replicas;     /* cores that run it */
    int operations;
    int64_t macs, parameter_bytes;
    int64_t on_chip_bytes, remaining_bytes, off_chip_bytes; /* of parameters, on a core of the device */
    int64_t input_bytes, output_bytes;
    double compute, streaming, transfer, cost; /* in the partition's unit; cost has the call's overhead too */
    double measured_us;                        /* median; NaN: not measured */
    struct ax_partition_range *nodes;
    int n_nodes;
};

struct ax_partition_tensor {
    const char *name;
    enum ax_dtype dtype; /* as it crosses */
    struct ax_shape shape;
    int64_t bytes;
    int from; /* segment; -1: an input of the model */
    int to[AX_PARTITION_MAX_SEGMENTS], n_to;
    bool is_output; /* of the model, too */
};

struct ax_partition {
    const char *name;
    const char *source;      /* the compiled model, relative to the folder of partition.json */
    const char *source_hash; /* of its bytes */
    const char *by;          /* "size", "latency", "profile" or "cuts" */
    const char *device;
    const char *unit; /* of costs: "us" or "bytes" */
    struct ax_partition_segment *segments;
    int n_segments;
    struct ax_partition_tensor *tensors; /* that enter or cross; in the order of the graph */
    int n_tensors;
    const char **inputs, **outputs; /* the model's, in its order */
    int n_inputs, n_outputs;
    int64_t crossing_bytes;
    double bottleneck, lower_bound, gap; /* gap: (bottleneck - lower_bound) / bottleneck */
    bool exact;                          /* every cut was looked at */
    double measured_us;                  /* the slowest segment / its replicas; NaN: not measured */
    double balance;                      /* slowest / mean as measured; NaN */
    double noise;                        /* relative spread of the measurement; NaN */
};

/* For people (file: FILE *): the table of segments with the bottleneck; what crosses. */
void ax_partition_print(const struct ax_partition *p, void *file);
void ax_partition_print_crossing(const struct ax_partition *p, void *file);
const char *ax_partition_cost_text(const struct ax_partition *p, double cost, char buf[AX_BYTES_TEXT]); /* returns buf */

char *ax_partition_text(const struct ax_partition *p); /* from malloc */
/* Whether the file says that it is a partition, whatever its name. */
bool ax_partition_is(const char *path);
/* Everything read is in mem. Checked: ranges of numbers, names of files (inside the folder), tensors run forwards. */
enum ax_status ax_partition_read(const char *path, struct ax_partition *p, struct ax_arena *mem, struct ax_error *err);
enum ax_status ax_partition_parse(const char *json, size_t bytes, const char *file, struct ax_partition *p,
                                  struct ax_arena *mem, struct ax_error *err);

#endif
