#include "program/activation.h"

#include <string.h>

static const char *const texts[AX_ACT_COUNT] = {
#define AX_ACT_TEXT(name, text, formula) text,
    AX_ACT_LIST(AX_ACT_TEXT)
#undef AX_ACT_TEXT
};

const char *ax_act_text(enum ax_act a)
{
    return (unsigned)a < AX_ACT_COUNT ? texts[a] : "invalid";
}

enum ax_act ax_act_from_text(const char *s)
{
    int a = 0;
    while (a < AX_ACT_COUNT && strcmp(s, texts[a])) a++;
    return (enum ax_act)a;
}
