/* Status codes and messages, the same for every tool and library of Axon.
 *
 * A function that can fail returns enum ax_status and takes `struct ax_error *err` as its last argument (never NULL).
 * The message is written once, where the facts are, and passed up untouched: what failed, where, what was expected, what
 * was found, what to do. Expected failures have a code of their own; our own bugs are asserts. */
#ifndef AX_BASE_STATUS_H
#define AX_BASE_STATUS_H

#include <stdarg.h>

#define AX_STATUS_LIST(X)                                          \
    X(OK, "ok")                                                    \
    X(INVALID_ARGUMENT, "invalid argument")                        \
    X(NO_MEMORY, "out of memory")                                  \
    X(IO, "input or output failed")                                \
    X(FORMAT, "malformed file")                                    \
    X(VERSION, "unsupported version")                              \
    X(UNSUPPORTED, "not supported")                                \
    X(SHAPE, "shapes do not fit")                                  \
    X(NOT_FOUND, "not found")                                      \
    X(LIMIT, "a limit that the user set was not met")              \
    X(BUSY, "in use by another")                                   \
    X(TIMEOUT, "timed out")                                        \
    X(CANCELLED, "cancelled")                                      \
    X(CLOSED, "closed")                                            \
    X(AGAIN, "would block")                                        \
    X(DEVICE, "device failed")                                     \
    X(INTERNAL, "internal error")

#ifndef AX_ERROR_DEFINED /* axon/axon.h, which stands alone, defines the same */
#define AX_ERROR_DEFINED
enum ax_status {
#define AX_STATUS_ENUM(name, text) AX_##name,
    AX_STATUS_LIST(AX_STATUS_ENUM)
#undef AX_STATUS_ENUM
};

struct ax_error {
    enum ax_status status;
    char message[1024]; /* one or more sentences, no trailing newline */
};
#endif

/* Text of a status code; never NULL. */
const char *ax_status_text(enum ax_status s);

/* Writes the message and returns `s`, so that callers say `return ax_fail(err, AX_FORMAT, "...", ...)`. */
enum ax_status ax_fail(struct ax_error *err, enum ax_status s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* which reads one file at a time, and would follow each failure as if it had been a success */
#define ax_fail(err, s, ...) (ax_fail(err, s, __VA_ARGS__), (s))
#endif
enum ax_status ax_vfail(struct ax_error *err, enum ax_status s, const char *fmt, va_list ap);

/* Puts "PREFIX: " before the message that stands in err; for adding the file or the node on the way up. Returns its status. */
enum ax_status ax_fail_in(struct ax_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
