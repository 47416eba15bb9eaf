#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "files/device.h"

static void rate(struct ax_json root, const char *key, double *field)
{
    *field = ax_json_number(ax_json_get(root, key), 0, 1e18, *field);
}

static void read_scales(struct ax_json list, struct ax_device_desc *d, struct ax_arena *mem)
{
    int n = ax_json_count(list);
    struct ax_device_scale *scales = AX_NEW(mem, struct ax_device_scale, n + 1);
    for (int i = 0; i < n; i++) {
        struct ax_json item = ax_json_at(list, i);
        scales[i].step = ax_arena_str(mem, ax_json_text(ax_json_need(item, "step"), ""));
        scales[i].scale = ax_json_number(ax_json_need(item, "scale"), 0, 1e6, 1);
    }
    d->scales = scales;
    d->n_scales = n;
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
    d->cooperation = ax_json_number(ax_json_get(root, "cooperation"), 0, 1, d->cooperation);
    d->shared_link = ax_json_bool(ax_json_get(root, "shared_link"), false);
    d->shared_memory = ax_json_bool(ax_json_get(root, "shared_memory"), false);
    if (ax_json_there(ax_json_get(root, "step_scales"))) read_scales(ax_json_get(root, "step_scales"), d, mem);
}

enum ax_status ax_device_parse(const char *json, size_t bytes, const char *file, struct ax_device_desc *d, struct ax_arena *mem,
                               struct ax_error *err)
{
    struct ax_json_doc doc;
    *d = ax_device_cpu;
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    if (!s) {
        read_all(ax_json_root(&doc), d, mem);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    return s;
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

/* -- by name -- */

static const char *beside_the_tool(struct ax_arena *mem, const char *down)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return NULL;
    self[n] = 0;
    return ax_path_join(mem, ax_path_dir(mem, self), down);
}

const char *ax_device_place(int i, struct ax_arena *mem)
{
    const char *given = getenv("AXON_DEVICES");
    switch (i) {
    case 0: return given && *given ? given : NULL;
    case 1: return "models/devices";
    case 2: return beside_the_tool(mem, "../share/axon/devices");
    default: return beside_the_tool(mem, "../../../models/devices");
    }
}

/* The first that is there; else NULL. */
static const char *find_file(const char *name, struct ax_arena *mem)
{
    const char *file = ax_arena_printf(mem, "%s.json", name);
    for (int i = 0; i < AX_DEVICE_PLACES; i++) {
        const char *dir = ax_device_place(i, mem), *path = dir ? ax_path_join(mem, dir, file) : NULL;
        if (path && ax_file_exists(path)) return path;
    }
    return NULL;
}

enum ax_status ax_device_find(const char *what, struct ax_device_desc *d, bool *simulated, struct ax_arena *mem,
                              struct ax_error *err)
{
    *d = ax_device_cpu;
    *simulated = !strncmp(what, "sim:", 4);
    if (*simulated) what += 4;
    if (!strcmp(what, "cpu")) return AX_OK;
    if (strchr(what, '/') || ax_path_has_ext(what, ".json") || ax_file_exists(what)) return ax_device_read(what, d, mem, err);
    const char *path = *what ? find_file(what, mem) : NULL;
    if (path) return ax_device_read(path, d, mem, err);
    return ax_fail(
        err, AX_NOT_FOUND,
        "there is no device '%s': no %s.json in $AXON_DEVICES, models/devices or beside the tools. axrun --list_devices "
        "shows those that there are; a path of a description may be given",
        what, what);
}

/* -- writing -- */

char *ax_device_text(const struct ax_device_desc *d, const char *const *sources)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "format", "axon-device");
    ax_jw_int(w, "version", 1);
    ax_jw_text(w, "name", d->name);
    ax_jw_text(w, "description", d->description);
    ax_jw_array(w, "sources");
    for (int i = 0; sources && sources[i]; i++) ax_jw_text(w, NULL, sources[i]);
    ax_jw_end(w);
    ax_jw_int(w, "cores", d->cores);
    ax_jw_double(w, "clock_hz", d->clock_hz);
    ax_jw_double(w, "int8_macs_per_cycle", d->int8_macs_per_cycle);
    ax_jw_double(w, "depthwise_macs_per_cycle", d->depthwise_macs_per_cycle);
    ax_jw_double(w, "float_macs_per_cycle", d->float_macs_per_cycle);
    ax_jw_int(w, "on_chip_bytes", d->on_chip_bytes);
    ax_jw_double(w, "on_chip_bytes_per_second", d->on_chip_bytes_per_second);
    ax_jw_double(w, "stream_bytes_per_second", d->stream_bytes_per_second);
    ax_jw_double(w, "in_bytes_per_second", d->in_bytes_per_second);
    ax_jw_double(w, "out_bytes_per_second", d->out_bytes_per_second);
    ax_jw_double(w, "step_seconds", d->step_seconds);
    ax_jw_double(w, "call_seconds", d->call_seconds);
    ax_jw_double(w, "cooperation", d->cooperation);
    ax_jw_bool(w, "shared_link", d->shared_link);
    ax_jw_bool(w, "shared_memory", d->shared_memory);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
