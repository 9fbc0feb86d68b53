/* Networks that a defense holds beside the victim: passes that are counted, and trainings that are done once. */
#ifndef HEIST_DEFENSES_HELPER_H
#define HEIST_DEFENSES_HELPER_H

#include "defenses/defense.h"

enum { HELPER_BATCH = 128 }; /* images a call */

struct helper {
    struct model *m;
    struct tape *tape;
    int64_t forwards, backwards, tangents; /* images that went through each */
};

/* A network of the victim's architecture and normalisation with parameters of its own, from the stream `name` of the seed. */
struct model *helper_model(const struct defense_env *env, const char *name);

/* Takes m, to be served eval mode; flags: TAPE_FORWARD or TAPE_BACKWARD. helper_free frees (accepts NULL). */
struct helper *helper_new(struct model *m, int flags);
void helper_free(struct helper *h);

/* model_forward, model_backward and model_tangent on up to HELPER_BATCH images, counted. */
const float *helper_forward(struct helper *h, const float *x, int n);
void helper_backward(struct helper *h, int n, const float *dlogits, float *dparams);
void helper_tangent(struct helper *h, int n, const float *vparams, float *vlogits);

/* Adds what a helper did and holds. */
void helper_cost(const struct helper *h, struct defense_cost *out);

/* Runs train(ctx), which trains the n networks m, or reads them from env->cache where this was done before. It depends on
 * the networks as they come, env (the victim too; not the pool), `o` and what `depends` says. */
int helper_train(struct model **m, int n, const struct defense_env *env, const struct optim *o, const char *depends,
                 int (*train)(void *ctx), void *ctx);

/* One network trained on labelled data. `name`: of the stream and in the progress bar. */
int helper_supervised(struct model *m, const struct dataset *d, const struct defense_env *env, const struct optim *o, const char *name);

#endif
