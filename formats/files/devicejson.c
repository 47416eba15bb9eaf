#include "base/json.h"
#include "files/device.h"

static void rate(struct ax_json root, const char *key, double *field)
{
    *field = ax_json_number(ax_json_get(root, key), 0, 1e18, *field);
}

static void read_all(struct ax_json root, struct ax_device_desc *d, struct ax_arena *mem)
{
    static const char *const formats[] = {"axon-device", NULL};
    ax_json_word(ax_json_need(root, "format"), formats, 0);
    ax_json_int(ax_json_need(root, "version"), 1, 1, 1);
    d->name = ax_arena_str(mem, ax_json_text(ax_json_need(root, "name"), ""));
    d->description = ax_arena_str(mem, ax_json_text(ax_json_get(root, "description"), ""));
    d->cores = (int)ax_json_int(ax_json_get(root, "cores"), 1, 255, d->cores);
    d->on_chip_bytes = ax_json_int(ax_json_get(root, "on_chip_bytes"), 0, (int64_t)1 << 40, d->on_chip_bytes);
    rate(root, "clock_hz", &d->clock_hz);
    rate(root, "int8_macs_per_cycle", &d->int8_macs_per_cycle);
    rate(root, "depthwise_macs_per_cycle", &d->depthwise_macs_per_cycle);
    rate(root, "float_macs_per_cycle", &d->float_macs_per_cycle);
    rate(root, "on_chip_bytes_per_second", &d->on_chip_bytes_per_second);
    rate(root, "stream_bytes_per_second", &d->stream_bytes_per_second);
    rate(root, "in_bytes_per_second", &d->in_bytes_per_second);
    rate(root, "out_bytes_per_second", &d->out_bytes_per_second);
    d->step_seconds = ax_json_number(ax_json_get(root, "step_seconds"), 0, 10, d->step_seconds);
    d->call_seconds = ax_json_number(ax_json_get(root, "call_seconds"), 0, 10, d->call_seconds);
}

enum ax_status ax_device_read(const char *path, struct ax_device_desc *d, struct ax_arena *mem, struct ax_error *err)
{
    struct ax_json_doc doc;
    *d = ax_device_cpu;
    enum ax_status s = ax_json_open(path, 1 << 20, &doc, err);
    if (!s) {
        read_all(ax_json_root(&doc), d, mem);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    return s;
}
