/* The assignment problem, exactly: the pairs of rows and columns whose costs sum to the least. */
#ifndef AX_MEDIA_ASSIGN_H
#define AX_MEDIA_ASSIGN_H

#include "base/arena.h"

/* cost: rows x columns, row-major, finite. min(rows, columns) pairs are made: column_of[row], -1 for a row that is left over.
 * Kuhn's Hungarian method with potentials, O(min(r, c)^2 max(r, c)); of equal solutions always the same one. */
void ax_assign(const double *cost, int rows, int columns, int *column_of, struct ax_arena *mem);

#endif
