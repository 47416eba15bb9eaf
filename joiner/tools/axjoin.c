/* axjoin: several models in one, with a proof. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "job.h"

#define AT(field) offsetof(struct ax_join_settings, field)
static const struct ax_option options[] = {
    {"action", 'a', "ACTION", AX_OPT_STRING, AT(action), NULL, "auto_join_inputs|none|auto_chain|custom",
     "auto_join_inputs (the default) feeds all models from one input; none leaves each its own; auto_chain feeds each model "
     "from the "
     "outputs of the one before it, matched by shape and order; custom does what --map says.",
     "Joining"},
    {"map", 'm', "A/OUT=B/IN", AX_OPT_LIST, AT(maps), NULL, NULL, "An output that feeds an input; implies --action custom.",
     NULL},
    {"outputs", 0, "A/OUT,B/OUT", AX_OPT_LIST, AT(outputs), NULL, NULL,
     "Outputs of the joined model, in this order. Default: all that feed nothing.", NULL},
    {"scope", 's', "NAME", AX_OPT_LIST, AT(scopes), NULL, NULL,
     "Name of a model, put before all of its names; once for each model, in order. Default: the file's name, numbered where "
     "equal.",
     NULL},
    {"script", 0, "FILE", AX_OPT_STRING, AT(script), NULL, NULL,
     "A JSON file with models, scopes, action, map, outputs, normalization of each branch and precision of layers.", NULL},
    {"no_share", 0, NULL, AX_OPT_FLAG, AT(no_share), NULL, NULL, "Keep layers and constants that are equal apart.", NULL},
    {"input_shape", 'i', "NAME:1x3x224x224", AX_OPT_REPEAT, AT(input_shapes), NULL, NULL,
     "Shape of an input whose dimensions are open in a .onnx file.", NULL},
    {"batch", 'b', "N", AX_OPT_INT, AT(batch), NULL, "1..1024", "First dimension of every input of .onnx files.", NULL},
    {"verify", 'v', "N", AX_OPT_INT, AT(verify), "8", "0..100000",
     "Prove the result on N random inputs, and on N of --calib: outputs equal to the bit (.axmodel), or equal or within 1e-6 "
     "of their "
     "range (.onnx, in float). 0: no proof. A failed proof leaves no file.",
     "Proof"},
    {"calib", 'c', "PATH", AX_OPT_REPEAT, AT(calib), NULL, NULL,
     "Inputs to prove with besides random ones: pictures, .npz or .npy arrays, ONNX .pb tensors.", NULL},
    {"seed", 0, "S", AX_OPT_INT, AT(seed), "0", "0..", "Of the random inputs.", NULL},
    {"threads", 'j', "N", AX_OPT_INT, AT(threads), "0", "0..1024", "For the proof; 0: all cores.", NULL},
    {"fit", 0, "HOW", AX_OPT_STRING, AT(fit), "warn", "require|warn",
     "What to do when the joined model (an .onnx: once it is compiled) exceeds the memory on the chip; require fails with exit "
     "code 3.",
     "Device"},
    {"device", 'd', "FILE", AX_OPT_STRING, AT(device), NULL, NULL, "Description of the device. Default: the processor.", NULL},
    {"output", 'o', "OUT", AX_OPT_STRING, AT(output), NULL, NULL,
     "A .onnx or .axmodel file, or (compiled models) a folder for model.axmodel, manifest.json and model.json. Default: "
     "NAME.onnx, or "
     "build/NAME/NAME/1.",
     "Output"},
    {"name", 0, "NAME", AX_OPT_NAME, AT(name), NULL, NULL,
     "Default: OUT's, where it is a file, else the scopes, with _ between.", NULL},
    {"compress", 'z', NULL, AX_OPT_FLAG, AT(compress), NULL, NULL, "Compress the sections of the .axmodel.", NULL},
    {"dry_run", 'n', NULL, AX_OPT_FLAG, AT(dry_run), NULL, NULL, "Print the plan and write nothing.", NULL},
    {"json", 0, NULL, AX_OPT_FLAG, AT(json), NULL, NULL, "Print JSON.", NULL},
    {0},
};

static const struct ax_tool tool = {
    .name = "axjoin",
    .synopsis = "MODEL MODEL...",
    .summary = "joins models so that they are loaded, fed and run as one",
    .description =
        "Each MODEL is a .onnx file, an .axmodel, a model.json or a folder with one; all of one kind. Models that look at the "
        "same picture get one input; layers that they begin with alike are computed once. Compiled models keep their scales, "
        "and the result is proved: the same inputs through the originals and the joined model give equal outputs.\n\nWhere "
        "only the normalization or the order of colours of their model.json files differs, they move into the branches, and "
        "the "
        "input is the picture's pixels, RGB, 0 to 255.",
    .examples = "  axjoin build/yolov8n/yolov8n/1 build/resnet18/resnet18/1 -o build/both\n"
                "  axjoin resnet18.onnx resnet18.onnx --script two_resnets.json -o joined.onnx\n"
                "  axjoin det.onnx cls.onnx --map det/crop=cls/input --outputs cls/prob -o chain.onnx\n",
    .options = options,
    .min_args = 0,
    .max_args = AX_JOIN_MAX_MODELS,
};

static enum ax_status parse_maps(struct ax_join_job *b, struct ax_error *err)
{
    const struct ax_list *l = &b->set->maps;
    if (!l->count) return AX_OK;
    b->edges = AX_NEW(&b->join.mem, struct ax_join_edge, l->count);
    for (int i = 0; i < l->count; i++) {
        const char *eq = strchr(l->item[i], '=');
        if (!eq) return ax_fail(err, AX_INVALID_ARGUMENT, "--map %s: expected A/OUT=B/IN", l->item[i]);
        b->edges[b->n_edges++] =
            (struct ax_join_edge){ax_arena_strn(&b->join.mem, l->item[i], (size_t)(eq - l->item[i])), eq + 1};
    }
    return AX_OK;
}

static enum ax_status choose_action(struct ax_join_job *b, struct ax_error *err)
{
    static const char *const words[] = {"auto_join_inputs", "none", "auto_chain", "custom"};
    const char *a = b->set->action ? b->set->action : b->action ? b->action : b->n_edges ? "custom" : words[0];
    for (int i = 0; i < 4; i++)
        if (!strcmp(a, words[i])) b->join.action = (enum ax_join_action)i;
    if (b->n_edges && b->join.action != AX_JOIN_CUSTOM)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--map belongs to --action custom, not to %s", a);
    return AX_OK;
}

static void make_name(struct ax_join_job *b)
{
    struct ax_join *j = &b->join;
    const char *name = j->models[0].scope;
    for (int m = 1; m < j->n_models; m++) name = ax_arena_printf(&j->mem, "%s_%s", name, j->models[m].scope);
    const char *o = b->set->output;
    if (o && (ax_path_has_ext(o, ".onnx") || ax_path_has_ext(o, ".axmodel")) && !ax_dir_exists(o))
        name = ax_path_stem(&j->mem, o);
    j->name = b->set->name ? b->set->name : name;
}

static enum ax_status make_paths(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    const char *o = b->set->output, *ext = j->compiled ? ".axmodel" : ".onnx", *other = j->compiled ? ".onnx" : ".axmodel";
    if (o && ax_path_has_ext(o, other))
        return ax_fail(err, AX_INVALID_ARGUMENT, "-o %s: the models are %s files, and so is what they are joined to", o, ext);
    if (o && ax_path_has_ext(o, ext) && !ax_dir_exists(o)) {
        b->model_path = o;
    } else if (j->compiled) {
        b->folder = o ? o : ax_arena_printf(&j->mem, "build/%s/%s/1", j->name, j->name);
        b->model_path = ax_path_join(&j->mem, b->folder, "model.axmodel");
    } else
        b->model_path = o ? ax_path_join(&j->mem, o, ax_arena_printf(&j->mem, "%s.onnx", j->name))
                          : ax_arena_printf(&j->mem, "%s.onnx", j->name);
    return AX_OK;
}

static enum ax_status load_all(struct ax_join_job *b, const struct ax_args *args, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < args->count && !s; i++)
        s = ax_join_load(&b->join, args->arg[i], &b->set->input_shapes, b->set->batch, err);
    if (!s && b->join.n_models < 2)
        s = ax_fail(err, AX_INVALID_ARGUMENT, "%d model given; at least two are joined (or one with itself: name it twice)",
                    b->join.n_models);
    return s;
}

static enum ax_status run(struct ax_join_job *b, const struct ax_args *args, struct ax_error *err)
{
    const struct ax_join_settings *set = b->set;
    struct ax_join *j = &b->join;
    b->device = ax_device_cpu;
    b->verify = (int)set->verify;
    enum ax_status s = set->script ? ax_join_read_script(b, set->script, err) : AX_OK;
    if (!s) s = load_all(b, args, err);
    if (!s && set->device) s = ax_device_read(set->device, &b->device, &j->mem, err);
    if (!s) s = parse_maps(b, err);
    if (!s) s = choose_action(b, err);
    if (s) return s;
    const char **scopes = AX_NEW(&j->mem, const char *, AX_JOIN_MAX_MODELS);
    for (int i = 0; i < j->n_models; i++)
        scopes[i] = i < set->scopes.count ? set->scopes.item[i] : b->scopes ? b->scopes[i] : NULL;
    s = ax_join_scopes(j, scopes, set->scopes.count > j->n_models ? set->scopes.count : j->n_models, err);
    if (s) return s;
    make_name(b);
    if (set->outputs.count) b->outputs = set->outputs.item, b->n_outputs = set->outputs.count;
    s = make_paths(b, err);
    if (!s) s = ax_join_plan(j, b->edges, b->n_edges, b->outputs, b->n_outputs, err);
    if (!s) s = ax_join_apply_script(b, err);
    if (!s) s = ax_join_preprocessing(j, err);
    if (!s) s = j->compiled ? ax_join_make_compiled(b, err) : ax_join_make_onnx(b, err);
    return s;
}

int main(int argc, char **argv)
{
    struct ax_join_settings set;
    struct ax_args args;
    struct ax_error err = {0};
    int code = ax_options_begin(&tool, argc, argv, &set, &args);
    if (code >= 0) return code;
    if (args.count < 2 && !set.script) {
        fprintf(stderr, "axjoin: %d model%s given; at least two are joined (or one with itself: name it twice)\n", args.count,
                args.count == 1 ? "" : "s");
        ax_args_free(&args);
        return AX_EXIT_USAGE;
    }
    struct ax_join_job b = {.set = &set};
    ax_join_init(&b.join);
    enum ax_status s = run(&b, &args, &err);
    if (!s && set.json) {
        char *text = ax_join_json(&b);
        fputs(text, stdout);
        free(text);
    } else if (!s)
        ax_join_print(&b, stdout);
    if (!s && b.join.fit.limit && !b.join.fit.fits && !set.json)
        fprintf(stderr, "axjoin: warning: the joined model does not fit on the chip; its weights are streamed\n");
    code = s ? ax_tool_failed(&tool, &err) : AX_EXIT_DONE;
    ax_join_free(&b.join);
    ax_args_free(&args);
    return code;
}
