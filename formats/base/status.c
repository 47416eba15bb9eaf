#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *ax_status_text(enum ax_status s)
{
    switch (s) {
#define AX_STATUS_CASE(name, text)                                                                                             \
    case AX_##name: return text;
        AX_STATUS_LIST(AX_STATUS_CASE)
#undef AX_STATUS_CASE
    }
    return "unknown status";
}

enum ax_status ax_vfail(struct ax_error *err, enum ax_status s, const char *fmt, va_list ap)
{
    err->status = s;
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    return s;
}

enum ax_status(ax_fail)(struct ax_error *err, enum ax_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ax_vfail(err, s, fmt, ap);
    va_end(ap);
    return s;
}

enum ax_status ax_fail_in(struct ax_error *err, const char *fmt, ...)
{
    char old[sizeof err->message], prefix[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(old, err->message, sizeof old);
    int n = snprintf(err->message, sizeof err->message, "%s: ", prefix);
    snprintf(err->message + n, sizeof err->message - (size_t)n, "%.*s", (int)(sizeof err->message - (size_t)n - 1), old);
    return err->status;
}
