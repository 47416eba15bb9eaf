/* libonnx behind C: its checker's message, and its converter for opsets from before 7. No exception leaves this file. */
#ifndef AX_ONNX_SHIM_H
#define AX_ONNX_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { AX_CHECKER_MAX_IR = 8, AX_CHECKER_MAX_OPSET = 17 };

/* Checks a serialized ModelProto. 0: fine; else 1, with the checker's words in message. */
int ax_onnx_check(const uint8_t *model, size_t bytes, char *message, size_t message_bytes);

/* Converts a serialized ModelProto to `opset` of the default domain. 0: *out (to be freed with free) and *out_bytes;
 * else 1, with the converter's words in message. */
int ax_onnx_lift(const uint8_t *model, size_t bytes, int opset, uint8_t **out, size_t *out_bytes, char *message,
                 size_t message_bytes);

#ifdef __cplusplus
}
#endif
#endif
