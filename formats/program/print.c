#include <stdio.h>

#include "program/activation.h"
#include "program/program.h"

static void print_shape(FILE *f, const struct ax_operand *o)
{
    struct ax_shape s = ax_shape_make(o->rank, o->dim);
    char text[AX_SHAPE_TEXT];
    fprintf(f, "%s %s", ax_dtype_text(o->dtype), ax_shape_text(&s, text));
}

static void print_operand(FILE *f, const struct ax_program *p, int i)
{
    if (i < 0) {
        fprintf(f, "-");
        return;
    }
    const struct ax_operand *o = &p->operands[i];
    fprintf(f, "%%%d", i);
    if (o->name && o->name[0]) fprintf(f, " '%s'", o->name);
    fprintf(f, " (");
    print_shape(f, o);
    if (o->layout == AX_LAYOUT_PLANES)
        fprintf(f, ", %d plane%s, halo %d %d %d %d", o->n_planes, o->n_planes == 1 ? "" : "s", o->halo_top, o->halo_left,
                o->halo_bottom, o->halo_right);
    else
        fprintf(f, ", %s+%lld", o->space == AX_SPACE_CONST ? "const" : "arena", (long long)o->offset);
    fprintf(f, ")");
}

static void print_list(FILE *f, const struct ax_program *p, const int *list, int n)
{
    for (int i = 0; i < n; i++) {
        if (i) fprintf(f, ", ");
        print_operand(f, p, list[i]);
    }
}

static void print_conv(FILE *f, const struct ax_conv_params *c)
{
    fprintf(f, " [%dx%d stride %d,%d pad %d,%d,%d,%d", c->kh, c->kw, c->stride_h, c->stride_w, c->pad_top, c->pad_left,
            c->pad_bottom, c->pad_right);
    if (c->dilation_h != 1 || c->dilation_w != 1) fprintf(f, " dilation %d,%d", c->dilation_h, c->dilation_w);
    if (c->groups != 1) fprintf(f, " groups %d", c->groups);
    if (c->act) fprintf(f, " %s", ax_act_text((enum ax_act)c->act));
    if (c->residual) fprintf(f, " residual %s", c->residual == AX_RESIDUAL_PRE ? "pre" : "post");
    fprintf(f, "]");
}

static void print_params(FILE *f, const struct ax_step *s)
{
    switch (s->kind) {
    case AX_STEP_CONV_F32:
    case AX_STEP_DWCONV_F32:
    case AX_STEP_CONVT_F32:
    case AX_STEP_CONV_S8:
    case AX_STEP_DWCONV_S8:
    case AX_STEP_CONVT_S8: print_conv(f, s->params); break;
    case AX_STEP_UNARY_F32:
        fprintf(f, " [%s]", ax_act_text((enum ax_act)((const struct ax_unary_params *)s->params)->act));
        break;
    case AX_STEP_BINARY:
    case AX_STEP_BINARY_S8: fprintf(f, " [op %d]", ((const struct ax_binary_params *)s->params)->op); break;
    default: break;
    }
}

void ax_program_print(const struct ax_program *p, void *file)
{
    FILE *f = file;
    fprintf(f, "program: %d steps, %d operands, %lld bytes of activations, %lld bytes of constants\n", p->n_steps,
            p->n_operands, (long long)p->arena_bytes, (long long)p->const_bytes);
    for (int i = 0; i < p->n_inputs; i++) {
        fprintf(f, "input '%s' = ", p->inputs[i].name);
        print_operand(f, p, p->inputs[i].operand);
        fprintf(f, "\n");
    }
    for (int i = 0; i < p->n_steps; i++) {
        const struct ax_step *s = &p->steps[i];
        fprintf(f, "%4d %-14s", i, ax_step_text(s->kind));
        print_list(f, p, s->out, s->n_out);
        fprintf(f, " = ");
        print_list(f, p, s->in, s->n_in);
        print_params(f, s);
        fprintf(f, "  # %s\n", s->name ? s->name : "");
    }
    for (int i = 0; i < p->n_outputs; i++) {
        fprintf(f, "output '%s' = ", p->outputs[i].name);
        print_operand(f, p, p->outputs[i].operand);
        fprintf(f, "\n");
    }
}
