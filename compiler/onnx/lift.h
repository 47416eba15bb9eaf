/* Old opsets, converted by libonnx in a process of its own: its converter dereferences what a damaged model leaves empty. */
#ifndef AX_ONNX_LIFT_H
#define AX_ONNX_LIFT_H

#include <stddef.h>
#include <stdint.h>

/* As ax_onnx_lift (onnx/shim.h), but a crash is only another message. */
int lift_apart(const uint8_t *model, size_t bytes, int opset, uint8_t **out, size_t *out_bytes, char *message,
               size_t message_bytes);

#endif
