/* The activation functions: accuracy against libm in double, the same bits from every instruction set, limits. */
#include <math.h>

#include "box.h"
#include "program/activation.h"

static double exact(int act, double x, double a, double b)
{
    switch (act) {
    case AX_ACT_NONE: return x;
    case AX_ACT_RELU: return x > 0 ? x : 0;
    case AX_ACT_CLIP: return fmin(fmax(x, a), b);
    case AX_ACT_LEAKY_RELU:
    case AX_ACT_PRELU: return x < 0 ? a * x : x;
    case AX_ACT_SILU: return x / (1 + exp(-a * x));
    case AX_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case AX_ACT_HARD_SWISH: return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case AX_ACT_HARD_SIGMOID: return fmin(fmax(a * x + b, 0), 1);
    case AX_ACT_GELU: return x / 2 * (1 + erf(x / sqrt(2)));
    case AX_ACT_GELU_TANH: return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case AX_ACT_TANH: return tanh(x);
    case AX_ACT_ELU: return x < 0 ? a * expm1(x) : x;
    case AX_ACT_SELU: return b * (x < 0 ? a * expm1(x) : x);
    case AX_ACT_SOFTPLUS: return fmax(x, 0) + log1p(exp(-fabs(x)));
    case AX_ACT_SOFTSIGN: return x / (1 + fabs(x));
    case AX_ACT_MISH: return x * tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
    case AX_ACT_ERF: return erf(x);
    case AX_ACT_EXP: return exp(x);
    case AX_ACT_LOG: return log(x);
    case AX_ACT_SQRT: return sqrt(x);
    case AX_ACT_RECIPROCAL: return 1 / x;
    case AX_ACT_ABS: return fabs(x);
    case AX_ACT_NEG: return -x;
    case AX_ACT_FLOOR: return floor(x);
    case AX_ACT_CEIL: return ceil(x);
    case AX_ACT_ROUND: return rint(x);
    case AX_ACT_SIGN: return (x > 0) - (x < 0);
    case AX_ACT_SIN: return sin(x);
    case AX_ACT_COS: return cos(x);
    case AX_ACT_THRESHOLDED_RELU: return x > a ? x : 0;
    default: return a * x + b;
    }
}

/* Allowed error: units in the last place where the result is good everywhere, a share of |x| where it cancels near 0. */
static double allowed(int act, double x, double r)
{
    double ulp = fabs(r) < 1.2e-38 ? 1.5e-45 : ldexp(1, ilogb(r) - 23);
    switch (act) {
    case AX_ACT_SILU:
    case AX_ACT_GELU:
    case AX_ACT_GELU_TANH:
    case AX_ACT_HARD_SWISH:
    case AX_ACT_MISH: return 4 * ulp + 1.5e-7 * fabs(x) + 1e-36;
    case AX_ACT_SIGMOID: return 4 * ulp + 1e-36;
    case AX_ACT_HARD_SIGMOID:
    case AX_ACT_AFFINE: return 1e-6 * (1 + fabs(x));
    default: return 2 * ulp;
    }
}

static const float alpha = 1.0f, beta = 1.5f;
enum { N = 4099 };

static void box_of(struct box *b, struct ax_unary_params *p, int act)
{
    *p = (struct ax_unary_params){act, alpha, beta};
    box_begin(b, AX_STEP_UNARY_F32, p, 7 + (uint32_t)act);
    box_in(b, AX_DTYPE_FLOAT32, BOX_DIMS(N));
    box_out(b, AX_DTYPE_FLOAT32, BOX_DIMS(N));
    box_fill(b);
}

static void accuracy(int act, float low, float high)
{
    struct box b;
    struct ax_unary_params p;
    box_of(&b, &p, act);
    float *x = box_data(&b, b.in[0]);
    for (int i = 0; i < N; i++) x[i] = low + (high - low) * (float)i / (N - 1);
    box_run(&b);
    x = box_data(&b, b.in[0]);
    const float *y = box_data(&b, b.out[0]);
    for (int i = 0; i < N; i++) {
        double r = exact(act, x[i], alpha, beta);
        if (!isfinite(r) || fabs(r) > 3e38) continue;
        if (fabs(y[i] - r) > allowed(act, x[i], r))
            fail_msg("%s(%a) is %a, should be near %a", ax_act_text((enum ax_act)act), x[i], y[i], r);
    }
    box_end(&b);
}

static void test_accuracy(void **state)
{
    (void)state;
    for (int act = 0; act < AX_ACT_COUNT; act++) {
        accuracy(act, -4, 4);
        accuracy(act, -110, 110);
        accuracy(act, -1e-3f, 1e-3f);
        accuracy(act, 1e-45f, 1e-37f);
    }
}

/* All exponents, both signs, infinities and NaNs: the same bits everywhere (box_run). */
static void test_all_bits(void **state)
{
    (void)state;
    for (int act = 0; act < AX_ACT_COUNT; act++) {
        struct box b;
        struct ax_unary_params p;
        box_of(&b, &p, act);
        uint32_t *x = box_data(&b, b.in[0]);
        for (uint32_t i = 0; i < N; i++) x[i] = i * 1048573u + i;
        box_run(&b);
        box_end(&b);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        int act;
        float x, y;
    } cases[] = {
        {AX_ACT_EXP, INFINITY, INFINITY},
        {AX_ACT_EXP, -INFINITY, 0},
        {AX_ACT_EXP, 89, INFINITY},
        {AX_ACT_EXP, -104, 0},
        {AX_ACT_EXP, 0, 1},
        {AX_ACT_LOG, 0, -INFINITY},
        {AX_ACT_LOG, -1, NAN},
        {AX_ACT_LOG, INFINITY, INFINITY},
        {AX_ACT_TANH, INFINITY, 1},
        {AX_ACT_TANH, -INFINITY, -1},
        {AX_ACT_ERF, INFINITY, 1},
        {AX_ACT_SIGMOID, -INFINITY, 0},
        {AX_ACT_SILU, -INFINITY, 0},
        {AX_ACT_SILU, INFINITY, INFINITY},
        {AX_ACT_GELU, -INFINITY, 0},
        {AX_ACT_MISH, -INFINITY, 0},
        {AX_ACT_HARD_SWISH, -INFINITY, 0},
        {AX_ACT_SOFTPLUS, INFINITY, INFINITY},
        {AX_ACT_SOFTSIGN, INFINITY, 1},
        {AX_ACT_SIN, INFINITY, NAN},
        {AX_ACT_ELU, -INFINITY, -1},
        {AX_ACT_EXP, NAN, NAN},
        {AX_ACT_TANH, NAN, NAN},
        {AX_ACT_SILU, NAN, NAN},
        {AX_ACT_GELU, NAN, NAN},
        {AX_ACT_MISH, NAN, NAN},
        {AX_ACT_SOFTPLUS, NAN, NAN},
        {AX_ACT_ELU, NAN, NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct box b;
        struct ax_unary_params p;
        box_of(&b, &p, cases[i].act);
        float *x = box_data(&b, b.in[0]);
        for (int k = 0; k < N; k++) x[k] = cases[i].x;
        box_run(&b);
        float y = *(float *)box_data(&b, b.out[0]);
        if (y != cases[i].y && !(isnan(y) && isnan(cases[i].y)))
            fail_msg("%s(%g) is %g, should be %g", ax_act_text((enum ax_act)cases[i].act), cases[i].x, y, cases[i].y);
        box_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accuracy), cmocka_unit_test(test_all_bits),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests_name("act", tests, NULL, NULL);
}
