/* --eval LABELS: how many answers are right. */
#ifndef AX_TOOLS_AXRUN_EVAL_H
#define AX_TOOLS_AXRUN_EVAL_H

#include "files/cascade.h"
#include "tools/axrun_report.h"
#include "tools/axrun_truth.h"

struct ax_eval;
/* Reads the labels, and makes the run's descriptor ready: objects of low scores count too. */
enum ax_status ax_eval_open(struct ax_run *r, const char *pictures, struct ax_eval **out, struct ax_error *err);
void ax_eval_close(struct ax_eval *e); /* NULL is fine */
const struct ax_truth *ax_eval_truth(const struct ax_eval *e);
bool ax_eval_has_boxes(const struct ax_eval *e); /* NULL: it has none */
/* Ties the labels' names to the classes of the model, or of the cascade's last stage, whose post, and d, this is. */
enum ax_status ax_eval_bind(struct ax_eval *e, const struct ax_post *post, const struct ax_descriptor *d,
                            const struct ax_cascade *cascade, struct ax_error *err);
enum ax_status ax_eval_add(struct ax_eval *e, int picture, const struct ax_answer *answers, int n_answers,
                           struct ax_error *err);
/* The figures, as text or JSON; where there are boxes and --out, the first pipe's detections in COCO's form. */
enum ax_status ax_eval_finish(struct ax_eval *e, struct ax_error *err);

#endif
