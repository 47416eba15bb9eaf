/* axbench: how fast a compiled model runs, as a whole and step by step. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/options.h"
#include "files/device.h"
#include "kernels/cpu.h"
#include "tools/axbench.h"
#include "tools/shared/artifact.h"

struct settings {
    int64_t cores, batch, count, warmup, seed;
    double wait;
    bool json, layers, fixed_cores;
    const char *profile, *tensors, *device, *describe;
};

static const struct ax_option options[] = {
    {"cores", 'c', "N", AX_OPT_INT, offsetof(struct settings, cores), NULL, "1..1024",
     "Cores to run on; without it all that the process may use.", "Measurement"},
    {"threads", 't', "N", AX_OPT_INT, offsetof(struct settings, cores), NULL, "1..1024", "The same as --cores.", NULL},
    {"device", 'd', "DEVICE", AX_OPT_STRING, offsetof(struct settings, device), "cpu", NULL,
     "cpu, or sim:NAME for a simulated chip: the same numbers, in its virtual time. NAME is one of models/devices, or the path "
     "of a description.",
     NULL},
    {"batch", 'b', "N", AX_OPT_INT, offsetof(struct settings, batch), "1", "1..1024",
     "Samples to run at the same time, each on its share of the cores.", NULL},
    {"fixed_cores", 0, NULL, AX_OPT_FLAG, offsetof(struct settings, fixed_cores), NULL, NULL,
     "Segments: each runs on its own cores only. Without it, cores that have nothing to do in their own segment run the one "
     "before or behind it.",
     NULL},
    {"wait", 0, "S", AX_OPT_FLOAT, offsetof(struct settings, wait), "60", "0..",
     "Seconds to wait for cores that another process holds.", NULL},
    {"count", 'n', "N", AX_OPT_INT, offsetof(struct settings, count), "100", "1..10000000", "Runs to measure.", NULL},
    {"warmup", 'w', "N", AX_OPT_INT, offsetof(struct settings, warmup), "3", "0..10000000", "Runs before that.", NULL},
    {"tensors", 0, "FILE", AX_OPT_STRING, offsetof(struct settings, tensors), NULL, NULL,
     "Inputs: an .npz with arrays named as the inputs, one sample or several along the first axis. Without it random numbers.",
     NULL},
    {"seed", 0, "N", AX_OPT_INT, offsetof(struct settings, seed), "0", "0..", "Of the random numbers.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, offsetof(struct settings, json), NULL, NULL, "Print JSON.", "Output"},
    {"layers", 'l', NULL, AX_OPT_FLAG, offsetof(struct settings, layers), NULL, NULL,
     "Time every step too, in runs of their own, and list them with their kernels; those of segments while the pipeline runs.",
     NULL},
    {"profile", 'p', "FILE", AX_OPT_STRING, offsetof(struct settings, profile), NULL, NULL,
     "Write the steps' times to FILE, a profile.json for axsegment; that of segments is one of the model that was cut.", NULL},
    {"describe", 0, "FILE", AX_OPT_STRING, offsetof(struct settings, describe), NULL, NULL,
     "Write a description of this machine, as MODEL found it, to FILE: for --device sim:FILE.", NULL},
    {0},
};
static const struct ax_tool tool = {
    "axbench",
    "MODEL",
    "measures how fast a compiled model runs",
    "MODEL is a name under build/ (NAME for build/NAME/NAME/1), a folder that axcompile or axsegment wrote, a model.json, an "
    ".axmodel or a partition.json (of any name), whose segments run as a pipeline.\n\n"
    "A run goes from the user's tensors to the user's tensors: quantizing the inputs and dequantizing the outputs is part of "
    "it. Runs follow one another, those of segments as soon as the pipeline takes them; throughput is what that gives.",
    "  axbench resnet18 --cores 2\n  axbench resnet18 --device sim:edgetpu-usb\n  axbench build/resnet18/resnet18/1 --count "
    "500 --json\n  axbench resnet18 --layers\n",
    options,
    1,
    1,
};

static enum ax_status open_model(struct ax_bench *b, const struct settings *set, char features[256], struct ax_error *err)
{
    enum ax_status s =
        ax_cores_lease_on(set->device, set->describe && !set->cores ? 1 : (int)set->cores, set->wait, &b->cores, err);
    int64_t begin = ax_now_ns();
    struct ax_engine_options opt = {.batch = b->batch, .fixed_cores = set->fixed_cores};
    if (!s) s = ax_engine_open_with(b->cores, b->model, &opt, &b->engine, err);
    b->load_ms = (double)(ax_now_ns() - begin) * 1e-6;
    if (s) return s;
    if (b->batch > 1 && ax_engine_pipeline(b->engine))
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s: --batch is for one model; segments work on several samples as it is",
                       b->model);
    struct ax_engine_memory m = ax_engine_memory(b->engine);
    const struct ax_device_desc *chip = ax_cores_chip(b->cores);
    if (chip)
        snprintf(features, 256, "%.200s, virtual time", chip->description);
    else
        ax_cpu_text(ax_cpu_features(), features, 256);
    b->profile = (struct ax_profile){.model = b->name,
                                     .device = ax_arena_str(&b->mem, ax_cores_device(b->cores)), /* --describe changes cores */
                                     .features = features,
                                     .cores = ax_cores_count(b->cores),
                                     .count = set->count,
                                     .weights_bytes = m.weights_bytes,
                                     .activations_bytes = m.activations_bytes};
    return AX_OK;
}

static enum ax_status save_profile(const struct ax_bench *b, const char *path, struct ax_error *err)
{
    struct ax_profile p = b->profile;
    if (b->stage_cores) p.cores = b->stage_cores;
    char *text = ax_profile_text(&p);
    enum ax_status s = ax_file_write_text(path, text, err);
    free(text);
    return s;
}

static void show(const struct ax_bench *b, const struct settings *set)
{
    if (!set->json) {
        ax_bench_print(b, set->layers);
        return;
    }
    char *text = ax_bench_json(b, set->layers);
    fputs(text, stdout);
    free(text);
}

static enum ax_status bench(const char *what, const struct settings *set, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct ax_artifact a;
    struct ax_bench b = {.batch = (int)set->batch, .count = set->count, .warmup = set->warmup};
    char features[256] = "";
    enum ax_status s = ax_artifact_find(what, &mem, &a, err);
    b.name = a.name, b.model = a.model;
    if (!s) s = open_model(&b, set, features, err);
    if (!s && set->describe) s = ax_bench_describable(&b, err);
    if (!s) s = ax_bench_measure(&b, set->tensors, (uint64_t)set->seed, set->layers || set->profile || set->describe, err);
    if (!s && set->profile) s = save_profile(&b, set->profile, err);
    if (!s && set->describe) s = ax_bench_describe(&b, set->describe, err);
    if (!s) show(&b, set);
    ax_engine_close(b.engine);
    ax_cores_free(b.cores);
    ax_arena_free(&b.mem);
    free(b.profile.steps);
    free(b.step_us);
    ax_arena_free(&mem);
    return s;
}

int main(int argc, char **argv)
{
    struct settings set;
    struct ax_args args;
    struct ax_error err = {0};
    int rc = ax_options_begin(&tool, argc, argv, &set, &args);
    if (rc >= 0) return rc;
    enum ax_status s = bench(args.arg[0], &set, &err);
    rc = s ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    ax_args_free(&args);
    return rc;
}
