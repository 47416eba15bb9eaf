/* Ports outside of the arena: one stage's output is the next one's input without being copied.
 *
 * A part of an operand is one of its planes, or all of it where it is PLAIN. A part's block is the range of the arena that must
 * move with it: whatever overlaps it, and what overlaps that. A giver's blocks become windows of its executor; a reader's
 * operands are given the strides of the giver's planes, at addresses behind its arena that become windows onto the same bytes.
 */
#ifndef AX_EXEC_PLACE_H
#define AX_EXEC_PLACE_H

#include <stdbool.h>

#include "exec/exec.h"

enum { AX_MAX_PARTS = 512 };

/* Where a part is to lie: a plane (of PLAIN operands only the offset counts), how far its halo is written, and the block. */
struct ax_seat {
    struct ax_plane plane;
    int halo[4]; /* top, left, bottom, right */
    struct ax_window block;
};

/* Behind everything that the program's operands reach. */
int64_t ax_space_end(const struct ax_program *p);
/* False where it cannot be elsewhere, since it is not in the arena. */
bool ax_part_block(const struct ax_program *p, int operand, int part, struct ax_window *block);
/* Whether an input of the program lies in the block. */
bool ax_block_has_input(const struct ax_program *p, const struct ax_window *block);
/* Where an output's part lies now. */
void ax_part_seat(const struct ax_program *p, int operand, int part, const struct ax_window *block, struct ax_seat *out);
/* Whether an output of one program and an input of another hold the same numbers in as many planes of as many channels. */
bool ax_port_same(const struct ax_program *from, int output, const struct ax_program *to, int input);
/* Whether an input may lie in these seats, one a part; with `move` it does from now on, and everything that is a view of it.
 * The program's operands and planes must then be writable and its own. */
bool ax_port_seat(struct ax_program *p, int input, const struct ax_seat *seats, bool move);

#endif
