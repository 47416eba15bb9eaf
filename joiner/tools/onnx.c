#include "job.h"
enum ax_status ax_join_make_onnx(struct ax_join_job *b, struct ax_error *err)
{
    return ax_fail(err, AX_UNSUPPORTED, "%s", b->model_path);
}
