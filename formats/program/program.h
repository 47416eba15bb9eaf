/* The program: a flat list of steps that the compiler decided completely and the runtime only walks.
 *
 * Operands describe where a tensor lies and how. Two layouts exist:
 *
 * PLAIN: row-major elements of any dtype, dims[0..rank).
 *
 * PLANES (INT8 activations; INT16 later): a logical [N, H, W, C] tensor is a list of planes, each holding some consecutive
 * channels of every pixel:
 *
 *     plane p, image n, row y, column x, channel c of the plane (0 <= c < channels):
 *       base + offset + n * image_stride + y * row_stride + x * pixel_stride + c        (bytes; y, x may be -halo .. )
 *
 *   - `offset` points at pixel (0, 0), inside the halo; halo rows/columns [-top, H + bottom) x [-left, W + right) exist around
 *     every plane and hold each channel's own zero point whenever the tensor is readable. The producer writes them.
 *   - A plane that the program allocates itself has at most 64 channels, pixel_stride = channels rounded up to 4 (at most 4
 *     channels), else to 16; bytes between channels and the pixel stride ("padding channels") may hold anything: who reads
 *     them multiplies by zero weights, who writes may overwrite them (unless the plane is a view, see next).
 *   - Concat joins lists of planes; Split and Slice take parts of lists. A plane may thus be a view: a range of channels of a
 *     wider plane, with that plane's pixel stride; kernels never write more than `channels` channels of a plane when
 *     AX_PLANE_SHARED is set (its neighbours belong to somebody else).
 *   - Tensors of rank 2 [N, C] are N images of 1x1; of rank 3 [B, T, C] are B images, H = 1, W = T. The logical dims stay in
 *     dims[0..rank).
 *
 * Every 64-byte cache line rule: arena offsets and constants are 64-byte aligned; the base of a plane's buffer (its first halo
 * byte) too. Kernels may read (never write) up to AX_SLACK bytes behind the end of the arena and of the constants.
 *
 * All numbers little-endian. A program from a file is checked by ax_program_check before anything trusts it. */
#ifndef AX_PROGRAM_PROGRAM_H
#define AX_PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "base/status.h"
#include "base/types.h"
#include "program/steps.h"

enum { AX_SLACK = 256, AX_PLANE_CHANNELS = 64 };

enum ax_space { AX_SPACE_NONE, AX_SPACE_ARENA, AX_SPACE_CONST };
enum ax_layout { AX_LAYOUT_PLAIN, AX_LAYOUT_PLANES };
enum { AX_PLANE_SHARED = 1 };

struct ax_plane {
    int64_t offset;       /* of pixel (0,0), channel 0 of this plane, from the start of the operand's space */
    int32_t channels;     /* valid ones */
    int32_t pixel_stride; /* bytes */
    int64_t row_stride, image_stride;
    int32_t flags; /* AX_PLANE_* */
};

struct ax_operand {
    const char *name; /* of the graph's value; "" for constants that only the program has */
    enum ax_space space;
    enum ax_dtype dtype;
    enum ax_layout layout;
    int rank;
    int64_t dim[AX_MAX_RANK]; /* PLAIN: in memory order; PLANES: logical, channels last */
    int64_t offset, bytes;    /* of the whole buffer in its space; PLANES: the extent of all its planes is in the planes */
    /* PLANES only */
    int64_t n, h, w, c;
    int halo_top, halo_left, halo_bottom, halo_right;
    int n_planes;
    struct ax_plane *planes;
    struct ax_quant quant; /* axis = the channel's position in dim; for reports, import and export of tensors */
};

/* A step: what to do with which operands. `params` is the struct that steps.h names for the kind. */
struct ax_step {
    enum ax_step_kind kind;
    int node;         /* graph node that it does (the last of a fused group), or -1 */
    const char *name; /* for profiles: the node's */
    int n_in, n_out;
    int *in, *out;    /* operand indices; -1 where an optional one is absent */
    const void *params;
    int64_t macs;     /* multiply-adds of the step, for reports and cost models; 0 where none */
};

/* A model input or output: the operand, and the tensor as the user knows it (shape and layout of the ONNX model).
 * perm: user dimension i is operand dimension perm[i]. */
struct ax_port {
    const char *name;
    int operand;
    enum ax_dtype dtype;      /* as in the ONNX model: what the user gives and gets unless he asks for raw */
    struct ax_shape shape;    /* the user's */
    int perm[AX_MAX_RANK];
};

struct ax_program {
    struct ax_arena mem; /* owns everything below but const_data when that is mapped */
    struct ax_operand *operands;
    int n_operands;
    struct ax_step *steps;
    int n_steps;
    struct ax_port *inputs, *outputs;
    int n_inputs, n_outputs;
    int64_t arena_bytes;     /* activations, without slack */
    const uint8_t *const_data; /* weights and tables; 64-byte aligned; readable AX_SLACK bytes beyond const_bytes */
    int64_t const_bytes;
};

/* Checks that every offset, index, stride, halo, dimension and parameter stays inside its space and fits its kind, so that
 * running the program cannot touch foreign memory. AX_FORMAT with step and operand in the message. */
enum ax_status ax_program_check(const struct ax_program *p, struct ax_error *err);
void ax_program_print(const struct ax_program *p, void *file); /* file: FILE*; one line a step */

#endif
