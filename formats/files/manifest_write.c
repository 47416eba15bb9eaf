#include <math.h>

#include "files/container.h"
#include "files/manifest.h"

/* One scale as a number, several as a list. */
static void write_quant(struct ax_json_writer *w, const struct ax_quant *q)
{
    if (!q->count) {
        ax_jw_null(w, "scale");
        ax_jw_null(w, "zero_point");
    } else if (q->count == 1) {
        ax_jw_float(w, "scale", q->scale[0]);
        ax_jw_int(w, "zero_point", q->zero_point[0]);
    } else {
        ax_jw_floats(w, "scale", q->scale, q->count);
        ax_jw_ints32(w, "zero_point", q->zero_point, q->count);
        ax_jw_int(w, "axis", q->axis);
    }
}

static void write_port(struct ax_json_writer *w, const struct ax_manifest_port *p)
{
    int32_t padding[4] = {p->padding[0], p->padding[1], p->padding[2], p->padding[3]};
    ax_jw_object(w, NULL);
    ax_jw_text(w, "name", p->name);
    ax_jw_ints(w, "shape", p->shape.dim, p->shape.rank);
    ax_jw_text(w, "type", ax_dtype_text(p->dtype));
    ax_jw_text(w, "layout", p->layout);
    write_quant(w, &p->quant);
    ax_jw_object(w, "stored");
    ax_jw_line(w);
    ax_jw_text(w, "type", ax_dtype_text(p->stored));
    ax_jw_text(w, "layout", p->stored_layout);
    ax_jw_ints(w, "shape", p->stored_shape.dim, p->stored_shape.rank);
    ax_jw_ints32(w, "padding", padding, 4);
    ax_jw_int(w, "channel_padding", p->channel_pad);
    ax_jw_end(w);
    ax_jw_end(w);
}

void ax_manifest_write_ports(struct ax_json_writer *w, const char *key, const struct ax_manifest_port *p, int count)
{
    ax_jw_array(w, key);
    for (int i = 0; i < count; i++) write_port(w, &p[i]);
    ax_jw_end(w);
}

static void write_texts(struct ax_json_writer *w, const char *key, const char **v, int count)
{
    ax_jw_array(w, key);
    for (int i = 0; i < count; i++) ax_jw_text(w, NULL, v[i]);
    ax_jw_end(w);
}

static void write_calibration(struct ax_json_writer *w, const struct ax_manifest_calibration *c)
{
    ax_jw_object(w, "calibration");
    ax_jw_text(w, "source", c->source ? c->source : "");
    ax_jw_int(w, "count", c->count);
    ax_jw_int(w, "seed", c->seed);
    ax_jw_text(w, "hash", c->hash ? c->hash : "");
    ax_jw_text(w, "range", c->range ? c->range : "");
    write_texts(w, "warnings", c->warnings, c->n_warnings);
    ax_jw_end(w);
}

static void write_memory(struct ax_json_writer *w, const struct ax_manifest_memory *m)
{
    ax_jw_object(w, "memory");
    ax_jw_int(w, "weights_bytes", m->weights_bytes);
    ax_jw_int(w, "activations_bytes", m->activations_bytes);
    ax_jw_int(w, "device_bytes", m->device_bytes);
    ax_jw_int(w, "on_chip_bytes", m->on_chip_bytes);
    ax_jw_int(w, "off_chip_bytes", m->off_chip_bytes);
    ax_jw_end(w);
}

static void write_accuracy(struct ax_json_writer *w, const struct ax_manifest_accuracy *a)
{
    ax_jw_object(w, "accuracy");
    ax_jw_line(w);
    ax_jw_double(w, "sqnr_db", a->sqnr);
    ax_jw_double(w, "cosine", a->cosine);
    ax_jw_double(w, "top1_agreement", a->top1_agreement);
    ax_jw_end(w);
}

static void write_tensors(struct ax_json_writer *w, const struct ax_manifest *m)
{
    ax_jw_array(w, "tensors");
    for (int i = 0; i < m->n_tensors; i++) {
        const struct ax_manifest_tensor *t = &m->tensors[i];
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", t->name);
        ax_jw_text(w, "type", ax_dtype_text(t->dtype));
        ax_jw_ints(w, "shape", t->shape.dim, t->shape.rank);
        write_quant(w, &t->quant);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void write_operations(struct ax_json_writer *w, const struct ax_manifest *m)
{
    ax_jw_array(w, "operations");
    for (int i = 0; i < m->n_operations; i++) {
        const struct ax_manifest_op *o = &m->operations[i];
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", o->name);
        ax_jw_text(w, "op", o->op);
        ax_jw_text(w, "precision", o->precision);
        ax_jw_text(w, "reason", o->reason);
        ax_jw_int(w, "macs", o->macs);
        if (isfinite(o->sqnr)) ax_jw_double(w, "sqnr_db", o->sqnr);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void write_options(struct ax_json_writer *w, const struct ax_manifest *m)
{
    ax_jw_object(w, "options");
    for (int i = 0; i < m->n_options; i++) ax_jw_text(w, m->options[i].name, m->options[i].value);
    ax_jw_end(w);
}

static void write_source(struct ax_json_writer *w, const struct ax_manifest *m)
{
    ax_jw_text(w, "name", m->name);
    ax_jw_object(w, "versions");
    ax_jw_line(w);
    ax_jw_text(w, "axon", m->axon_version);
    ax_jw_int(w, "format_major", AX_FILE_MAJOR);
    ax_jw_int(w, "format_minor", AX_FILE_MINOR);
    ax_jw_end(w);
    ax_jw_text(w, "key", m->key);
    ax_jw_object(w, "source");
    ax_jw_text(w, "file", m->source);
    ax_jw_text(w, "hash", m->source_hash);
    ax_jw_int(w, "opset", m->opset);
    ax_jw_end(w);
}

char *ax_manifest_text(const struct ax_manifest *m)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    write_source(w, m);
    ax_manifest_write_ports(w, "inputs", m->inputs, m->n_inputs);
    ax_manifest_write_ports(w, "outputs", m->outputs, m->n_outputs);
    ax_jw_int(w, "parameters", m->parameters);
    ax_jw_int(w, "macs", m->macs);
    write_memory(w, &m->memory);
    write_calibration(w, &m->calibration);
    write_accuracy(w, &m->accuracy);
    write_options(w, m);
    write_texts(w, "warnings", m->warnings, m->n_warnings);
    write_operations(w, m);
    write_tensors(w, m);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
