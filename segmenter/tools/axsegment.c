/* axsegment: cuts a model into segments that run as a pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tools/job.h"

#define AT(field) offsetof(struct ax_segment_settings, field)
static const struct ax_option options[] = {
    {"num_segments", 'n', "N", AX_OPT_STRING, AT(num_segments), "auto", "auto|1..16",
     "How many segments. auto: the fewest with which all parameters stay on chip, or, with --fps, that are fast "
     "enough.",
     "Partition"},
    {"by", 0, "COST", AX_OPT_STRING, AT(by), "size", "size|latency|profile",
     "What is balanced: parameter bytes, the cost model of the device, or measured times.", NULL},
    {"profile", 0, "FILE", AX_OPT_STRING, AT(profile), NULL, NULL,
     "Times of the steps, as axbench --profile writes them. Without it, --by profile measures them here.", NULL},
    {"device", 'd', "DEVICE", AX_OPT_STRING, AT(device), "cpu", NULL,
     "For on-chip memory, transfers and --by latency: cpu, a description by its name in models/devices, or by its path. "
     "sim:NAME "
     "also measures on it, simulated.",
     NULL},
    {"fps", 0, "F", AX_OPT_FLOAT, AT(fps), NULL, "0..", "With --num_segments auto: frames a second to reach.", NULL},
    {"max_segment_bytes", 0, "BYTES", AX_OPT_INT, AT(max_segment_bytes), NULL, "1..", "Parameters that a segment may hold.",
     NULL},
    {"replicas", 'r', "1,2,1", AX_OPT_STRING, AT(replicas), NULL, NULL,
     "Cores for each segment; its cost counts divided by them. auto: shares out --cores so that the slowest is fastest.", NULL},
    {"cores", 0, "N", AX_OPT_INT, AT(cores), NULL, "1..255", "Cores for --replicas auto. Default: those of the device.", NULL},
    {"cuts", 0, "TENSOR[,TENSOR]", AX_OPT_LIST, AT(cuts), NULL, NULL, "Cut here instead: each tensor ends a segment.", NULL},
    {"list_cuts", 0, NULL, AX_OPT_FLAG, AT(list_cuts), NULL, NULL, "List the tensors for --cuts, and what crosses there.",
     NULL},
    {"effort", 0, "N", AX_OPT_INT, AT(effort), "1", "1..1000",
     "How long the solver looks for the proof where a graph has very many cuts: N times two million of them, at most some N "
     "seconds.",
     NULL},
    {"balance", 0, "RATIO", AX_OPT_FLOAT, AT(balance), "1.05", "1..",
     "With --by profile: measure, correct and solve again until the slowest segment is within this ratio of the mean.",
     "Measuring"},
    {"rounds", 0, "N", AX_OPT_INT, AT(rounds), "8", "1..100", "At most so many measurements.", NULL},
    {"count", 0, "N", AX_OPT_INT, AT(count), "50", "8..100000", "Runs of a measurement; it ends after five seconds too.", NULL},
    {"wait", 0, "SECONDS", AX_OPT_FLOAT, AT(wait), "10", "0..",
     "For cores that other processes hold; after that the segments are measured one after another, not as a pipeline.", NULL},
    {"no_measure", 0, NULL, AX_OPT_FLAG, AT(no_measure), NULL, NULL, "With --by profile: solve once, run nothing.", NULL},
    {"check", 0, "partition.json", AX_OPT_STRING, AT(check), NULL, NULL,
     "Instead of cutting: is this partition still as fast as it was, and is none better by more than the tolerance? Exit code "
     "3 if "
     "not. MODEL may be left out where the partition's source lies in its place.",
     "Checking"},
    {"tolerance", 0, "SHARE", AX_OPT_STRING, AT(tolerance), "5%", NULL, "As 5% or 0.05.", NULL},
    {"markdown", 0, NULL, AX_OPT_FLAG, AT(markdown), NULL, NULL, "Print the table of --check as Markdown.", NULL},
    {"output", 'o', "DIR", AX_OPT_STRING, AT(output), NULL, NULL, "Folder of the segments. Default: build/NAME/segments_N.",
     "Output"},
    {"name", 0, "NAME", AX_OPT_NAME, AT(name), NULL, NULL, "Default: that of the compiled model, else the file's.", NULL},
    {"compress", 'z', NULL, AX_OPT_FLAG, AT(compress), NULL, NULL, "Compress the sections of the .axmodel files.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, AT(json), NULL, NULL, "Print partition.json, or the verdict of --check as JSON.", NULL},
    {"compile_option", 0, "OPTION", AX_OPT_REPEAT, AT(compile_options), NULL, NULL,
     "For an .onnx: handed to axcompile, for example --compile_option=--calib=photos.", NULL},
    {0},
};

static const struct ax_tool tool = {
    .name = "axsegment",
    .synopsis = "MODEL.axmodel|MODEL.onnx|FOLDER",
    .summary = "cuts a compiled model into balanced segments that run as a pipeline",
    .description = "Writes NAME_segment_I_of_N.axmodel, a manifest for each, and partition.json. Of all cuts into a chain of N "
                   "segments the "
                   "one is taken whose slowest segment is fastest: its computing, the streaming of parameters that do not fit "
                   "on chip, and its "
                   "transfers. Among equals, the one across which fewest bytes go. Tensors may skip segments, inputs may enter "
                   "and outputs "
                   "leave at any. A lower bound that no cut can beat is printed with it.\n\nA segmented model computes the "
                   "same bits as the "
                   "whole one.",
    .examples = "axsegment build/resnet50/resnet50/1 --num_segments 3\n"
                "axsegment model.axmodel --num_segments 4 --by latency --device edgetpu-usb -o segments\n"
                "axsegment model.axmodel --num_segments 2 --by profile --profile profile.json\n"
                "axsegment --check segments/partition.json --by profile --tolerance 5%",
    .options = options,
    .min_args = 0,
    .max_args = 1,
};

/* Values whose form the table of options cannot say. */
static enum ax_status check_values(const struct ax_segment_settings *set, struct ax_error *err)
{
    int list[AX_SEG_MAX_STAGES], n;
    double tolerance;
    enum ax_status s = ax_segment_tolerance(set->tolerance, &tolerance, err);
    return !s && set->replicas ? ax_segment_replicas(set->replicas, list, &n, err) : s;
}

static enum ax_status segment(struct ax_segment_job *j, struct ax_error *err)
{
    struct ax_partition p;
    enum ax_status s = ax_segment_load(j, err);
    if (!s) s = ax_segment_costs(j, err);
    if (!s && j->set->list_cuts) {
        ax_segment_list_cuts(j);
        return AX_OK;
    }
    if (!s) s = ax_segment_plan(j, err);
    if (s) return s;
    j->dir = j->set->output ? j->set->output : ax_arena_printf(&j->mem, "build/%s/segments_%d", j->name, j->n_segments);
    bool measure = j->by == AX_SEG_BY_PROFILE && !j->set->no_measure && !j->by_hand &&
                   !strcmp(j->profile.device, j->simulated ? j->device_name : "cpu");
    s = measure ? ax_segment_refine(j, err) : ax_segment_cut(j, err);
    if (s) return s;
    ax_segment_partition(j, &p);
    s = ax_segment_write(j, &p, err);
    if (s) return s;
    if (j->set->json) {
        char *text = ax_partition_text(&p);
        fputs(text, stdout);
        free(text);
    } else {
        ax_segment_report(j, &p);
    }
    if (*j->warning) fprintf(stderr, "axsegment: warning: %s\n", j->warning);
    return AX_OK;
}

int main(int argc, char **argv)
{
    struct ax_segment_settings set;
    struct ax_args args;
    struct ax_error err = {0};
    int code = ax_options_begin(&tool, argc, argv, &set, &args);
    if (code >= 0) return code;
    struct ax_segment_job j = {.set = &set, .path = args.count ? args.arg[0] : NULL};
    enum ax_status s = check_values(&set, &err);
    if (s) {
        fprintf(stderr, "axsegment: %s\n", err.message);
        ax_args_free(&args);
        return AX_EXIT_USAGE;
    }
    if (!set.check && !args.count) {
        fprintf(stderr, "axsegment: no model was given. axsegment --help shows how\n");
        ax_args_free(&args);
        return AX_EXIT_USAGE;
    }
    s = set.check ? ax_segment_check(&j, args.count ? args.arg[0] : NULL, &err) : segment(&j, &err);
    code = s ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    ax_segment_unload(&j);
    ax_args_free(&args);
    return code;
}
