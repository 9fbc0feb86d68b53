/* Dropout: in train mode each number is 0 with probability p, else 1/(1 - p) times itself; in eval mode nothing happens.
 *
 * A mask is drawn from a stream of (the layer's seed, the pass, the image), so that it does not depend on threads. The seed
 * and the count of passes lie beside the running statistics: a copy of them repeats its masks. They are not in the
 * state_dict; a network read from a file starts at the first pass of seed 0 until model_init seeds it. */
#include "nn/layer.h"

struct own {
    double p;
};

enum { SEED, LINE, PASSES, STATE }; /* whole numbers below 2^24, which a float holds exactly */
static const double WHOLE = 0x1p24;

static const struct option options[] = {{"p", OPTION_REAL, "0.5", 0, 0.99, 0, "probability of a zero in train mode"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    ((struct own *)l->own)->p = spec_real(opt, "p");
    l->out = l->in[0];
    l->stats = 1;
    l->stat[0] = param_new("state", 1, STATE, 0, 0, 0);
    l->stat[0].hidden = 1;
    return 0;
}

static void init(const struct layer *l, float *w, float *stat, struct rng *r)
{
    float *state = stat + l->stat[0].at;
    (void)w;
    state[SEED] = r->state ? (float)(rng_u64(r) >> 40) : 0;
    state[LINE] = (float)(l->from[0] + 1); /* two layers of one seed differ */
    state[PASSES] = 0;
}

static size_t saved(const struct layer *l, int n) /* train mode: the factor of each number */
{
    return shape_floats(l->out, n);
}

static void draw(const struct layer *l, const struct pass *p)
{
    const double drop = ((const struct own *)l->own)->p;
    const float keep = (float)(1 / (1 - drop));
    const int lanes = l->out.lanes, images = shape_groups(l->out, p->n) * lanes;
    const size_t d = shape_size(l->out);
    float *state = p->stat_out + l->stat[0].at;
    const uint64_t seed = (uint64_t)state[SEED] << 24 | (uint64_t)state[LINE], pass = (uint64_t)state[PASSES];
#pragma omp parallel for schedule(static)
    for (int i = 0; i < images; i++) {
        struct rng r = rng_stream(seed, "dropout", pass << 32 | (uint64_t)i);
        float *m = p->saved + (size_t)(i / lanes) * d * (size_t)lanes + (size_t)(i % lanes);
        for (size_t j = 0; j < d; j++) m[j * (size_t)lanes] = i < p->n && rng_uniform(&r) >= drop ? keep : 0;
    }
    state[PASSES] = (float)((pass + 1) % (uint64_t)WHOLE);
}

/* out = v in eval mode, mask v in train mode; out may be v. */
static void mask(const struct layer *l, const struct pass *p, const float *v, float *out)
{
    const size_t size = shape_floats(l->out, p->n);
    const float *m = p->saved;
    if (!p->train && out == v) return;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) out[i] = p->train ? m[i] * v[i] : v[i];
}

static void forward(const struct layer *l, const struct pass *p)
{
    if (p->train) draw(l, p);
    mask(l, p, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (dx[0]) mask(l, p, dy, dx[0]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    mask(l, p, vx[0], vy);
}

LAYER(dropout) = {.name = "dropout", .about = "zeros at random in train mode", .options = options, .own = sizeof(struct own), .inputs = 1,
    .inplace = 1, .whole = 1, .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .saved = saved, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
