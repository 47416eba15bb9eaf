/* axrun: a compiled model on pictures or tensors. */
#include <stdio.h>
#include <string.h>

#include "app/inputs.h"
#include "app/source.h"
#include "base/file.h"
#include "files/modeljson_families.h"
#include "tools/axrun.h"
#include "tools/axrun_cascade.h"

static const struct ax_option options[] = {
    {"cores", 'c', "N", AX_OPT_INT, offsetof(struct ax_run_settings, cores), NULL, "1..1024",
     "Cores to run on; without it all that the process may use.", "Running"},
    {"threads", 't', "N", AX_OPT_INT, offsetof(struct ax_run_settings, cores), NULL, "1..1024", "The same as --cores.", NULL},
    {"device", 'd', "DEVICE", AX_OPT_STRING, offsetof(struct ax_run_settings, device), "cpu", NULL,
     "cpu, cpu:0-3 or cpu:0+2 for some of its cores, or sim:NAME for a simulated chip (see axbench), which gives the same "
     "results.",
     NULL},
    {"devices", 'D', "DEVICE,...", AX_OPT_STRING, offsetof(struct ax_run_settings, devices), NULL, NULL,
     "Several devices, as --device names them; all stands for every core by itself. A model runs on each, and they share the "
     "frames; segments, the stages of a cascade and --models go to the devices one each.",
     NULL},
    {"batch", 'b', "N", AX_OPT_INT, offsetof(struct ax_run_settings, batch), "1", "1..1024",
     "Samples to run at the same time, each on its share of the cores; of a cascade, regions in a run of a later stage's "
     "model.",
     NULL},
    {"instances", 'i', "N", AX_OPT_INT, offsetof(struct ax_run_settings, instances), NULL, "1..1024",
     "Copies of the model that take frames at the same time, each on its share of the cores; without it one for each core, up "
     "to "
     "8, where there are many frames, else one.",
     NULL},
    {"synchronous", 's', NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, synchronous), NULL, NULL,
     "One frame at a time; without it decoding, preprocessing, the device and postprocessing work on different frames.", NULL},
    {"callback", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, callback), NULL, NULL,
     "Results are handled at once by the thread that completes them.", NULL},
    {"depth", 0, "N", AX_OPT_INT, offsetof(struct ax_run_settings, depth), NULL, "1..4096",
     "Frames under way at most; without it as many as keep all stages busy.", NULL},
    {"timeout", 0, "MS", AX_OPT_INT, offsetof(struct ax_run_settings, timeout), NULL, "1..",
     "Milliseconds that a result is waited for; without it for ever.", NULL},
    {"on_error", 0, "WHAT", AX_OPT_STRING, offsetof(struct ax_run_settings, on_error), "skip", "skip|retry|stop",
     "After a timeout or a run that failed: skip the frame, retry it and then skip it, or stop. What cannot be submitted "
     "stops.",
     NULL},
    {"retries", 0, "N", AX_OPT_INT, offsetof(struct ax_run_settings, retries), "2", "1..1000", "With --on_error retry.", NULL},
    {"wait", 0, "S", AX_OPT_FLOAT, offsetof(struct ax_run_settings, wait), "60", "0..",
     "Seconds to wait for cores that another process holds.", NULL},
    {"pipe", 0, "PIPE", AX_OPT_STRING, offsetof(struct ax_run_settings, pipe), "int8", "int8|float|both",
     "int8 runs the compiled model; float runs the ONNX model that it was made from, in float32 on the same executor; both is "
     "--compare.",
     NULL},
    {"compare", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, compare), NULL, NULL,
     "Run both and show their difference.", NULL},
    {"models", 'm', "MODEL,...", AX_OPT_STRING, offsetof(struct ax_run_settings, models), NULL, NULL,
     "Several models on the same pictures, which take turns on the cores; all arguments are inputs then. Behind a model may "
     "stand "
     ":priority=0..31 (higher ones first, 16), :threshold=N (requests that wait before it is served, 1) and :timeout=MS (or "
     "one "
     "does so long, 100).",
     NULL},
    {"raw", 0, "WxH[:FORMAT]", AX_OPT_STRING, offsetof(struct ax_run_settings, raw), NULL, NULL,
     "The standard input has raw frames of that size: rgb24, or another of FFmpeg's pixel formats (gray, nv12, yuv420p...). "
     "Without it its container is recognized (y4m, MJPEG, MPEG-TS, Matroska...).",
     "Inputs"},
    {"frames", 'n', "N", AX_OPT_INT, offsetof(struct ax_run_settings, frames), NULL, "1..", "Read so many frames at most.",
     NULL},
    {"calib", 0, "PATH", AX_OPT_STRING, offsetof(struct ax_run_settings, calib), NULL, NULL,
     "For axcompile, where MODEL is not compiled yet; without it the folder calib beside the .onnx.", NULL},
    {"tensors", 0, "IN.npz", AX_OPT_STRING, offsetof(struct ax_run_settings, tensors), NULL, NULL,
     "Run on tensors instead of pictures: arrays named as the inputs, one sample or several along the first axis. Where there "
     "is "
     "one input and one array, its name does not matter.",
     "Tensors"},
    {"out", 'o', "OUT.npz", AX_OPT_STRING, offsetof(struct ax_run_settings, out), NULL, NULL,
     "Where the outputs of --tensors go, stacked along the first axis, in the ONNX model's layout, as float32; with --eval and "
     "boxes, where the detections go, a .json as COCO's own tools read it.",
     NULL},
    {"raw_outputs", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, raw_outputs), NULL, NULL,
     "Write the device's own integers where it has them.", NULL},
    {"top_k", 'k', "K", AX_OPT_INT, offsetof(struct ax_run_settings, top_k), NULL, "1..1000",
     "Classes to report; without it as model.json says.", "Results"},
    {"labels", 0, "FILE", AX_OPT_STRING, offsetof(struct ax_run_settings, labels), NULL, NULL,
     "One label a line; without it those that model.json names. Of several models: STAGE=FILE,...", NULL},
    {"eval", 'e', "LABELS", AX_OPT_STRING, offsetof(struct ax_run_settings, eval), NULL, NULL,
     "Score the model: top-1 and top-5 (lines of FILE,CLASS or a folder a class), or mAP (a .json in COCO's form). INPUT is "
     "then "
     "the folder of the pictures, where it is not that of the labels. Of a cascade, what its last stage finds is scored.",
     "Accuracy"},
    {"list", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, list), NULL, NULL,
     "List the families of models whose pipelines are known, for axcompile --family.", NULL},
    {"list_devices", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, list_devices), NULL, NULL,
     "List the devices, and which processes hold them.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, json), NULL, NULL, "Print JSON.", NULL},
    {"csv", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, csv), NULL, NULL, "Print a line of CSV for each result.",
     NULL},
    {"save", 0, "DIR", AX_OPT_STRING, offsetof(struct ax_run_settings, save), NULL, NULL,
     "Write pictures and videos (MP4) with boxes, labels, keypoints and masks drawn into them.", NULL},
    {"display", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, display), NULL, NULL,
     "Show the frames in a window; q quits.", NULL},
    {"profile", 'p', NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, profile), NULL, NULL,
     "Print the times of each stage and of each layer of the model.", "Profile"},
    {"trace", 0, "FILE", AX_OPT_STRING, offsetof(struct ax_run_settings, trace), NULL, NULL,
     "Write them as a trace for chrome://tracing or ui.perfetto.dev (JSON).", NULL},
    {"report", 0, "FILE.html", AX_OPT_STRING, offsetof(struct ax_run_settings, report), NULL, NULL,
     "Write them as a page with charts.", NULL},
    {0},
};
static const struct ax_tool tool = {
    "axrun",
    "MODEL [INPUT...]",
    "runs a compiled model on pictures, videos or tensors",
    "MODEL is a name under build/ (NAME for build/NAME/NAME/1), a folder that axcompile or axsegment wrote, a model.json, an "
    ".axmodel "
    "or a partition.json (of any name), whose segments run as a pipeline; or the descriptor of a cascade, whose stages are "
    "models of their "
    "own. "
    "A MODEL.onnx is compiled on the first run. "
    "INPUT is a picture (JPEG, PNG, BMP, WebP...), a video, a folder of such, @FILE for a list of such, a camera "
    "(/dev/video0, camera, camera:1, or camera:FORMAT:NAME for any input device of FFmpeg's), or - for frames on the standard "
    "input.\n\n"
    "Cores are leased while axrun runs; what another process holds is waited for. A frame that cannot be read or run is "
    "reported "
    "and the others go on; the exit code is then 1.",
    "  axrun resnet18 cat.jpg\n  axrun yolov8n pictures/ --save annotated\n  axrun yolov8n --eval instances.json pictures/ "
    "--pipe both\n  axrun resnet18 pictures/ --top_k 3 --json\n  "
    "axrun resnet18 cat.jpg --compare\n"
    "  axrun cascade.json street.mp4 --save annotated --json\n  axrun --models yolov8n:priority=20,resnet18 pictures/\n"
    "  axrun yolov8n street.mp4 --save annotated --profile --report street.html\n"
    "  axrun yolov8n street.mp4 --devices cpu:0,cpu:1 --profile\n  axrun segments/ street.mp4 --devices all\n"
    "  ffmpeg -i street.mp4 -f rawvideo -pix_fmt rgb24 - | axrun yolov8n - --raw 1280x720 --json\n"
    "  axrun resnet18 --tensors in.npz --out out.npz\n",
    options,
    0,
    -1,
};

static bool has_stream(const struct ax_args *args)
{
    for (int i = 1; i < args->count; i++)
        if (!strcmp(args->arg[i], "-") || !strncmp(args->arg[i], "camera", 6) || !strncmp(args->arg[i], "/dev/", 5))
            return true;
    return false;
}

static enum ax_status check_frames(const struct ax_run_settings *set, const struct ax_args *args, struct ax_error *err)
{
    bool profile = set->profile || set->trace || set->report;
    if (set->raw && !has_stream(args))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--raw describes the frames of - or of a camera, and neither is an input");
    if (set->raw && ax_source_raw_check(set->raw, err)) return err->status;
    if (set->synchronous && set->callback)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--synchronous and --callback: a run is one of them");
    if (set->callback && set->display)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--display needs the main thread; it goes without --callback");
    if (set->callback && set->compare)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--compare runs two models in turn, --callback one");
    if (set->instances > 1 && (set->compare || set->synchronous || set->tensors))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--instances takes frames at the same time; %s goes one by one",
                       set->compare   ? "--compare"
                       : set->tensors ? "--tensors"
                                      : "--synchronous");
    if (set->tensors && (profile || set->display))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--%s belongs to pictures and videos; axbench measures tensors",
                       set->display   ? "display"
                       : set->profile ? "profile"
                       : set->trace   ? "trace"
                                      : "report");
    if (set->devices && (set->cores || strcmp(set->device, "cpu")))
        return ax_fail(
            err, AX_INVALID_ARGUMENT,
            "--devices says which devices and cores, so that --%s has no place beside it; cpu:0-1 are two cores, say",
            set->cores ? "cores" : "device");
    if (set->eval && (set->save || set->display))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--eval scores answers and shows none; drop --%s",
                       set->save ? "save" : "display");
    return AX_OK;
}

/* What one model can and several cannot, and what to do instead. */
static enum ax_status check_several(const struct ax_run_settings *set, struct ax_error *err)
{
    bool both = set->compare || !strcmp(set->pipe, "both");
    const struct {
        bool wrong;
        const char *option, *why;
    } rules[] = {
        {set->tensors, "tensors", "several models start from pictures. Run each of them by itself on its tensors"},
        {both && !set->models, "pipe both",
         "the later stages would look at other regions, and not the same things would be compared. Run it with --pipe int8 and "
         "with --pipe float"},
        {both && set->models, "compare", "run each model by itself with --compare; side by side they give the same answers"},
        {set->callback, "callback",
         "a frame passes several stages here, which wait for one another. Drop it: they overlap anyway"},
        {set->instances, "instances",
         "how often a model is there follows from its cores. Give \"cores\" to the cascade's stages, or --devices"},
        {set->models && set->eval, "eval", "labels are of one model. Run each by itself with --eval; the answers are the same"},
        {set->models && set->batch > 1, "batch",
         "models side by side take one picture at a time. Run each by itself with --batch, or join them (axjoin)"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong)
            return ax_fail(err, AX_INVALID_ARGUMENT, "--%s does not go with %s: %s", rules[i].option,
                           set->models ? "--models" : "a cascade", rules[i].why);
    return AX_OK;
}

static enum ax_status check(const struct ax_run_settings *set, const struct ax_args *args, struct ax_error *err)
{
    if (set->models && !args->count)
        return ax_fail(err, AX_INVALID_ARGUMENT, "no input: with --models all arguments are pictures, videos or folders");
    if (set->models || (args->count && ax_cascade_named(args->arg[0])))
        if (check_several(set, err)) return err->status;
    if (set->models && ax_run_check_models(set->models, err)) return err->status;
    if (!args->count) return ax_fail(err, AX_INVALID_ARGUMENT, "no MODEL; axrun --help shows how it is used");
    if (set->tensors && args->count > 1)
        return ax_fail(err, AX_INVALID_ARGUMENT, "'%s': either pictures or --tensors, not both", args->arg[1]);
    if (set->eval && (set->tensors || set->csv || args->count > 2))
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "--eval scores the labels' pictures: one folder at most, no --tensors, no --csv");
    if (!set->models && !set->tensors && !set->eval && args->count < 2)
        return ax_fail(err, AX_INVALID_ARGUMENT, "no input: give pictures, a folder of pictures, or --tensors IN.npz");
    if (set->out && !set->tensors && !set->eval)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--out belongs to --tensors or --eval");
    if (set->raw_outputs && !set->tensors) return ax_fail(err, AX_INVALID_ARGUMENT, "--raw_outputs belongs to --tensors");
    if (set->json && set->csv) return ax_fail(err, AX_INVALID_ARGUMENT, "--json and --csv: results have one form");
    if (set->tensors && (set->save || set->csv))
        return ax_fail(err, AX_INVALID_ARGUMENT, "--%s belongs to pictures", set->save ? "save" : "csv");
    if (set->tensors && !set->out && !set->compare)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--tensors needs --out OUT.npz, or --compare");
    if (set->compare && set->raw_outputs)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--compare and --raw_outputs: integers cannot be compared with float");
    if (set->compare && strcmp(set->pipe, "int8") != 0)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--compare runs both pipes; --pipe %s is one", set->pipe);
    return check_frames(set, args, err);
}

static enum ax_status list_families(struct ax_error *err)
{
    for (const struct ax_family *f = ax_family_list(); f->name; f++) {
        struct ax_descriptor d;
        enum ax_status s = ax_family_read(f->name, &d, err);
        if (!s) printf("%-16s %s\n", f->name, d.description ? d.description : "");
        ax_descriptor_free(&d);
        if (s) return s;
    }
    return AX_OK;
}

/* Requests of all frames that may be under way, and some that were given up. */
static int queue_of(const struct ax_run_settings *set)
{
    return set->depth ? 2 * (int)set->depth + 16 : 16;
}

/* Many frames: each core has its own, and none waits for others. One: all cores work on it. */
static int instances_on(const struct ax_run *r, const struct ax_cores *device)
{
    const struct ax_run_settings *set = r->set;
    int most = ax_cores_count(device) / (int)set->batch;
    if (set->instances) return (int)set->instances;
    if (!r->many || set->compare || set->synchronous || set->tensors) return 1;
    return most < 1 ? 1 : most > 8 ? 8 : most;
}

static enum ax_status open_on(struct ax_run *r, struct ax_run_pipe *p, const char *path, struct ax_cores *device,
                              struct ax_error *err)
{
    struct ax_engine_options opt = {.batch = (int)r->set->batch,
                                    .instances = instances_on(r, device),
                                    .queue = queue_of(r->set),
                                    .devices = r->devices.item,
                                    .n_devices = r->devices.count};
    enum ax_status s = ax_engine_open_with(device, path, &opt, &p->replicas[p->n_replicas], err);
    if (s && s != AX_INVALID_ARGUMENT && r->devices.count > 1) ax_fail_in(err, "%s", ax_cores_label(device));
    p->n_replicas += !s;
    return s;
}

/* Segments go to the devices one each, a model to all of them. */
static enum ax_status open_engines(struct ax_run *r, struct ax_run_pipe *p, const char *path, struct ax_error *err)
{
    enum ax_status s = open_on(r, p, path, r->cores, err);
    if (s) return s;
    p->engine = p->replicas[0];
    for (int i = 1; i < r->devices.count && !ax_engine_segments(p->engine) && !s; i++)
        s = open_on(r, p, path, r->devices.item[i], err);
    return s;
}

static enum ax_status open_pipe(struct ax_run *r, const char *name, struct ax_error *err)
{
    const char *path = r->artifact.model;
    enum ax_status s =
        strcmp(name, "float") == 0 && !r->is_float ? ax_run_float_model(r, r->pipeline.source, &path, err) : AX_OK;
    struct ax_run_pipe *p = &r->pipe[r->n_pipes++];
    if (!s) s = open_engines(r, p, path, err);
    if (s) return s;
    p->name = ax_engine_is_float(p->engine) ? "float" : name;
    if (r->n_pipes == 2 && !strcmp(p->name, r->pipe[0].name))
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s is a float model itself; --compare has nothing to compare",
                       r->artifact.name);
    if (r->set->compare)
        ax_engine_limit_batch(p->engine, (int)r->set->batch), ax_engine_rest(p->engine); /* both take turns on the cores */
    return AX_OK;
}

static enum ax_status same_ports(const struct ax_run *r, struct ax_error *err)
{
    const struct ax_engine *a = r->pipe[0].engine, *b = r->pipe[1].engine;
    bool same = ax_engine_inputs(a) == ax_engine_inputs(b) && ax_engine_outputs(a) == ax_engine_outputs(b);
    for (int i = 0; same && i < ax_engine_inputs(a); i++)
        same = ax_shape_equal(&ax_engine_input(a, i)->shape, &ax_engine_input(b, i)->shape);
    for (int i = 0; same && i < ax_engine_outputs(a); i++)
        same = ax_shape_equal(&ax_engine_output(a, i)->shape, &ax_engine_output(b, i)->shape);
    if (same) return AX_OK;
    return ax_fail(err, AX_SHAPE, "%s and its float model have different inputs or outputs; compile it again",
                   r->artifact.name);
}

static bool many_frames(const char *input)
{
    return input[0] == '@' || ax_input_moves(input) || ax_dir_exists(input);
}

/* What is known only once all names are: several devices take frames at the same time. */
static enum ax_status several_allowed(const struct ax_run *r, struct ax_error *err)
{
    const struct ax_run_settings *set = r->set;
    const char *one = r->cascade         ? NULL
                      : set->synchronous ? "synchronous"
                      : set->compare     ? "compare"
                      : set->tensors     ? "tensors"
                                         : NULL;
    if (r->devices.count > 1 && r->cascade && r->cascade->ruled)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "--models: priority, threshold and timeout are of models that take turns; with a device each none does. "
                       "Drop them, or --devices");
    if (r->devices.count < 2 || !one) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT,
                   "--devices: %d devices take frames at the same time, --%s one by one. Name one device, or drop --%s",
                   r->devices.count, one, one);
}

static enum ax_status lease(struct ax_run *r, struct ax_error *err)
{
    const struct ax_run_settings *set = r->set;
    enum ax_status s = set->devices ? ax_devices_lease(set->devices, set->wait, &r->devices, err)
                                    : ax_cores_lease_on(set->device, (int)set->cores, set->wait, &r->devices.item[0], err);
    if (s) return s;
    if (!set->devices) r->devices.count = 1;
    r->cores = r->devices.item[0];
    return several_allowed(r, err);
}

static enum ax_status run_several(struct ax_run *r, const struct ax_args *args, int *failed, struct ax_error *err)
{
    int first = r->set->models ? 0 : 1;
    enum ax_status s = r->set->models ? ax_run_find_models(r, r->set->models, err) : ax_run_find_cascade(r, args->arg[0], err);
    if (!s) s = lease(r, err);
    r->n_pipes = 1; /* an answer each */
    return s ? s : ax_run_frames(r, args->arg + first, args->count - first, failed, err);
}

static enum ax_status run(struct ax_run *r, const struct ax_args *args, int *failed, struct ax_error *err)
{
    if (r->set->models || ax_cascade_named(args->arg[0])) return run_several(r, args, failed, err);
    enum ax_status s = ax_run_find(r, args->arg[0], err);
    if (!s && r->artifact.descriptor) {
        r->has_pipeline = true;
        s = ax_descriptor_read(r->artifact.descriptor, &r->pipeline, err);
    }
    if (!s) s = lease(r, err);
    r->many = r->set->eval || args->count > 2 || (args->count == 2 && many_frames(args->arg[1]));
    if (!s) s = open_pipe(r, r->set->pipe, err);
    if (!s && r->set->compare) s = open_pipe(r, "float", err);
    if (!s && r->n_pipes == 2) s = same_ports(r, err);
    if (s) return s;
    return r->set->tensors ? ax_run_tensors(r, err) : ax_run_frames(r, args->arg + 1, args->count - 1, failed, err);
}

static void release(struct ax_run *r)
{
    for (int i = 0; i < r->n_pipes; i++)
        for (int k = 0; k < r->pipe[i].n_replicas; k++) ax_engine_close(r->pipe[i].replicas[k]);
    ax_run_cascade_free(r);
    ax_devices_free(&r->devices);
    if (r->has_pipeline) ax_descriptor_free(&r->pipeline);
    ax_arena_free(&r->mem);
}

int main(int argc, char **argv)
{
    struct ax_run_settings set;
    struct ax_args args;
    struct ax_error err = {0};
    struct ax_run r = {.set = &set};
    int failed = 0, rc = ax_options_begin(&tool, argc, argv, &set, &args);
    if (rc >= 0) return rc;
    if (!strcmp(set.pipe, "both")) set.compare = true, set.pipe = "int8";
    if (set.list_devices) {
        rc = ax_devices_print(stdout, set.json, &err) ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    } else if (set.list) {
        rc = list_families(&err) ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    } else if (check(&set, &args, &err)) {
        fprintf(stderr, "axrun: %s\n", err.message);
        rc = AX_EXIT_USAGE;
    } else {
        enum ax_status s = run(&r, &args, &failed, &err);
        rc = s ? ax_tool_failed(&tool, &err) : failed ? AX_EXIT_FAILED : AX_EXIT_DONE;
    }
    release(&r);
    ax_args_free(&args);
    return rc;
}
