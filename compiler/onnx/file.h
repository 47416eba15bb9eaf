/* Files of a model: the .onnx itself, mapped, skimmed and unpacked, and the files beside it that hold external data. */
#ifndef AX_ONNX_FILE_H
#define AX_ONNX_FILE_H

#include "base/status.h"
#include "onnx.pb-c.h"
#include "onnx/wire.h"

struct file_map {
    char *path;
    uint8_t *data; /* NULL for an empty file */
    size_t bytes;
};

enum { MAX_EXTERNAL_FILES = 4096 };

struct model_file {
    struct file_map main; /* the .onnx */
    const uint8_t *data;  /* what was skimmed: main.data, or `lifted` */
    size_t bytes;
    uint8_t *lifted; /* malloc'd: the model after a conversion of its opset; NULL */
    struct skim skim;
    Onnx__ModelProto *proto;
    struct file_map *external; /* opened so far */
    int n_external;
};

/* Maps and unpacks; checks that there is a graph. The message does not name the file. */
enum ax_status model_file_open(struct model_file *f, const char *path, struct ax_error *err);
/* Skims and unpacks `bytes` (malloc'd, taken over) in place of the file's own. */
enum ax_status model_file_replace(struct model_file *f, uint8_t *bytes, size_t n, struct ax_error *err);
void model_file_close(struct model_file *f);

/* The file `location` in the model's folder, opened once. Refuses what leaves the folder. Index into f->external or -1. */
int model_file_external(struct model_file *f, const char *location, struct ax_error *err);

enum ax_status file_map_open(struct file_map *m, const char *path, struct ax_error *err);
void file_map_close(struct file_map *m);

#endif
