/* axcompile: ONNX -> int8 -> .axmodel. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/progress.h"
#include "lower/lower.h"
#include "onnx/import.h"
#include "passes/passes.h"
#include "tools/job.h"

#define AT(field) offsetof(struct ax_compile_settings, field)
static const struct ax_option options[] = {
    {"input_shape", 'i', "NAME:1x3x224x224", AX_OPT_REPEAT, AT(input_shapes), NULL, NULL,
     "Shape of an input whose dimensions are open in the file. NAME: may be left out when there is one input.", "Input"},
    {"batch", 'b', "N", AX_OPT_INT, AT(batch), NULL, "1..1024", "First dimension of every input.", NULL},
    {"until", 0, "VALUE[,VALUE]", AX_OPT_LIST, AT(until), NULL, NULL, "Compile only up to these values of the model.", NULL},
    {"no_check", 0, NULL, AX_OPT_FLAG, AT(no_check), NULL, NULL, "Skip ONNX's own checker.", NULL},
    {"calib", 'c', "PATH", AX_OPT_REPEAT, AT(calib), NULL, NULL,
     "Calibration inputs: a folder of pictures, .npz or .npy arrays named as the inputs, a folder of ONNX .pb tensors, or the "
     "word random (accuracy is then not to be trusted).",
     "Quantization"},
    {"calib_count", 'n', "N", AX_OPT_INT, AT(calib_count), "100", "1..1000000", "At most so many samples.", NULL},
    {"calib_seed", 0, "S", AX_OPT_INT, AT(calib_seed), "0", "0..", "Which samples, where there are more.", NULL},
    {"precision", 'p', "P", AX_OPT_STRING, AT(precision), "int8", "int8|float32", "float32 compiles the float model.", NULL},
    {"range", 0, "METHOD", AX_OPT_STRING, AT(range), "minmax", "minmax|percentile|mse", "How activation ranges are chosen.",
     NULL},
    {"percentile", 0, "P", AX_OPT_FLOAT, AT(percentile), "99.99", "50..100", "Share of values inside the range.", NULL},
    {"float_nodes", 0, "NAME[,NAME]", AX_OPT_LIST, AT(float_nodes), NULL, NULL,
     "Nodes, or all of an operator, that stay in float32.", NULL},
    {"int8_nodes", 0, "NAME[,NAME]", AX_OPT_LIST, AT(int8_nodes), NULL, NULL,
     "Nodes that run in int8 where they can although nothing but decoding in float stands behind them.", NULL},
    {"output_type", 0, "T", AX_OPT_STRING, AT(output_type), "float32", "float32|int8",
     "int8 rounds the outputs too; scale and zero point stand in the manifest.", NULL},
    {"no_channel_scales", 0, NULL, AX_OPT_FLAG, AT(no_channel_scales), NULL, NULL, "One scale for every activation.", NULL},
    {"no_bias_correction", 0, NULL, AX_OPT_FLAG, AT(no_bias_correction), NULL, NULL, "Leave the biases as they are.", NULL},
    {"min_sqnr", 0, "DB", AX_OPT_FLOAT, AT(min_sqnr), NULL, NULL,
     "Fail with exit code 3, and write nothing, when the outputs' signal-to-noise ratio is below.", NULL},
    {"pipeline", 0, "FILE", AX_OPT_STRING, AT(pipeline), NULL, NULL,
     "A model.json to take pre- and post-processing from. Without it: the artifact's own from before, or the .json beside the "
     "model, or the options below.",
     "Pictures"},
    {"family", 0, "NAME", AX_OPT_STRING, AT(family), NULL, NULL,
     "The pipeline of a known family (yolov8, nanodet...; axrun --list shows all), fitted to the input's size. Without it, and "
     "where nothing else says what the pipeline is, it is recognized from the outputs where that is certain.",
     NULL},
    {"resize", 0, "HOW", AX_OPT_STRING, AT(resize), "crop", "crop|stretch|letterbox", "How pictures fit the input.", NULL},
    {"color", 0, "ORDER", AX_OPT_STRING, AT(color), NULL, "rgb|bgr|gray", "What the model expects (default by its channels).",
     NULL},
    {"scale", 0, "F", AX_OPT_FLOAT, AT(scale), "0.00392156862745098", NULL,
     "Factor of the 0..255 of a pixel; then mean, then std.", NULL},
    {"mean", 0, "M[,M,M]", AX_OPT_NUMBERS, AT(mean), NULL, NULL, "Subtracted after scaling.", NULL},
    {"std", 0, "S[,S,S]", AX_OPT_NUMBERS, AT(std), NULL, "1e-9..1e6", "Divided by after subtracting.", NULL},
    {"labels", 0, "FILE", AX_OPT_STRING, AT(labels), NULL, NULL, "Class names, one a line; in place of those of the pipeline.",
     NULL},
    {"output", 'o', "DIR", AX_OPT_STRING, AT(output), NULL, NULL,
     "Folder of model.axmodel, manifest.json and model.json. Default: build/NAME/NAME/1.", "Output"},
    {"name", 0, "NAME", AX_OPT_NAME, AT(name), NULL, NULL, "Default: the file's name.", NULL},
    {"device", 0, "DEVICE", AX_OPT_STRING, AT(device), NULL, NULL,
     "Report memory for, and with --num_segments cut for, this chip: a description by its name in models/devices (also as "
     "sim:NAME), or by its path.",
     NULL},
    {"num_segments", 0, "N", AX_OPT_STRING, AT(num_segments), NULL, "auto|1..16",
     "Cut the result into N segments (or auto) that run as a pipeline, in the same folder; axsegment has more options.", NULL},
    {"compress", 'z', NULL, AX_OPT_FLAG, AT(compress), NULL, NULL, "Compress the sections of the .axmodel.", NULL},
    {"force", 'f', NULL, AX_OPT_FLAG, AT(force), NULL, NULL, "Compile even if nothing changed.", NULL},
    {"show_operations", 's', NULL, AX_OPT_FLAG, AT(show_operations), NULL, NULL,
     "Table of operators: count, precision, reason.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, AT(json), NULL, NULL, "Print the manifest instead of the report.", NULL},
    {"print_after", 0, "PASS", AX_OPT_STRING, AT(print_after), NULL, NULL, "Print the graph after a pass, or after all.",
     "Developers"},
    {"stop_after", 0, "PASS", AX_OPT_STRING, AT(stop_after), NULL, NULL, "Stop there; nothing is written.", NULL},
    {"verify", 0, NULL, AX_OPT_FLAG, AT(verify), NULL, NULL, "Verify the graph after every pass.", NULL},
    {"timings", 0, NULL, AX_OPT_FLAG, AT(timings), NULL, NULL, "Print how long each pass took.", NULL},
    {"threads", 'j', "N", AX_OPT_INT, AT(threads), "0", "0..1024",
     "0: as many as there are cores. The result does not depend on it.", NULL},
    {0},
};

static const struct ax_tool tool = {
    .name = "axcompile",
    .synopsis = "MODEL.onnx",
    .summary = "quantizes an ONNX model to int8 and compiles it",
    .description =
        "Reads an ONNX model (opset 7 to 22), quantizes it with the calibration inputs, and writes model.axmodel, "
        "manifest.json, model.json and compile.log. A second compile of an unchanged model with unchanged options does "
        "nothing.\n\nInt8 needs calibration inputs like those that the model will see; without any, compiling is an error.",
    .examples = "axcompile resnet50.onnx --calib photos --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n"
                "axcompile yolov8n.onnx --calib inputs.npz --min_sqnr 20 -o out\n"
                "axcompile model.onnx --precision float32 --batch 1",
    .options = options,
    .min_args = 1,
    .max_args = 1,
};

/* -- input shapes -- */

static void say_note(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "axcompile: note: %s\n", text);
}

static enum ax_status open_calib(struct ax_compile_job *j, struct ax_error *err)
{
    const struct ax_compile_settings *set = j->set;
    struct ax_calib_options opt = {.paths = set->calib.item,
                                   .n_paths = set->calib.count,
                                   .count = (int)set->calib_count,
                                   .seed = (uint64_t)set->calib_seed};
    return ax_calib_open(&opt, &j->calib, err);
}

static enum ax_status bind_calib(struct ax_compile_job *j, struct ax_error *err)
{
    if (j->calib) return ax_calib_bind(j->calib, j->source, &j->pipeline, err);
    return ax_fail(
        err, AX_INVALID_ARGUMENT,
        "%s: int8 needs calibration inputs like those that the model will see. Give --calib with a folder of pictures, "
        "an .npz, or ONNX .pb tensors; --calib random to try without (accuracy is then not to be trusted); or "
        "--precision float32",
        j->path);
}

static enum ax_status import(struct ax_compile_job *j, struct ax_error *err)
{
    const struct ax_compile_settings *set = j->set;
    int n_samples = 0;
    struct ax_import_options opt = {.shapes = j->input_shapes,
                                    .n_shapes = set->input_shapes.count,
                                    .batch = set->batch,
                                    .samples = j->calib ? ax_calib_shapes(j->calib, &n_samples) : NULL,
                                    .cut_outputs = set->until.item,
                                    .n_cut_outputs = set->until.count,
                                    .no_check = set->no_check,
                                    .note = say_note};
    opt.n_samples = n_samples;
    return ax_import(j->path, &opt, &j->source, err);
}

/* -- the middle -- */

/* What the file itself says of layers and outputs (axjoin --script); --output_type overrules it for all outputs. */
static enum ax_status read_precision(struct ax_compile_job *j, struct ax_error *err)
{
    const char *text;
    struct ax_json_doc doc;
    enum ax_status s = ax_import_metadata(j->path, AX_PRECISION_METADATA, &j->mem, &text, err);
    if (s || !text) return s;
    s = ax_json_parse(text, strlen(text), ax_arena_printf(&j->mem, "%s, metadata " AX_PRECISION_METADATA, j->path), &doc, err);
    if (!s) ax_precision_read(ax_json_root(&doc), &j->mem, &j->precision);
    if (!s) s = ax_json_status(&doc);
    ax_json_close(&doc);
    return s;
}

static void apply_precision(struct ax_compile_job *j, struct ax_quant_options *opt)
{
    ax_precision_apply(&j->precision, j->source, &j->mem, opt);
    if (j->output_type_given) opt->n_int8_outputs = 0;
    for (int i = 0; i < j->precision.n; i++)
        if (!j->precision.rules[i].used)
            fprintf(
                stderr,
                "axcompile: warning: the precision that %s asks for '%s' has no effect: no %s of that name is left once the "
                "graph is simplified\n",
                j->path, j->precision.rules[i].pattern, j->precision.rules[i].outputs ? "output" : "layer");
}

static enum ax_status run_passes(struct ax_compile_job *j, struct ax_error *err)
{
    struct ax_pass_options opt = {.print_after = j->set->print_after,
                                  .stop_after = j->set->stop_after,
                                  .verify = j->set->verify,
                                  .timings = j->set->timings,
                                  .out = j->set->print_after ? stdout : stderr};
    return ax_passes_run(j->source, &opt, err);
}

static void show(void *ctx, double done)
{
    ax_progress_step(ctx, (int64_t)(done * 1000));
}

static enum ax_status quantize(struct ax_compile_job *j, struct ax_error *err)
{
    const struct ax_compile_settings *set = j->set;
    struct ax_progress bar;
    struct ax_samples samples = ax_calib_samples(j->calib);
    struct ax_quant_options opt = {.range = !strcmp(set->range, "mse")          ? AX_RANGE_MSE
                                            : !strcmp(set->range, "percentile") ? AX_RANGE_PERCENTILE
                                                                                : AX_RANGE_MINMAX,
                                   .percentile = set->percentile,
                                   .channel_scales = !set->no_channel_scales,
                                   .bias_correction = !set->no_bias_correction,
                                   .float_nodes = set->float_nodes.item,
                                   .n_float_nodes = set->float_nodes.count,
                                   .int8_nodes = set->int8_nodes.item,
                                   .n_int8_nodes = set->int8_nodes.count,
                                   .output_int8 = !strcmp(set->output_type, "int8"),
                                   .threads = (int)set->threads,
                                   .progress = show,
                                   .progress_ctx = &bar};
    apply_precision(j, &opt);
    ax_progress_begin(&bar, "quantizing", 1000);
    enum ax_status s = ax_quantize(j->source, &samples, &opt, &j->graph, &j->report, err);
    ax_progress_end(&bar);
    if (s) return s;
    j->measured = true;
    if (j->min_sqnr_given && j->report.sqnr_db < set->min_sqnr)
        return ax_fail(
            err, AX_LIMIT,
            "%s: the int8 outputs have %.2f dB of signal over noise, --min_sqnr asks for %.2f; nothing was written. The worst "
            "layer is %s (%.1f dB): try more calibration samples, or --float_nodes",
            j->path, j->report.sqnr_db, set->min_sqnr, j->report.n_layers ? j->report.layers[0].value : "unknown",
            j->report.n_layers ? j->report.layers[0].sqnr_db : 0.0);
    return AX_OK;
}

/* 1: an unchanged artifact stands there already. */
static enum ax_status compile(struct ax_compile_job *j, int *unchanged, struct ax_error *err)
{
    bool to_float = !strcmp(j->set->precision, "float32");
    enum ax_status s = !to_float && j->set->calib.count ? open_calib(j, err) : AX_OK;
    if (!s) s = import(j, err);
    if (!s) s = read_precision(j, err);
    if (!s) s = ax_job_pipeline(j, err);
    if (!s) s = run_passes(j, err);
    if (s || j->set->stop_after) return s;
    bool calibrate = !to_float && !ax_graph_prequantized(j->source);
    if (calibrate)
        s = bind_calib(j, err);
    else
        ax_calib_close(j->calib), j->calib = NULL;
    if (!s) s = ax_job_key(j, err);
    if (!s && !j->set->force && ax_job_up_to_date(j)) {
        *unchanged = 1;
        return ax_job_follow_pipeline(j, &j->pipeline_followed, err);
    }
    if (!s && calibrate) s = quantize(j, err);
    struct ax_lower_options lower = {0};
    if (!s) s = ax_lower(j->graph ? j->graph : j->source, &lower, &j->program, NULL, err);
    return s ? s : ax_job_write(j, err);
}

static void finish(struct ax_compile_job *j)
{
    ax_calib_close(j->calib);
    ax_program_free(j->program);
    ax_graph_free(j->graph);
    ax_graph_free(j->source);
    ax_descriptor_free(&j->pipeline);
    ax_arena_free(&j->mem);
}

static void say_result(struct ax_compile_job *j, int unchanged)
{
    if (unchanged) {
        printf("%s: nothing changed, %s stands (--force recompiles)%s\n", j->path, j->dir,
               j->pipeline_followed ? "; its model.json is new" : "");
        return;
    }
    if (j->set->stop_after) return;
    struct ax_manifest m;
    ax_job_manifest(j, &m);
    if (j->set->json) {
        char *text = ax_manifest_text(&m);
        fputs(text, stdout);
        free(text);
    } else
        fputs(ax_job_report(j, &m, j->set->show_operations), stdout);
}

static void warn_of_calib(struct ax_compile_job *j)
{
    char *lines = ax_arena_str(&j->mem, ax_calib_warnings(j->calib));
    for (char *l = strtok(lines, "\n"); l; l = strtok(NULL, "\n")) fprintf(stderr, "axcompile: warning: %s\n", l);
}

int main(int argc, char **argv)
{
    struct ax_compile_settings set;
    struct ax_args args;
    struct ax_error err = {0};
    int code = ax_options_begin(&tool, argc, argv, &set, &args);
    if (code >= 0) return code;
    struct ax_compile_job j = {.path = args.arg[0], .set = &set};
    clock_gettime(CLOCK_MONOTONIC, &j.begin);
    static const char *const pictures[] = {"resize", "color", "scale", "mean", "std"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        j.preprocessing_given |= ax_option_given(&tool, &args, pictures[i]);
    j.output_type_given = ax_option_given(&tool, &args, "output_type");
    j.min_sqnr_given = ax_option_given(&tool, &args, "min_sqnr");
    ax_arena_init(&j.mem);
    if (ax_input_shapes_parse(set.input_shapes.item, set.input_shapes.count, &j.mem, &j.input_shapes, &err)) {
        fprintf(stderr, "axcompile: %s\n", err.message);
        finish(&j);
        ax_args_free(&args);
        return AX_EXIT_USAGE;
    }
    j.name = set.name ? set.name : ax_path_stem(&j.mem, j.path);
    j.dir = set.output ? set.output : ax_arena_printf(&j.mem, "build/%s/%s/1", j.name, j.name);
    int unchanged = 0;
    bool simulated;
    enum ax_status s = set.device ? ax_device_find(set.device, &j.device, &simulated, &j.mem, &err) : AX_OK;
    if (!s) s = compile(&j, &unchanged, &err);
    if (!s) say_result(&j, unchanged);
    if (!s && j.calib && !unchanged) warn_of_calib(&j);
    if (!s && !set.stop_after && ax_job_pipeline_warning(&j))
        fprintf(stderr, "axcompile: warning: %s\n", ax_job_pipeline_warning(&j));
    if (!s) code = AX_EXIT_DONE;
    if (!s && set.num_segments && !set.stop_after) s = ax_job_segments(&j, &code, &err);
    if (s) code = ax_tool_failed(&tool, &err);
    finish(&j);
    ax_args_free(&args);
    return code;
}
