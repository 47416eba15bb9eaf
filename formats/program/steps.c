#include "program/steps.h"

#include <string.h>

static const struct {
    const char *text;
    int params;
} rows[AX_STEP_COUNT] = {
#define AX_STEP_ROW(name, text, params) {text, (int)sizeof(struct params)},
    AX_STEP_LIST(AX_STEP_ROW)
#undef AX_STEP_ROW
};

const char *ax_step_text(enum ax_step_kind k)
{
    return (unsigned)k < AX_STEP_COUNT ? rows[k].text : "invalid";
}

enum ax_step_kind ax_step_from_text(const char *s)
{
    int k = 0;
    while (k < AX_STEP_COUNT && strcmp(s, rows[k].text)) k++;
    return (enum ax_step_kind)k;
}

int ax_step_params_bytes(enum ax_step_kind k)
{
    return (unsigned)k < AX_STEP_COUNT ? rows[k].params : -1;
}
