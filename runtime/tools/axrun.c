/* axrun: a compiled model on pictures or tensors. */
#include <stdio.h>
#include <string.h>

#include "files/modeljson_families.h"
#include "tools/axrun.h"

static const struct ax_option options[] = {
    {"cores", 'c', "N", AX_OPT_INT, offsetof(struct ax_run_settings, cores), NULL, "1..1024",
     "Cores to run on; without it all that the process may use.", "Running"},
    {"threads", 't', "N", AX_OPT_INT, offsetof(struct ax_run_settings, cores), NULL, "1..1024", "The same as --cores.", NULL},
    {"device", 'd', "DEVICE", AX_OPT_STRING, offsetof(struct ax_run_settings, device), "cpu", NULL,
     "cpu, or sim:NAME for a simulated chip (see axbench), which gives the same results.", NULL},
    {"batch", 'b', "N", AX_OPT_INT, offsetof(struct ax_run_settings, batch), "1", "1..1024",
     "Samples to run at the same time, each on its share of the cores.", NULL},
    {"wait", 0, "S", AX_OPT_FLOAT, offsetof(struct ax_run_settings, wait), "60", "0..",
     "Seconds to wait for cores that another process holds.", NULL},
    {"pipe", 0, "PIPE", AX_OPT_STRING, offsetof(struct ax_run_settings, pipe), "int8", "int8|float|both",
     "int8 runs the compiled model; float runs the ONNX model that it was made from, in float32 on the same executor; both is "
     "--compare.",
     NULL},
    {"compare", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, compare), NULL, NULL,
     "Run both and show their difference.", NULL},
    {"tensors", 0, "IN.npz", AX_OPT_STRING, offsetof(struct ax_run_settings, tensors), NULL, NULL,
     "Run on tensors instead of pictures: arrays named as the inputs, one sample or several along the first axis.", "Tensors"},
    {"out", 'o', "OUT.npz", AX_OPT_STRING, offsetof(struct ax_run_settings, out), NULL, NULL,
     "Where the outputs of --tensors go, stacked along the first axis, in the ONNX model's layout, as float32; with --eval and "
     "boxes, where the detections go, a .json as COCO's own tools read it.",
     NULL},
    {"raw_outputs", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, raw_outputs), NULL, NULL,
     "Write the device's own integers where it has them.", NULL},
    {"top_k", 'k', "K", AX_OPT_INT, offsetof(struct ax_run_settings, top_k), NULL, "1..1000",
     "Classes to report; without it as model.json says.", "Results"},
    {"labels", 0, "FILE", AX_OPT_STRING, offsetof(struct ax_run_settings, labels), NULL, NULL,
     "One label a line; without it those that model.json names.", NULL},
    {"eval", 'e', "LABELS", AX_OPT_STRING, offsetof(struct ax_run_settings, eval), NULL, NULL,
     "Score the model: top-1 and top-5 (lines of FILE,CLASS or a folder a class), or mAP (a .json in COCO's form). INPUT is "
     "then "
     "the folder of the pictures, where it is not that of the labels.",
     "Accuracy"},
    {"list", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, list), NULL, NULL,
     "List the families of models whose pipelines are known, for axcompile --family.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, json), NULL, NULL, "Print JSON.", NULL},
    {"csv", 0, NULL, AX_OPT_FLAG, offsetof(struct ax_run_settings, csv), NULL, NULL, "Print a line of CSV for each result.",
     NULL},
    {"save", 0, "DIR", AX_OPT_STRING, offsetof(struct ax_run_settings, save), NULL, NULL,
     "Write the pictures with boxes, labels, keypoints and masks drawn into them.", NULL},
    {0},
};
static const struct ax_tool tool = {
    "axrun",
    "MODEL [INPUT...]",
    "runs a compiled model on pictures or tensors",
    "MODEL is a name under build/ (NAME for build/NAME/NAME/1), a folder that axcompile or axsegment wrote, a model.json, an "
    ".axmodel "
    "or a partition.json, whose segments run as a pipeline. "
    "INPUT is a picture (JPEG, PNG, BMP, WebP...) or a folder of pictures.\n\n"
    "Cores are leased while axrun runs; what another process holds is waited for. A picture that cannot be read is reported "
    "and the others go on; the exit code is then 1.",
    "  axrun resnet18 cat.jpg\n  axrun yolov8n pictures/ --save annotated\n  axrun yolov8n --eval instances.json pictures/ "
    "--pipe both\n  axrun resnet18 pictures/ --top_k 3 --json\n  "
    "axrun resnet18 cat.jpg --compare\n"
    "  axrun resnet18 --tensors in.npz --out out.npz\n",
    options,
    0,
    -1,
};

static enum ax_status check(const struct ax_run_settings *set, const struct ax_args *args, struct ax_error *err)
{
    if (!args->count) return ax_fail(err, AX_INVALID_ARGUMENT, "no MODEL; axrun --help shows how it is used");
    if (set->tensors && args->count > 1)
        return ax_fail(err, AX_INVALID_ARGUMENT, "'%s': either pictures or --tensors, not both", args->arg[1]);
    if (set->eval && (set->tensors || set->csv || args->count > 2))
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "--eval scores the labels' pictures: one folder at most, no --tensors, no --csv");
    if (!set->tensors && !set->eval && args->count < 2)
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
    return AX_OK;
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

static enum ax_status open_pipe(struct ax_run *r, const char *name, struct ax_error *err)
{
    const char *path = r->artifact.model;
    enum ax_status s = strcmp(name, "float") == 0 ? ax_run_float_model(r, &path, err) : AX_OK;
    struct ax_run_pipe *p = &r->pipe[r->n_pipes];
    if (!s) s = ax_engine_open(r->cores, path, (int)r->set->batch, &p->engine, err);
    if (s) return s;
    p->name = name;
    if (r->set->compare)
        ax_engine_limit_batch(p->engine, (int)r->set->batch), ax_engine_rest(p->engine); /* both take turns on the cores */
    r->n_pipes++;
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

static enum ax_status run(struct ax_run *r, const struct ax_args *args, int *failed, struct ax_error *err)
{
    enum ax_status s = ax_artifact_find(args->arg[0], &r->mem, &r->artifact, err);
    if (!s && r->artifact.descriptor) {
        r->has_pipeline = true;
        s = ax_descriptor_read(r->artifact.descriptor, &r->pipeline, err);
    }
    if (!s) s = ax_cores_lease_on(r->set->device, (int)r->set->cores, r->set->wait, &r->cores, err);
    if (!s) s = open_pipe(r, r->set->pipe, err);
    if (!s && r->set->compare) s = open_pipe(r, "float", err);
    if (!s && r->n_pipes == 2) s = same_ports(r, err);
    if (s) return s;
    return r->set->tensors ? ax_run_tensors(r, err) : ax_run_pictures(r, args->arg + 1, args->count - 1, failed, err);
}

static void release(struct ax_run *r)
{
    for (int i = 0; i < r->n_pipes; i++) ax_engine_close(r->pipe[i].engine);
    ax_cores_free(r->cores);
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
    if (set.list) {
        rc = list_families(&err) ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    } else if (check(&set, &args, &err)) {
        fprintf(stderr, "axrun: %s\n", err.message);
        rc = AX_EXIT_USAGE;
    } else {
        enum ax_status s = run(&r, &args, &failed, &err);
        if (!s && (fflush(stdout) || ferror(stdout))) s = ax_fail(&err, AX_IO, "cannot write to the standard output");
        rc = s ? ax_tool_failed(&tool, &err) : failed ? AX_EXIT_FAILED : AX_EXIT_DONE;
    }
    release(&r);
    ax_args_free(&args);
    return rc;
}
