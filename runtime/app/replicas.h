/* The same model on several devices, as one device: each request goes to the instance that should be done with it first, by the
 * times of those before. Who takes the results takes them in order (runner.h), so frames keep theirs. */
#ifndef AX_APP_REPLICAS_H
#define AX_APP_REPLICAS_H

#include "app/runner.h"

struct ax_replicas;
/* Engines of one model with the same batch; the list and the engines must live as long. */
enum ax_status ax_replicas_new(struct ax_engine *const *engines, int n, struct ax_replicas **out, struct ax_error *err);
/* When no request is under way any more; NULL is fine. */
void ax_replicas_free(struct ax_replicas *r);

/* Instances are counted through, engine after engine. It runs nothing synchronously. */
struct ax_runner_device ax_replicas_device(struct ax_replicas *r);

/* The decision alone: seconds or any other unit that instances took for a request on average (0: not known yet), and how many
 * each has. Ties go to the one behind `last`. */
int ax_replicas_best(const double *mean, const int *under_way, int n, int last);
/* At each decision: the mean of one that has nothing to do nears the least one, so that it is tried again some time. It may
 * only have been unlucky. */
void ax_replicas_forget(double *mean, const int *under_way, int n);

#endif
