/* What a file is, by its first bytes. */
#include <string.h>

#include "base/file.h"

struct magic {
    const char *bytes;
    unsigned char length, offset;
    const char *kind;
};

/* clang-format off */
static const struct magic magics[] = {
    {"\x89""AXM\r\n\x1a\n", 8, 0, "an .axmodel (a compiled model)"},
    {"\x89PNG", 4, 0, "a PNG picture"},
    {"\xff\xd8\xff", 3, 0, "a JPEG picture"},
    {"RIFF", 4, 0, "a WebP picture, or sound"},
    {"ftyp", 4, 4, "a video (MP4)"},
    {"\x93NUMPY", 6, 0, "an array of NumPy's (.npy)"},
    {"PK\x03\x04", 4, 0, "a ZIP archive (.npz, .pt, .zip)"},
    {"\x1f\x8b", 2, 0, "packed with gzip; unpack it first"},
    {"\xfd""7zXZ", 5, 0, "packed with xz; unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, 0, "packed with zstd; unpack it first"},
    {"BZh", 3, 0, "packed with bzip2; unpack it first"},
    {"TFL3", 4, 4, "a TensorFlow Lite model"},
    {"\x89HDF\r\n", 6, 0, "an HDF5 file (a Keras model?)"},
    {"version https://git-lfs", 23, 0, "a pointer of Git LFS; `git lfs pull` fetches the file"},
    {"<!DOCTYPE", 9, 0, "a web page (a download that failed?)"},
    {"<html", 5, 0, "a web page (a download that failed?)"},
    {"<?xml", 5, 0, "an XML file"},
    {"%PDF", 4, 0, "a PDF document"},
    {"\x7f""ELF", 4, 0, "a program"},
};
/* clang-format on */

/* Protobuf of a ModelProto: ir_version first, then one of the fields that follow it in what exporters write. */
static bool looks_like_onnx(const uint8_t *p, size_t n)
{
    return n >= 4 && p[0] == 0x08 && p[1] >= 1 && p[1] < 32 && (p[2] == 0x12 || p[2] == 0x1a || p[2] == 0x3a || p[2] == 0x42);
}

static bool looks_like_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && i < 512; i++)
        if (p[i] < 9 || (p[i] > 13 && p[i] < 32) || p[i] == 127) return false;
    return true;
}

const char *ax_file_kind(const void *data, size_t bytes)
{
    const uint8_t *p = data;
    if (!bytes) return "empty";
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *m = &magics[i];
        size_t end = (size_t)m->offset + m->length;
        if (bytes >= end && !memcmp(p + m->offset, m->bytes, m->length)) return m->kind;
    }
    if (looks_like_onnx(p, bytes)) return "an ONNX model";
    if (looks_like_text(p, bytes)) return p[0] == '{' || p[0] == '[' ? "JSON" : "text";
    return NULL;
}
