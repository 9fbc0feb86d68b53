/* Winograd's convolutions against double precision, for every pair of channels that the 3x3 convolutions of nn/arch have:
 * forward, backward into images and into weights, at outputs drawn at random. And the same without Winograd. */
#include "base/mem.h"
#include "base/rng.h"
#include "nn/arch.h"
#include "nn/model.h"
#include "tests/check.h"

enum { N = 18, SIDE = 6, DRAWS = 150, PAIRS = 256 };
static const double BOUND = 1e-4; /* the relative error that a layer may have */

/* One 3x3 convolution of stride 1 with a border of 1, and what it computed. */
struct single {
    struct model *m;
    const struct layer *l;
    size_t in, out;
    float *x, *y, *dy, *dx, *dw;
};

/* Values of the N images; the padding behind them is zero. */
static float *maps(struct shape s, const char *name)
{
    float *v = mem_new(shape_floats(s, N), sizeof *v);
    struct rng r = rng_stream(11, name, 0);
    for (size_t i = 0; i < shape_floats(s, N); i++)
        v[i] = i / (shape_size(s) * MAPS) * MAPS + i % MAPS < N ? (float)rng_normal(&r) : 0;
    return v;
}

static struct single compute(const char *simd, const char *winograd, int ic, int oc)
{
    struct single s = {0};
    char text[128];
    snprintf(text, sizeof text, "conv a out=%d k=1\nconv b out=%d k=3 pad=1\nflatten\nlinear c out=K\n", ic, oc);
    setenv("HEIST_SIMD", simd, 1);
    setenv("HEIST_WINOGRAD", winograd, 1);
    CHECK_OK(model_parse(&s.m, "test", text, (struct shape){1, SIDE, SIDE, ROWS}, 10));
    model_init(s.m, 5);
    for (int i = 0; i < s.m->layers; i++)
        if (strcmp(s.m->layer[i].name, "b") == 0) s.l = &s.m->layer[i];
    s.in = shape_floats(s.l->in[0], N);
    s.out = shape_floats(s.l->out, N);
    s.x = maps(s.l->in[0], "x");
    s.dy = maps(s.l->out, "dy");
    s.dx = mem_new(s.in, sizeof *s.dx);
    s.y = mem_new(s.out, sizeof *s.y);
    s.dw = mem_new(s.m->params, sizeof *s.dw);
    float *scratch = mem_new(s.l->ops->scratch(s.l, N), sizeof *scratch), *const dx[LAYER_INPUTS] = {s.dx, NULL};
    const struct pass p = {.n = N, .x = {s.x, NULL}, .y = s.y, .w = s.m->w, .stat = s.m->stat, .scratch = scratch};
    s.l->ops->forward(s.l, &p);
    s.l->ops->backward(s.l, &p, s.dy, s.dw, dx);
    mem_free(scratch);
    return s;
}

static void single_free(struct single *s)
{
    float *all[] = {s->x, s->y, s->dy, s->dx, s->dw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
    model_free(s->m);
}

/* Where pixel (y, x) of channel c of image i lies; zero beyond the border. */
static size_t at(int channels, int i, int c, int y, int x)
{
    return ((((size_t)(i / MAPS) * (size_t)channels + (size_t)c) * SIDE + (size_t)y) * SIDE + (size_t)x) * MAPS + (size_t)(i % MAPS);
}

static double pixel(const float *v, int channels, int i, int c, int y, int x)
{
    return y < 0 || y >= SIDE || x < 0 || x >= SIDE ? 0 : (double)v[at(channels, i, c, y, x)];
}

/* In double: one output, one number of dx, one of dw. */
static double want_y(const struct single *s, int i, int o, int y, int x)
{
    const int ic = s->l->in[0].c;
    const float *w = s->m->w + s->l->param[0].at + (size_t)o * (size_t)ic * 9;
    double sum = (double)s->m->w[s->l->param[1].at + (size_t)o];
    for (int c = 0; c < ic; c++)
        for (int k = 0; k < 9; k++) sum += (double)w[c * 9 + k] * pixel(s->x, ic, i, c, y + k / 3 - 1, x + k % 3 - 1);
    return sum;
}

static double want_dx(const struct single *s, int i, int c, int y, int x)
{
    const int ic = s->l->in[0].c, oc = s->l->out.c;
    const float *w = s->m->w + s->l->param[0].at;
    double sum = 0;
    for (int o = 0; o < oc; o++)
        for (int k = 0; k < 9; k++) sum += (double)w[((size_t)o * (size_t)ic + (size_t)c) * 9 + (size_t)k] * pixel(s->dy, oc, i, o, y - k / 3 + 1, x - k % 3 + 1);
    return sum;
}

static double want_dw(const struct single *s, int o, int c, int k)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                sum += pixel(s->dy, s->l->out.c, i, o, y, x) * pixel(s->x, s->l->in[0].c, i, c, y + k / 3 - 1, x + k % 3 - 1);
    return sum;
}

/* The largest difference, in root mean squares of what is wanted. */
struct gap {
    double most, square;
};

static void add(struct gap *g, double got, double want)
{
    const double d = fabs(got - want);
    if (!(d <= g->most)) g->most = d; /* NaN stays */
    g->square += want * want / DRAWS;
}

static void check_single(const char *simd, const char *winograd, int ic, int oc)
{
    struct single s = compute(simd, winograd, ic, oc);
    struct rng r = rng_stream(3, "draws", 0);
    struct gap y = {0, 0}, dx = {0, 0}, dw = {0, 0};
    for (int k = 0; k < DRAWS; k++) {
        const int i = rng_below(&r, N), row = rng_below(&r, SIDE), column = rng_below(&r, SIDE), o = rng_below(&r, oc), c = rng_below(&r, ic), tap = rng_below(&r, 9);
        add(&y, (double)s.y[at(oc, i, o, row, column)], want_y(&s, i, o, row, column));
        add(&dx, (double)s.dx[at(ic, i, c, row, column)], want_dx(&s, i, c, row, column));
        add(&dw, (double)s.dw[s.l->param[0].at + ((size_t)o * (size_t)ic + (size_t)c) * 9 + (size_t)tap], want_dw(&s, o, c, tap));
    }
    CHECK_NEAR(y.most / sqrt(y.square), 0, BOUND);
    CHECK_NEAR(dx.most / sqrt(dx.square), 0, BOUND);
    CHECK_NEAR(dw.most / sqrt(dw.square), 0, BOUND);
    single_free(&s);
}

/* Appends the pairs of channels of a network's 3x3 convolutions that keep the map, each once. */
static int collect(const char *arch, int pair[][2], int pairs)
{
    struct model *m = NULL;
    CHECK_OK(model_new(&m, arch, (struct shape){3, 32, 32, ROWS}, 10));
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        int is_new = strcmp(l->ops->name, "conv") == 0 && l->param[0].dim[2] == 3 && l->in[0].h == l->out.h;
        for (int k = 0; k < pairs; k++) is_new &= pair[k][0] != l->in[0].c || pair[k][1] != l->out.c;
        if (!is_new || pairs == PAIRS) continue;
        pair[pairs][0] = l->in[0].c;
        pair[pairs++][1] = l->out.c;
    }
    model_free(m);
    return pairs;
}

static void every_pair_of_channels_in_use_is_near_double_precision(void)
{
    unsetenv("HEIST_SIMD");
    const char *const best = layer_simd();
    int pair[PAIRS][2], pairs = 0;
    for (int a = 0; a < arch_count(); a++) pairs = collect(arch_at(a)->name, pair, pairs);
    CHECK(pairs > 10 && pairs < PAIRS);
    for (int k = 0; k < pairs; k++) {
        check_single(best, "1", pair[k][0], pair[k][1]);
        if (pair[k][0] * pair[k][1] <= 64 * 128) check_single(best, "0", pair[k][0], pair[k][1]);
        if (pair[k][0] * pair[k][1] <= 64 * 128) check_single("base", "1", pair[k][0], pair[k][1]);
    }
}

static void the_switch_switches(void)
{
    struct single on = compute("base", "1", 16, 16), off = compute("base", "0", 16, 16);
    CHECK(memcmp(on.y, off.y, on.out * sizeof *on.y) != 0);
    single_free(&on);
    single_free(&off);
    setenv("HEIST_WINOGRAD", "yes", 1);
    CHECK_INT(layer_simd_check(), ERR_OPTION);
}

int main(void)
{
    RUN(every_pair_of_channels_in_use_is_near_double_precision);
    RUN(the_switch_switches);
    return check_done();
}
