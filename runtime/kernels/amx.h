#ifndef AX_KERNELS_AMX_H
#define AX_KERNELS_AMX_H

/* Gives this thread's tile registers their one shape, 16 rows of 64 bytes. The kernels call it themselves. */
void ax_amx_thread_init(void);

#endif
