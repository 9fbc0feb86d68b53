#include "defenses/outliers.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/feed.h"

struct outliers {
    const struct dataset *set;
    struct feed *feed;
    uint64_t seed, round;
    const char *stream;
    int *order, at;
};

int outliers_new(struct outliers **out, const struct defense_env *env, struct shape image, const char *stream)
{
    const struct dataset *set = env->ood;
    if (!set) return err_set(ERR_OPTION, "no OOD set is given, expected one (ood = strokes)");
    const struct shape s = set->shape;
    if (s.c != image.c || s.h != image.h || s.w != image.w)
        return err_set(ERR_SHAPE, "OOD set %s has images of %dx%dx%d, expected the victim's %dx%dx%d", set->name, s.c, s.h, s.w, image.c, image.h, image.w);
    struct outliers *o = mem_new(1, sizeof *o);
    *o = (struct outliers){.set = set, .feed = feed_new(set, env->augment, rng_stream(env->seed, stream, UINT64_MAX).state, env->optim->batch), .seed = env->seed, .stream = stream,
                           .order = mem_new((size_t)set->n, sizeof *o->order), .at = set->n};
    *out = o;
    return OK;
}

void outliers_free(struct outliers *o)
{
    if (!o) return;
    feed_free(o->feed);
    mem_free(o->order);
    mem_free(o);
}

void outliers_batch(struct outliers *o, int n, float *x)
{
    int index[n];
    for (int i = 0; i < n; i++) {
        if (o->at == o->set->n) {
            struct rng r = rng_stream(o->seed, o->stream, o->round++);
            rng_permutation(&r, o->order, o->set->n);
            o->at = 0;
        }
        index[i] = o->order[o->at++];
    }
    feed_batch(o->feed, index, n, x);
}
