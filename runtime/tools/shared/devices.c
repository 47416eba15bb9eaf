#include "tools/shared/devices.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h" /* who holds which core; all else is the public header */
#include "base/file.h"
#include "base/json.h"
#include "files/device.h"

/* -- naming -- */

struct names {
    const char *item[AX_MOST_DEVICES];
    int count;
};

static enum ax_status add_name(struct names *to, const char *name, struct ax_error *err)
{
    if (to->count == AX_MOST_DEVICES) return ax_fail(err, AX_LIMIT, "--devices: more than %d", AX_MOST_DEVICES);
    to->item[to->count++] = name;
    return AX_OK;
}

static enum ax_status add_all(struct names *to, struct ax_arena *mem, struct ax_error *err)
{
    int cores[AX_MAX_CORES], n = ax_lease_candidates(cores);
    enum ax_status s = AX_OK;
    for (int i = 0; i < n && !s; i++) s = add_name(to, ax_arena_printf(mem, "cpu:%d", cores[i]), err);
    return s;
}

static enum ax_status split(const char *list, struct ax_arena *mem, struct names *to, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    char *text = ax_arena_str(mem, list);
    for (char *one; !s && (one = strsep(&text, ","));) {
        if (!*one)
            s = ax_fail(err, AX_INVALID_ARGUMENT, "--devices %s: a name is empty; cpu:0,cpu:1 is expected, say", list);
        else
            s = strcmp(one, "all") ? add_name(to, one, err) : add_all(to, mem, err);
    }
    return s;
}

/* Its cores; none where it is not the processor. */
static enum ax_status cores_of(const char *device, int cores[AX_MAX_CORES], int *n, struct ax_error *err)
{
    *n = 0;
    if (!ax_is_cpu(device)) return AX_OK;
    if (device[3]) return ax_core_set_parse(device, cores, n, err);
    *n = ax_lease_candidates(cores);
    return AX_OK;
}

/* A core is in one device only; otherwise the second would wait for the first. */
static enum ax_status check_overlap(const struct names *names, struct ax_error *err)
{
    int a[AX_MAX_CORES], b[AX_MAX_CORES], n_a, n_b;
    for (int i = 0; i < names->count; i++) {
        if (cores_of(names->item[i], a, &n_a, err)) return err->status;
        for (int k = 0; k < i; k++) {
            if (cores_of(names->item[k], b, &n_b, err)) return err->status;
            for (int x = 0; x < n_a; x++)
                for (int y = 0; y < n_b; y++)
                    if (a[x] == b[y])
                        return ax_fail(err, AX_INVALID_ARGUMENT,
                                       "--devices: '%s' and '%s' both have core %d; a core belongs to one device",
                                       names->item[k], names->item[i], a[x]);
        }
    }
    return AX_OK;
}

/* Two chips of a kind: "sim:metis" and "sim:metis 2". */
static const char *label_of(const struct names *names, int i, struct ax_arena *mem)
{
    int same = 1;
    for (int k = 0; k < i; k++) same += !strcmp(names->item[k], names->item[i]);
    return same > 1 ? ax_arena_printf(mem, "%s %d", names->item[i], same) : names->item[i];
}

enum ax_status ax_devices_lease(const char *list, double wait_s, struct ax_devices *out, struct ax_error *err)
{
    struct names names = {0};
    *out = (struct ax_devices){0};
    ax_arena_init(&out->mem);
    enum ax_status s = split(list, &out->mem, &names, err);
    if (!s) s = check_overlap(&names, err);
    for (int i = 0; i < names.count && !s; i++) {
        s = ax_cores_lease_on(names.item[i], 0, wait_s, &out->item[i], err);
        if (s) break;
        ax_cores_set_label(out->item[i], label_of(&names, i, &out->mem));
        out->count++;
    }
    return s;
}

void ax_devices_free(struct ax_devices *d)
{
    for (int i = 0; i < d->count; i++) ax_cores_free(d->item[i]);
    ax_arena_free(&d->mem);
    *d = (struct ax_devices){0};
}

/* -- listing -- */

struct listing {
    FILE *out;
    struct ax_json_writer *json; /* NULL: text */
};

static void print_device(struct listing *l, const char *name, int cores, const char *state, const char *text)
{
    if (!l->json) {
        fprintf(l->out, "%-18s %3d core%s  %-26s %s\n", name, cores, cores == 1 ? " " : "s", state, text);
        return;
    }
    ax_jw_object(l->json, NULL);
    ax_jw_line(l->json);
    ax_jw_text(l->json, "name", name);
    ax_jw_int(l->json, "cores", cores);
    ax_jw_text(l->json, "state", state);
    ax_jw_text(l->json, "description", text);
    ax_jw_end(l->json);
}

static void print_core(struct listing *l, int core)
{
    struct ax_error err = {0};
    char name[32], state[64] = "free";
    int holder, fd = ax_lease_take(core, &holder, &err);
    if (fd >= 0) close(fd);
    if (fd == -1 && holder) snprintf(state, sizeof state, "held by process %d", holder);
    if (fd == -1 && !holder) snprintf(state, sizeof state, "held by another process");
    if (fd == -2) snprintf(state, sizeof state, "its lease cannot be read");
    snprintf(name, sizeof name, "cpu:%d", core);
    print_device(l, name, 1, state, fd == -2 ? err.message : "");
}

static enum ax_status print_cpu(struct listing *l, struct ax_error *err)
{
    struct ax_context *context;
    struct ax_device cpu = {0};
    int cores[AX_MAX_CORES], n = ax_lease_candidates(cores);
    char state[64];
    enum ax_status s = ax_context_new(&context, err);
    if (s) return s;
    ax_context_devices(context, &cpu, 1);
    snprintf(state, sizeof state, "%d free", cpu.free_cores);
    print_device(l, "cpu", n, state, cpu.text);
    for (int i = 0; i < n; i++) print_core(l, cores[i]);
    ax_context_free(context);
    return AX_OK;
}

static int is_json(const struct dirent *e)
{
    return ax_path_has_ext(e->d_name, ".json");
}

/* A name that an earlier place has is not looked at again, for the earlier one is taken. */
static bool seen_before(const char *name, const char **seen, int *n)
{
    for (int i = 0; i < *n; i++)
        if (!strcmp(seen[i], name)) return true;
    if (*n < AX_MOST_DEVICES) seen[(*n)++] = name;
    return false;
}

static void print_folder(struct listing *l, const char *dir, struct ax_arena *mem, const char **seen, int *n_seen)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_json, alphasort);
    for (int i = 0; i < n; i++) {
        struct ax_device_desc chip;
        struct ax_error ignored;
        const char *stem = ax_path_stem(mem, entries[i]->d_name);
        if (!seen_before(stem, seen, n_seen) &&
            !ax_device_read(ax_path_join(mem, dir, entries[i]->d_name), &chip, mem, &ignored))
            print_device(l, ax_arena_printf(mem, "sim:%s", stem), chip.cores, "simulated", chip.description);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

enum ax_status ax_devices_print(FILE *out, bool json, struct ax_error *err)
{
    struct listing l = {out, json ? ax_jw_new() : NULL};
    struct ax_arena mem = {0};
    const char *seen[AX_MOST_DEVICES];
    int n_seen = 0;
    if (json) ax_jw_object(l.json, NULL), ax_jw_array(l.json, "devices");
    enum ax_status s = print_cpu(&l, err);
    for (int i = 0; i < AX_DEVICE_PLACES; i++) {
        const char *dir = ax_device_place(i, &mem);
        if (dir) print_folder(&l, dir, &mem, seen, &n_seen);
    }
    if (json) {
        ax_jw_end(l.json), ax_jw_end(l.json);
        char *text = ax_jw_finish(l.json);
        fputs(text, out);
        free(text);
    }
    ax_arena_free(&mem);
    return s;
}
