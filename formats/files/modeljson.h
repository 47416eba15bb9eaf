/* model.json: the pipeline descriptor. Which steps exist, and which parameters each takes, stands in one table
 * (modeljson_steps.c); the parser, the JSON Schema (docs/schema/model.schema.json) and docs/pipeline.md follow it.
 *
 *     {
 *       "name": "resnet18",
 *       "model": "model.axmodel",            relative to the folder of model.json
 *       "source": "resnet18.onnx",           optional: the float model, for --pipe float
 *       "family": "classifier",              optional: whose pipeline it began as
 *       "preprocessing": [ {"type": "resize", "width": 224, "height": 224}, ... ],
 *       "postprocessing": [ {"type": "classification", "top_k": 5} ],
 *                                             optional, of a joined model in place of postprocessing:
 *       "branches": [ {"name": "a", "outputs": [ {"tensor": "a/out", "origin": "out"} ], "postprocessing": [ ... ]} ]
 *     } */
#ifndef AX_FILES_MODELJSON_H
#define AX_FILES_MODELJSON_H

#include "base/arena.h"
#include "base/json.h"
#include "base/status.h"

enum ax_param_kind {
    AX_PARAM_INT,
    AX_PARAM_NUMBER,
    AX_PARAM_BOOL,
    AX_PARAM_WORD, /* one of words */
    AX_PARAM_TEXT,
    AX_PARAM_NUMBERS, /* a list; one number is taken as a list of one */
    AX_PARAM_TEXTS,   /* a list of strings */
    AX_PARAM_LABELS,  /* the name of a file with one label a line, or a list of strings */
};

struct ax_param_row {
    const char *name; /* NULL ends the list */
    enum ax_param_kind kind;
    double low, high;  /* of numbers */
    double otherwise;  /* default of numbers and booleans; of words: the index */
    const char *words; /* "a|b|c" for WORD */
    bool required;
    const char *text; /* what it means */
};

enum ax_pipe_kind {
    AX_PIPE_RESIZE,
    AX_PIPE_CENTER_CROP,
    AX_PIPE_COLOR,
    AX_PIPE_NORMALIZE,
    AX_PIPE_PAD,
    AX_PIPE_LAYOUT,
    AX_PIPE_DEQUANTIZE,
    AX_PIPE_SOFTMAX,
    AX_PIPE_CLASSIFICATION,
    AX_PIPE_DECODE_YOLOV5,
    AX_PIPE_DECODE_YOLOV8,
    AX_PIPE_DECODE_YOLOX,
    AX_PIPE_DECODE_SSD,
    AX_PIPE_DECODE_NANODET,
    AX_PIPE_DECODE_YOLO_POSE,
    AX_PIPE_DECODE_YOLO_SEG,
    AX_PIPE_DECODE_PALM,
    AX_PIPE_DECODE_FACE,
    AX_PIPE_DECODE_END2END,
    AX_PIPE_DECODE_MOVENET,
    AX_PIPE_DECODE_POSENET,
    AX_PIPE_DECODE_LANDMARKS,
    AX_PIPE_NMS,
    AX_PIPE_THRESHOLD,
    AX_PIPE_LABEL_FILTER,
    AX_PIPE_TRACKER,
    AX_PIPE_ARGMAX_MASK,
    AX_PIPE_COUNT,
};

struct ax_pipe_step;
struct ax_pipe_row {
    const char *name;
    bool before; /* a preprocessing step; else a postprocessing step */
    const struct ax_param_row *params;
    const char *(*check)(const struct ax_pipe_step *s); /* what is wrong with the whole, NULL if nothing; may be NULL */
    const char *text;                                   /* what it does */
};
const struct ax_pipe_row *ax_pipe_row(enum ax_pipe_kind k);

struct ax_param {
    bool given;
    double number; /* INT, NUMBER, BOOL; WORD: the index */
    const char *text;
    int count;
    const double *numbers;
    const char *const *texts;
};

struct ax_pipe_step {
    enum ax_pipe_kind kind;
    struct ax_param *params; /* by row of ax_pipe_row(kind)->params */
};

/* One of the models that a joined model consists of: which of the outputs are its own, under which names its steps know
 * them, and what becomes of them. */
struct ax_branch {
    const char *name;                            /* its scope */
    const char *const *tensors, *const *origins; /* the output's name, and the one from before the join */
    int n_tensors;
    struct ax_pipe_step *after;
    int n_after;
};

struct ax_descriptor {
    struct ax_arena mem;
    const char *name, *model, *source, *description; /* source, description: NULL if absent */
    const char *family;                              /* whose pipeline it began as; NULL: none's */
    const char *dir;                                 /* folder of the descriptor: "" when parsed from memory */
    struct ax_pipe_step *before, *after;
    int n_before, n_after;
    struct ax_branch *branches; /* of a joined model, which has no steps in `after` then */
    int n_branches;
};

/* Messages say FILE: PATH: what. Release with ax_descriptor_free in any case. */
enum ax_status ax_descriptor_read(const char *path, struct ax_descriptor *p, struct ax_error *err);
enum ax_status ax_descriptor_parse(const char *json, size_t bytes, const char *file, struct ax_descriptor *p,
                                   struct ax_error *err);
void ax_descriptor_free(struct ax_descriptor *p);
/* The descriptor as JSON text, from malloc: only what was given, in the table's order. */
char *ax_descriptor_text(const struct ax_descriptor *p);

/* Parameters by name; the name must be one of the step's (asserted). */
const struct ax_param *ax_step_param(const struct ax_pipe_step *s, const char *name);
static inline double ax_step_number(const struct ax_pipe_step *s, const char *name)
{
    return ax_step_param(s, name)->number;
}
static inline int ax_step_int(const struct ax_pipe_step *s, const char *name)
{
    return (int)ax_step_param(s, name)->number;
}
static inline bool ax_step_given(const struct ax_pipe_step *s, const char *name)
{
    return ax_step_param(s, name)->given;
}
/* Whether a WORD parameter is that word. */
bool ax_step_is(const struct ax_pipe_step *s, const char *name, const char *word);
/* The first step of that kind; NULL if there is none. */
const struct ax_pipe_step *ax_descriptor_find(const struct ax_descriptor *p, enum ax_pipe_kind k);

/* The JSON Schema of model.json, from malloc. */
char *ax_descriptor_schema(void);

#endif
