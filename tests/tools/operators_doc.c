/* docs/operators.md from the op table.
 *
 *     operators_doc DIR           writes DIR/operators.md
 *     operators_doc --check DIR   exit code 1 if DIR/operators.md is not what it would write
 *
 * DIR/onnx-node-tests.md, where it is there, stands in the page's last section as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/op.h"

static const char *const intro =
    "# Operators\n"
    "\n"
    "Made from the op table (formats/graph/ops/) by `ninja operators-doc`; a test compares the two.\n"
    "\n"
    "Every operator of this page runs, in int8 where that pays and in float32 where it does not, within one artifact. An\n"
    "operator that is not here is an error that names the node, the operator, the nearest known name and the place where the\n"
    "model could be cut. Models of opset 7 to 22 are read; the column *opset* says from which opset on ONNX has the operator.\n"
    "\n"
    "What *int8* says:\n"
    "\n"
    "| | |\n"
    "|---|---|\n";

/* What the importer reads besides: it leaves only operators of the table behind. */
static const char *const also =
    "\nThese are read too and become operators of the table, or fold away: Constant, CastLike, If with a constant condition,\n"
    "ReduceL1, ReduceLogSum, DynamicQuantizeLinear, ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul, and of the domain\n"
    "com.microsoft Gelu, FastGelu, LayerNormalization, QuantizeLinear, DequantizeLinear, QLinearConv, QGemm, QLinearAdd,\n"
    "QLinearMul, QLinearConcat, QLinearSigmoid, QLinearSoftmax, QLinearLeakyRelu, QLinearAveragePool,\n"
    "QLinearGlobalAveragePool.\n";

static const struct {
    const char *text, *meaning;
} classes[] = {
    [AX_Q_FLOAT] = {"float", "runs in float32"},
    [AX_Q_WEIGHTED] = {"weights", "int8 products with weights that have a scale an output channel; reads one scale a channel"},
    [AX_Q_MOVE] = {"moves", "moves int8 elements, which keep their scales"},
    [AX_Q_SUM] = {"sum", "int8 sum; reads and writes one scale a channel"},
    [AX_Q_PRODUCT] = {"product", "int8 product of two activations with one scale each"},
    [AX_Q_UNARY] = {"table", "int8 by a table of 256 entries, by channel where the scales are, unless it is fused"},
    [AX_Q_MAXPOOL] = {"maximum", "int8 maximum; the output keeps the input's scales"},
    [AX_Q_SHAPE] = {"shape", "works on shapes; computed while compiling"},
};

static int by_name(const void *a, const void *b)
{
    const struct ax_op_row *x = *(const struct ax_op_row *const *)a, *y = *(const struct ax_op_row *const *)b;
    int c = strcmp(x->domain, y->domain);
    return c ? c : strcmp(x->name, y->name);
}

static void count_text(char *buf, size_t size, int lo, int hi)
{
    if (hi < 0)
        snprintf(buf, size, "%d or more", lo);
    else if (lo == hi)
        snprintf(buf, size, "%d", lo);
    else
        snprintf(buf, size, "%d to %d", lo, hi);
}

static void print_support(FILE *out, const struct ax_op_row *const *rows, int count)
{
    fputs("\n## What is supported\n\n| operator | opset | int8 | |\n|---|---|---|---|\n", out);
    for (int i = 0; i < count; i++) {
        const struct ax_op_row *r = rows[i];
        char opset[32];
        if (*r->domain)
            snprintf(opset, sizeof opset, "made by a pass");
        else if (r->until)
            snprintf(opset, sizeof opset, "%d to %d", r->since, r->until);
        else
            snprintf(opset, sizeof opset, "%d", r->since);
        fprintf(out, "| %s | %s | %s | %s |\n", r->name, opset, classes[r->quant].text, r->note);
    }
}

static void print_form(FILE *out, const struct ax_op_row *r)
{
    static const char *const kinds[] = {[AX_KIND_INT] = "int",   [AX_KIND_FLOAT] = "float",   [AX_KIND_STRING] = "string",
                                        [AX_KIND_INTS] = "ints", [AX_KIND_FLOATS] = "floats", [AX_KIND_TENSOR] = "tensor"};
    char in[32], outs[32];
    count_text(in, sizeof in, r->min_inputs, r->max_inputs);
    count_text(outs, sizeof outs, r->min_outputs, r->max_outputs);
    fprintf(out, "\n**%s**: inputs %s, outputs %s", r->name, in, outs);
    if (!r->attrs || !r->attrs->name) {
        fputs(".\n", out);
        return;
    }
    fputs(".\n\n| attribute | | |\n|---|---|---|\n", out);
    for (const struct ax_attr_row *a = r->attrs; a->name; a++)
        fprintf(out, "| %s | %s | %s |\n", a->name, kinds[a->kind], a->text);
}

static void print_file(FILE *out, const char *path)
{
    char buf[4096];
    FILE *f = fopen(path, "r");
    if (!f) {
        fputs("No result is recorded yet.\n", out);
        return;
    }
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) fwrite(buf, 1, n, out);
    fclose(f);
}

static void print_page(FILE *out, const char *dir)
{
    const struct ax_op_row *rows[AX_OP_COUNT];
    char path[4096];
    int count = 0;
    for (int op = 1; op < AX_OP_COUNT; op++) rows[count++] = ax_op_row((enum ax_op)op);
    qsort(rows, (size_t)count, sizeof *rows, by_name);

    fputs(intro, out);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        fprintf(out, "| %s | %s |\n", classes[i].text, classes[i].meaning);
    print_support(out, rows, count);
    fputs(also, out);
    fputs(
        "\n## Canonical form\n\n"
        "ONNX says many things in two ways over its opsets. The importer brings every node to one form, which is all that\n"
        "passes, kernels and .axmodel files know: what was a constant input is an attribute, axes are resolved, `auto_pad` is\n"
        "gone. Inputs and attributes below are of that form, with those that passes add.\n",
        out);
    for (int i = 0; i < count; i++) print_form(out, rows[i]);
    fputs("\n## ONNX node tests\n\n", out);
    snprintf(path, sizeof path, "%s/onnx-node-tests.md", dir);
    print_file(out, path);
}

static int check(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "operators_doc: cannot open %s; run `ninja operators-doc`\n", path);
        return 1;
    }
    size_t at = 0;
    int line = 1, c;
    while ((c = fgetc(f)) != EOF && at < size && text[at] == (char)c) {
        line += c == '\n';
        at++;
    }
    fclose(f);
    if (c == EOF && at == size) return 0;
    fprintf(stderr, "operators_doc: %s differs from the op table in line %d; run `ninja operators-doc`\n", path, line);
    return 1;
}

static int write_page(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "w");
    if (f && fwrite(text, 1, size, f) == size && !fclose(f)) return 0;
    fprintf(stderr, "operators_doc: cannot write %s\n", path);
    return 1;
}

int main(int argc, char **argv)
{
    int checking = argc == 3 && !strcmp(argv[1], "--check");
    if (argc != 2 && !checking) {
        fprintf(stderr, "usage: operators_doc [--check] DIR\n");
        return 2;
    }
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return 1;
    print_page(out, argv[argc - 1]);
    fclose(out);
    snprintf(path, sizeof path, "%s/operators.md", argv[argc - 1]);
    int rc = checking ? check(path, text, size) : write_page(path, text, size);
    free(text);
    return rc;
}
