/* The table of pipeline steps: one row a step, one row a parameter. */
#include "files/modeljson.h"

#define INT(name, low, high, otherwise, text)                                                                                  \
    {                                                                                                                          \
        name, AX_PARAM_INT, low, high, otherwise, NULL, false, text                                                            \
    }
#define NUMBER(name, low, high, otherwise, text)                                                                               \
    {                                                                                                                          \
        name, AX_PARAM_NUMBER, low, high, otherwise, NULL, false, text                                                         \
    }
#define BOOL(name, otherwise, text)                                                                                            \
    {                                                                                                                          \
        name, AX_PARAM_BOOL, 0, 1, otherwise, NULL, false, text                                                                \
    }
#define WORD(name, words, text)                                                                                                \
    {                                                                                                                          \
        name, AX_PARAM_WORD, 0, 0, 0, words, false, text                                                                       \
    }
#define NUMBERS(name, low, high, text)                                                                                         \
    {                                                                                                                          \
        name, AX_PARAM_NUMBERS, low, high, 0, NULL, false, text                                                                \
    }
#define LABELS                                                                                                                 \
    {                                                                                                                          \
        "labels", AX_PARAM_LABELS, 0, 0, 0, NULL, false, "File with one label a line, or the labels themselves."               \
    }
#define CLASSES INT("classes", 1, 100000, 0, "Number of classes; absent: as many as the output has.")
#define CONFIDENCE(otherwise) NUMBER("confidence_threshold", 0, 1, otherwise, "Candidates below this score are dropped.")
#define STRIDES NUMBERS("strides", 1, 4096, "Pixels a cell, one number a scale.")
#define MAX_CANDIDATES INT("max_candidates", 1, 1000000, 30000, "The best so many candidates are kept.")
#define SIGMOID WORD("scores", "auto|logits|probabilities", "Whether scores still need a sigmoid.")

enum { PIXELS = 65536 };

static const char *check_size(const struct ax_pipe_step *s)
{
    bool both = ax_step_given(s, "width") && ax_step_given(s, "height"), size = ax_step_given(s, "size");
    bool one = ax_step_given(s, "width") || ax_step_given(s, "height");
    if (size && one) return "needs either \"size\" or \"width\" and \"height\", not both";
    if (!size && !both) return "needs \"width\" and \"height\", or \"size\"";
    return NULL;
}

static const char *check_resize(const struct ax_pipe_step *s)
{
    if (ax_step_given(s, "letterbox") && ax_step_given(s, "mode")) return "needs either \"letterbox\" or \"mode\", not both";
    if (ax_step_given(s, "size") && (ax_step_number(s, "letterbox") != 0 || !ax_step_is(s, "mode", "stretch")))
        return "\"size\" scales the shorter side and keeps the shape; \"mode\" and \"letterbox\" belong to \"width\" and "
               "\"height\"";
    return check_size(s);
}

static const struct ax_param_row resize[] = {
    INT("width", 1, PIXELS, 0, "Width in pixels."),
    INT("height", 1, PIXELS, 0, "Height in pixels."),
    INT("size", 1, PIXELS, 0, "Length of the shorter side; the longer one follows."),
    WORD("mode", "stretch|letterbox|crop", "How another aspect ratio fits: distorted, with borders, or cut on both sides."),
    BOOL("letterbox", 0, "True is short for mode letterbox."),
    WORD("interpolation", "bilinear|nearest|bicubic|area|lanczos", "How pixels are computed."),
    BOOL("antialias", 1, "Shrinking averages all pixels (as PIL does); false reads only the nearest ones (as OpenCV does)."),
    WORD("align", "center|top_left", "Where a letterboxed picture lies."),
    NUMBER("fill", 0, 255, 114, "Grey level of the borders."),
    {0},
};
static const struct ax_param_row center_crop[] = {
    INT("width", 1, PIXELS, 0, "Width in pixels."),
    INT("height", 1, PIXELS, 0, "Height in pixels."),
    INT("size", 1, PIXELS, 0, "Both."),
    {0},
};
static const struct ax_param_row color[] = {
    WORD("order", "rgb|bgr|gray", "What the model expects; pictures arrive as RGB."),
    {0},
};
static const struct ax_param_row normalize[] = {
    NUMBERS("mean", -1e6, 1e6, "Subtracted, one number or one a channel; in units after scale."),
    NUMBERS("std", 1e-9, 1e6, "Divided by, one number or one a channel; in units after scale."),
    NUMBER("scale", -1e6, 1e6, 1.0 / 255, "Factor of the pixel's 0..255 before mean and std: (pixel * scale - mean) / std."),
    {0},
};
static const struct ax_param_row pad[] = {
    INT("top", 0, PIXELS, 0, "Rows above."),
    INT("left", 0, PIXELS, 0, "Columns to the left."),
    INT("bottom", 0, PIXELS, 0, "Rows below."),
    INT("right", 0, PIXELS, 0, "Columns to the right."),
    NUMBER("fill", 0, 255, 0, "Grey level of what is added."),
    {0},
};
static const struct ax_param_row layout[] = {
    WORD("order", "NCHW|NHWC", "Order of the model's input; without this step it is taken from the model."),
    {0},
};
static const struct ax_param_row none[] = {{0}};
static const struct ax_param_row softmax[] = {
    INT("axis", -8, 7, -1, "Along which dimension."),
    {0},
};
static const struct ax_param_row classification[] = {
    INT("top_k", 1, 1000, 5, "How many classes are reported."),
    WORD("softmax", "auto|yes|no", "Whether scores become probabilities; auto: where they are none yet."),
    INT("offset", -100000, 100000, 0, "Added to the index before the label is looked up (1001 classes with a background: -1)."),
    LABELS,
    {0},
};
static const struct ax_param_row decode_yolov5[] = {
    CLASSES,
    CONFIDENCE(0.25),
    NUMBERS("anchors", 0.01, 4096, "Widths and heights in pixels, scale after scale."),
    STRIDES,
    SIGMOID,
    MAX_CANDIDATES,
    LABELS,
    {0},
};
static const struct ax_param_row decode_yolov8[] = {
    CLASSES, CONFIDENCE(0.25), STRIDES, INT("reg_max", 1, 64, 16, "Bins a side where the outputs are distributions."),
    SIGMOID, MAX_CANDIDATES,   LABELS,  {0},
};
static const struct ax_param_row decode_yolox[] = {
    CLASSES, CONFIDENCE(0.25), STRIDES, SIGMOID, MAX_CANDIDATES, LABELS, {0},
};
static const struct ax_param_row decode_ssd[] = {
    CLASSES,
    CONFIDENCE(0.25),
    {"anchors", AX_PARAM_TEXT, 0, 0, 0, NULL, false, "A .npy of anchors beside the descriptor."},
    WORD("anchor_form", "center|corners", "Anchors as (y, x, h, w), or as corners with offsets times the anchor's size."),
    NUMBERS("variances", 1e-6, 1e6, "Divisors of the offsets: y, x, h, w."),
    BOOL("background", 1, "Class 0 is the background."),
    SIGMOID,
    MAX_CANDIDATES,
    LABELS,
    {0},
};
static const struct ax_param_row decode_nanodet[] = {
    CLASSES,
    CONFIDENCE(0.35),
    STRIDES,
    INT("reg_max", 1, 64, 7, "Bins a side less one."),
    NUMBER("cell_offset", 0, 1, 0.5, "Where in its cell a box's point lies; NanoDet-Plus has 0."),
    SIGMOID,
    MAX_CANDIDATES,
    LABELS,
    {0},
};
static const struct ax_param_row decode_yolo_pose[] = {
    INT("keypoints", 1, 1000, 17, "Points a person."),
    NUMBER("keypoint_threshold", 0, 1, 0.5, "Points below this visibility are not drawn."),
    CONFIDENCE(0.25),
    STRIDES,
    SIGMOID,
    MAX_CANDIDATES,
    LABELS,
    {0},
};
static const struct ax_param_row decode_yolo_seg[] = {
    CLASSES,
    CONFIDENCE(0.25),
    INT("masks", 1, 1024, 32, "Coefficients a mask."),
    NUMBER("mask_threshold", 0, 1, 0.5, "Pixels above this belong to the object."),
    STRIDES,
    SIGMOID,
    MAX_CANDIDATES,
    LABELS,
    {0},
};
static const struct ax_param_row decode_palm[] = {
    CONFIDENCE(0.5),
    STRIDES,
    INT("keypoints", 0, 64, 7, "Points a palm."),
    NUMBER("anchor_offset", 0, 1, 0.5, "Where in its cell an anchor lies."),
    MAX_CANDIDATES,
    {0},
};
static const struct ax_param_row decode_face[] = {
    WORD("family", "auto|ultraface|yunet|scrfd|blazeface", "Which model's outputs these are."),
    CONFIDENCE(0.6),
    STRIDES,
    INT("keypoints", 0, 64, 5, "Points a face."),
    MAX_CANDIDATES,
    {0},
};
static const struct ax_param_row decode_end2end[] = {
    CLASSES, CONFIDENCE(0.25), MAX_CANDIDATES, LABELS, {0},
};
static const struct ax_param_row decode_movenet[] = {
    CONFIDENCE(0.2),
    NUMBER("keypoint_threshold", 0, 1, 0.3, "Points below this score are not drawn, and do not widen the box."),
    LABELS,
    {0},
};
static const struct ax_param_row decode_posenet[] = {
    CONFIDENCE(0.25),
    NUMBER("keypoint_threshold", 0, 1, 0.5, "Points below this score are not drawn, and do not widen the box."),
    NUMBER("nms_radius", 0, 4096, 20, "Pixels of the input; the same keypoint of two persons is farther apart."),
    INT("max_poses", 1, 1000, 10, "At most so many persons."),
    INT("refine_steps", 0, 100, 2, "Times that a keypoint is moved by its short-range offset."),
    LABELS,
    {0},
};
static const struct ax_param_row decode_landmarks[] = {
    CONFIDENCE(0.5),
    INT("keypoints", 1, 1000, 21, "Points an object."),
    LABELS,
    {0},
};
static const struct ax_param_row nms[] = {
    NUMBER("iou_threshold", 0, 1, 0.45, "Boxes that overlap more than this are one object."),
    BOOL("class_agnostic", 0, "Boxes of different classes suppress each other too."),
    INT("max_boxes", 1, 100000, 300, "At most so many remain."),
    {0},
};
static const struct ax_param_row threshold[] = {CONFIDENCE(0.25), {0}};
static const struct ax_param_row label_filter[] = {
    {"keep", AX_PARAM_TEXTS, 0, 0, 0, NULL, true, "Labels (or class numbers as text) that remain."},
    {0},
};
static const char *check_tracker(const struct ax_pipe_step *s)
{
    double low = ax_step_number(s, "low_threshold"), high = ax_step_number(s, "high_threshold");
    if (low > high) return "needs \"low_threshold\" to be at most \"high_threshold\"";
    if (high > ax_step_number(s, "new_threshold")) return "needs \"new_threshold\" to be at least \"high_threshold\"";
    return NULL;
}

static const struct ax_param_row tracker[] = {
    WORD("kind", "sort|bytetrack", "Method."),
    INT("max_age", 1, 10000, 30, "Frames that a lost object is remembered."),
    INT("min_hits", 1, 1000, 3, "Frames until a new object is reported."),
    NUMBER("iou_threshold", 0, 1, 0.3, "Least overlap from frame to frame."),
    BOOL("class_aware", 1, "An object keeps its class."),
    NUMBER("high_threshold", 0, 1, 0.5, "bytetrack: scores from here on are associated first."),
    NUMBER("low_threshold", 0, 1, 0.1, "bytetrack: scores from here on may continue a track; the decoder must let them pass."),
    NUMBER("low_iou_threshold", 0, 1, 0.5, "bytetrack: least overlap where the score is low."),
    NUMBER("new_threshold", 0, 1, 0.6, "bytetrack: scores from here on begin a track."),
    {0},
};
static const struct ax_param_row argmax_mask[] = {
    INT("axis", -8, 7, 1, "The dimension of the classes."),
    LABELS,
    {0},
};

static const struct ax_pipe_row rows[AX_PIPE_COUNT] = {
    [AX_PIPE_RESIZE] = {"resize", true, resize, check_resize, "Scales the picture."},
    [AX_PIPE_CENTER_CROP] = {"center_crop", true, center_crop, check_size, "Cuts the middle out."},
    [AX_PIPE_COLOR] = {"color", true, color, NULL, "Puts the colour channels in order."},
    [AX_PIPE_NORMALIZE] = {"normalize", true, normalize, NULL, "Turns pixels into the model's numbers."},
    [AX_PIPE_PAD] = {"pad", true, pad, NULL, "Adds borders."},
    [AX_PIPE_LAYOUT] = {"layout", true, layout, NULL, "Says the order of the model's input."},
    [AX_PIPE_DEQUANTIZE] = {"dequantize", false, none, NULL, "Turns int8 outputs into real numbers (done by itself too)."},
    [AX_PIPE_SOFTMAX] = {"softmax", false, softmax, NULL, "Turns scores into probabilities."},
    [AX_PIPE_CLASSIFICATION] = {"classification", false, classification, NULL, "Reports the best classes."},
    [AX_PIPE_DECODE_YOLOV5] = {"decode_yolov5", false, decode_yolov5, NULL, "Boxes of YOLOv5 (anchors)."},
    [AX_PIPE_DECODE_YOLOV8] = {"decode_yolov8", false, decode_yolov8, NULL, "Boxes of YOLOv8 and YOLO11."},
    [AX_PIPE_DECODE_YOLOX] = {"decode_yolox", false, decode_yolox, NULL, "Boxes of YOLOX."},
    [AX_PIPE_DECODE_SSD] = {"decode_ssd", false, decode_ssd, NULL, "Boxes of SSD (anchors)."},
    [AX_PIPE_DECODE_NANODET] = {"decode_nanodet", false, decode_nanodet, NULL, "Boxes of NanoDet and PicoDet."},
    [AX_PIPE_DECODE_YOLO_POSE] = {"decode_yolo_pose", false, decode_yolo_pose, NULL, "Persons and their keypoints."},
    [AX_PIPE_DECODE_YOLO_SEG] = {"decode_yolo_seg", false, decode_yolo_seg, NULL, "Objects and their masks."},
    [AX_PIPE_DECODE_PALM] = {"decode_palm", false, decode_palm, NULL, "Palms and their keypoints."},
    [AX_PIPE_DECODE_FACE] = {"decode_face", false, decode_face, NULL, "Faces and their keypoints."},
    [AX_PIPE_DECODE_END2END] = {"decode_end2end", false, decode_end2end, NULL,
                                "Boxes of models that decode and suppress themselves (YOLOv10, YOLO26)."},
    [AX_PIPE_DECODE_MOVENET] = {"decode_movenet", false, decode_movenet, NULL, "The person of MoveNet's four heads."},
    [AX_PIPE_DECODE_POSENET] = {"decode_posenet", false, decode_posenet, NULL, "Persons of PoseNet's heatmaps and offsets."},
    [AX_PIPE_DECODE_LANDMARKS] = {"decode_landmarks", false, decode_landmarks, NULL,
                                  "One object's keypoints and its score (MediaPipe's hands)."},
    [AX_PIPE_NMS] = {"nms", false, nms, NULL, "Keeps the best of overlapping boxes."},
    [AX_PIPE_THRESHOLD] = {"threshold", false, threshold, NULL, "Drops results with low scores."},
    [AX_PIPE_LABEL_FILTER] = {"label_filter", false, label_filter, NULL, "Keeps results with certain labels."},
    [AX_PIPE_TRACKER] = {"tracker", false, tracker, check_tracker, "Follows objects from frame to frame; the last step."},
    [AX_PIPE_ARGMAX_MASK] = {"argmax_mask", false, argmax_mask, NULL, "The best class of each pixel."},
};

const struct ax_pipe_row *ax_pipe_row(enum ax_pipe_kind k)
{
    return &rows[k];
}
