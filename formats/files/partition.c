#include "files/partition.h"

#include <math.h>

/* -- writing -- */

static void write_texts(struct ax_json_writer *w, const char *key, const char **list, int n)
{
    ax_jw_array(w, key);
    ax_jw_line(w);
    for (int i = 0; i < n; i++) ax_jw_text(w, NULL, list[i]);
    ax_jw_end(w);
}

static void write_measured(struct ax_json_writer *w, const char *key, double v)
{
    if (!isnan(v)) ax_jw_double(w, key, v);
}

static void write_segment(struct ax_json_writer *w, const struct ax_partition_segment *s)
{
    ax_jw_object(w, NULL);
    ax_jw_text(w, "file", s->file);
    ax_jw_int(w, "replicas", s->replicas);
    ax_jw_int(w, "operations", s->operations);
    ax_jw_int(w, "macs", s->macs);
    ax_jw_int(w, "parameter_bytes", s->parameter_bytes);
    ax_jw_int(w, "on_chip_bytes", s->on_chip_bytes);
    ax_jw_int(w, "remaining_bytes", s->remaining_bytes);
    ax_jw_int(w, "off_chip_bytes", s->off_chip_bytes);
    ax_jw_int(w, "input_bytes", s->input_bytes);
    ax_jw_int(w, "output_bytes", s->output_bytes);
    ax_jw_double(w, "compute", s->compute);
    ax_jw_double(w, "streaming", s->streaming);
    ax_jw_double(w, "transfer", s->transfer);
    ax_jw_double(w, "cost", s->cost);
    write_measured(w, "measured_us", s->measured_us);
    ax_jw_array(w, "nodes");
    ax_jw_line(w);
    for (int i = 0; i < s->n_nodes; i++) ax_jw_ints32(w, NULL, (int32_t[]){s->nodes[i].first, s->nodes[i].last}, 2);
    ax_jw_end(w);
    ax_jw_end(w);
}

static void write_tensor(struct ax_json_writer *w, const struct ax_partition_tensor *t)
{
    ax_jw_object(w, NULL);
    ax_jw_line(w);
    ax_jw_text(w, "name", t->name);
    ax_jw_text(w, "type", ax_dtype_text(t->dtype));
    ax_jw_ints(w, "shape", t->shape.dim, t->shape.rank);
    ax_jw_int(w, "bytes", t->bytes);
    ax_jw_int(w, "from", t->from);
    ax_jw_ints32(w, "to", t->to, t->n_to);
    ax_jw_bool(w, "output", t->is_output);
    ax_jw_end(w);
}

static bool crosses(const struct ax_partition_tensor *t, int cut)
{
    return t->from >= 0 && t->from <= cut && t->n_to && t->to[t->n_to - 1] > cut;
}

/* What is alive between segment k and the next: for people; a reader finds it in the tensors. */
static void write_cuts(struct ax_json_writer *w, const struct ax_partition *p)
{
    ax_jw_array(w, "cuts");
    for (int k = 0; k + 1 < p->n_segments; k++) {
        int64_t bytes = 0;
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_int(w, "after", k);
        ax_jw_array(w, "tensors");
        for (int i = 0; i < p->n_tensors; i++)
            if (crosses(&p->tensors[i], k)) {
                bytes += p->tensors[i].bytes;
                ax_jw_text(w, NULL, p->tensors[i].name);
            }
        ax_jw_end(w);
        ax_jw_int(w, "bytes", bytes);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

char *ax_partition_text(const struct ax_partition *p)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "format", "axon-partition");
    ax_jw_int(w, "version", 1);
    ax_jw_text(w, "name", p->name);
    ax_jw_text(w, "source", p->source);
    ax_jw_text(w, "source_hash", p->source_hash);
    ax_jw_text(w, "by", p->by);
    ax_jw_text(w, "device", p->device);
    ax_jw_text(w, "unit", p->unit);
    ax_jw_int(w, "num_segments", p->n_segments);
    ax_jw_double(w, "bottleneck", p->bottleneck);
    ax_jw_double(w, "lower_bound", p->lower_bound);
    ax_jw_double(w, "gap", p->gap);
    ax_jw_bool(w, "exact", p->exact);
    ax_jw_int(w, "crossing_bytes", p->crossing_bytes);
    write_measured(w, "measured_us", p->measured_us);
    write_measured(w, "balance", p->balance);
    write_measured(w, "noise", p->noise);
    write_texts(w, "inputs", p->inputs, p->n_inputs);
    write_texts(w, "outputs", p->outputs, p->n_outputs);
    write_cuts(w, p);
    ax_jw_array(w, "segments");
    for (int i = 0; i < p->n_segments; i++) write_segment(w, &p->segments[i]);
    ax_jw_end(w);
    ax_jw_array(w, "tensors");
    for (int i = 0; i < p->n_tensors; i++) write_tensor(w, &p->tensors[i]);
    ax_jw_end(w);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
