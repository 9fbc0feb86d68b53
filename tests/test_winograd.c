/* Winograd's convolutions against double precision, for every pair of channels that the 3x3 convolutions of nn/arch have and
 * for the maps that 5x5 ones see: forward, backward into images and into weights, tangent, at outputs drawn at random. And the
 * same without Winograd. */
#include "base/mem.h"
#include "base/rng.h"
#include "nn/arch.h"
#include "nn/model.h"
#include "tests/check.h"

enum { N = 18, SIDE = 6, DRAWS = 150, PAIRS = 256 }; /* N: a full group of lanes and one that is not */
static const double BOUND = 1e-4; /* the relative error that a layer may have */

/* A k x k convolution of stride 1 of maps of h x w pixels. */
struct kind {
    int ic, oc, k, pad, h, w;
};

/* One of them, and what it computed; the tangent along (vw, vx) in vy. */
struct single {
    struct kind kind;
    struct model *m;
    const struct layer *l;
    size_t in, out;
    float *x, *y, *dy, *dx, *dw, *vx, *vw, *vy;
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

static void run(struct single *s)
{
    float *scratch = mem_new(s->l->ops->scratch(s->l, N), sizeof *scratch), *const dx[LAYER_INPUTS] = {s->dx, NULL};
    const float *const vx[LAYER_INPUTS] = {s->vx, NULL};
    const struct pass p = {.n = N, .x = {s->x, NULL}, .y = s->y, .w = s->m->w, .stat = s->m->stat, .scratch = scratch};
    s->l->ops->forward(s->l, &p);
    s->l->ops->backward(s->l, &p, s->dy, s->dw, dx);
    s->l->ops->tangent(s->l, &p, s->vw, vx, s->vy);
    mem_free(scratch);
}

static struct single compute(const char *simd, const char *winograd, struct kind kind)
{
    struct single s = {.kind = kind};
    char text[128];
    snprintf(text, sizeof text, "conv a out=%d k=1\nconv b out=%d k=%d pad=%d\nflatten\nlinear c out=K\n", kind.ic, kind.oc, kind.k, kind.pad);
    setenv("HEIST_SIMD", simd, 1);
    setenv("HEIST_WINOGRAD", winograd, 1);
    CHECK_OK(model_parse(&s.m, "test", text, (struct shape){1, kind.h, kind.w, ROWS}, 10));
    model_init(s.m, 5);
    for (int i = 0; i < s.m->layers; i++)
        if (strcmp(s.m->layer[i].name, "b") == 0) s.l = &s.m->layer[i];
    s.in = shape_floats(s.l->in[0], N);
    s.out = shape_floats(s.l->out, N);
    s.x = maps(s.l->in[0], "x");
    s.dy = maps(s.l->out, "dy");
    s.vx = maps(s.l->in[0], "vx");
    s.vw = mem_new(s.m->params, sizeof *s.vw);
    struct rng r = rng_stream(11, "vw", 0);
    for (size_t i = 0; i < s.m->params; i++) s.vw[i] = (float)(0.1 * rng_normal(&r));
    s.vy = mem_new(s.out, sizeof *s.vy);
    s.dx = mem_new(s.in, sizeof *s.dx);
    s.y = mem_new(s.out, sizeof *s.y);
    s.dw = mem_new(s.m->params, sizeof *s.dw);
    run(&s);
    return s;
}

static void single_free(struct single *s)
{
    float *all[] = {s->x, s->y, s->dy, s->dx, s->dw, s->vx, s->vw, s->vy};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
    model_free(s->m);
}

/* Where pixel (y, x) of channel c of image i lies; zero beyond the border. */
static size_t at(struct shape s, int i, int c, int y, int x)
{
    return ((((size_t)(i / MAPS) * (size_t)s.c + (size_t)c) * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * MAPS + (size_t)(i % MAPS);
}

static double pixel(const float *v, struct shape s, int i, int c, int y, int x)
{
    return y < 0 || y >= s.h || x < 0 || x >= s.w ? 0 : (double)v[at(s, i, c, y, x)];
}

/* In double: one output of the convolution of v by w (its parameters), one number of dx, one of dw. */
static double want_y(const struct single *s, const float *v, const float *params, int bias, int i, int o, int y, int x)
{
    const struct kind *q = &s->kind;
    const int kk = q->k * q->k;
    const float *w = params + s->l->param[0].at + (size_t)o * (size_t)(q->ic * kk);
    double sum = bias ? (double)params[s->l->param[1].at + (size_t)o] : 0;
    for (int c = 0; c < q->ic; c++)
        for (int k = 0; k < kk; k++) sum += (double)w[c * kk + k] * pixel(v, s->l->in[0], i, c, y + k / q->k - q->pad, x + k % q->k - q->pad);
    return sum;
}

static double want_dx(const struct single *s, int i, int c, int y, int x)
{
    const struct kind *q = &s->kind;
    const int kk = q->k * q->k;
    const float *w = s->m->w + s->l->param[0].at;
    double sum = 0;
    for (int o = 0; o < q->oc; o++)
        for (int k = 0; k < kk; k++)
            sum += (double)w[(o * q->ic + c) * kk + k] * pixel(s->dy, s->l->out, i, o, y - k / q->k + q->pad, x - k % q->k + q->pad);
    return sum;
}

static double want_db(const struct single *s, int o)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int y = 0; y < s->l->out.h; y++)
            for (int x = 0; x < s->l->out.w; x++) sum += pixel(s->dy, s->l->out, i, o, y, x);
    return sum;
}

static double want_dw(const struct single *s, int o, int c, int k)
{
    const struct kind *q = &s->kind;
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int y = 0; y < s->l->out.h; y++)
            for (int x = 0; x < s->l->out.w; x++)
                sum += pixel(s->dy, s->l->out, i, o, y, x) * pixel(s->x, s->l->in[0], i, c, y + k / q->k - q->pad, x + k % q->k - q->pad);
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

static void check_single(const char *simd, const char *winograd, struct kind q)
{
    struct single s = compute(simd, winograd, q);
    struct rng r = rng_stream(3, "draws", 0);
    const struct shape in = s.l->in[0], out = s.l->out;
    struct gap y = {0, 0}, dx = {0, 0}, dw = {0, 0}, db = {0, 0}, vy = {0, 0};
    for (int k = 0; k < DRAWS; k++) {
        const int i = rng_below(&r, N), o = rng_below(&r, q.oc), c = rng_below(&r, q.ic), tap = rng_below(&r, q.k * q.k);
        const int row = rng_below(&r, out.h), column = rng_below(&r, out.w), x_row = rng_below(&r, in.h), x_column = rng_below(&r, in.w);
        add(&y, (double)s.y[at(out, i, o, row, column)], want_y(&s, s.x, s.m->w, 1, i, o, row, column));
        add(&vy, (double)s.vy[at(out, i, o, row, column)], want_y(&s, s.vx, s.m->w, 0, i, o, row, column) + want_y(&s, s.x, s.vw, 1, i, o, row, column));
        add(&dx, (double)s.dx[at(in, i, c, x_row, x_column)], want_dx(&s, i, c, x_row, x_column));
        add(&dw, (double)s.dw[s.l->param[0].at + (size_t)((o * q.ic + c) * q.k * q.k + tap)], want_dw(&s, o, c, tap));
        add(&db, (double)s.dw[s.l->param[1].at + (size_t)o], want_db(&s, o));
    }
    CHECK_NEAR(y.most / sqrt(y.square), 0, BOUND);
    CHECK_NEAR(vy.most / sqrt(vy.square), 0, BOUND);
    CHECK_NEAR(dx.most / sqrt(dx.square), 0, BOUND);
    CHECK_NEAR(dw.most / sqrt(dw.square), 0, BOUND);
    CHECK_NEAR(db.most / sqrt(db.square), 0, BOUND);
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
        const struct kind q = {pair[k][0], pair[k][1], 3, 1, SIDE, SIDE};
        check_single(best, "1", q);
        if (q.ic * q.oc <= 64 * 128) check_single(best, "0", q);
        if (q.ic * q.oc <= 64 * 128) check_single("base", "1", q);
    }
}

/* LeNet's, and maps and channels that fill neither tiles nor vectors. */
static void kernels_of_five_are_near_double_precision(void)
{
    static const struct kind kinds[] = {{6, 16, 5, 0, 12, 12}, {16, 6, 5, 0, 12, 12}, {6, 16, 5, 0, 14, 14}, {20, 50, 5, 0, 12, 12}, {20, 50, 5, 0, 14, 14},
        {1, 6, 5, 0, 28, 28}, {3, 6, 5, 0, 32, 32}, {3, 20, 5, 2, 9, 14}, {2, 7, 5, 4, 6, 45}, {1, 3, 5, 1, 4, 4}, {6, 16, 5, 4, 5, 7}, {17, 33, 5, 1, 8, 11}, {7, 9, 5, 3, 5, 6}, {64, 64, 5, 2, 6, 6}};
    static const char *const simds[] = {"base", "avx2", "avx512"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof simds / sizeof *simds; i++) {
            setenv("HEIST_SIMD", simds[i], 1);
            unsetenv("HEIST_WINOGRAD");
            if (layer_simd_check()) continue;
            check_single(simds[i], "1", kinds[k]);
            check_single(simds[i], "0", kinds[k]);
        }
}

/* One pixel of dy that is not zero, in images of both groups: what its kernel does not touch is exactly zero, for whoever asks
 * for the sign of dx. */
static void where_no_dy_arrives_dx_is_zero(void)
{
    static const struct kind kinds[] = {{6, 16, 5, 0, 12, 12}, {6, 16, 5, 2, 9, 11}, {6, 16, 5, 2, 8, 9000}}; /* the last: not on the stack */
    enum { Y = 3, X = 6 };
    unsetenv("HEIST_SIMD");
    unsetenv("HEIST_WINOGRAD");
    const char *const best = layer_simd();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const struct kind q = kinds[k];
        struct single s = compute(best, "1", q);
        memset(s.dy, 0, s.out * sizeof *s.dy);
        for (size_t i = 0; i < s.out; i += 3) s.dy[i] = -0.0f;
        for (int i = 0; i < N; i += 2) s.dy[at(s.l->out, i, 4, Y, X)] = 1;
        run(&s);
        for (int i = 0; i < N; i++)
            for (int y = 0; y < q.h; y++)
                for (int x = 0; x < q.w; x++) {
                    const int ky = y + q.pad - Y, kx = x + q.pad - X, touched = i % 2 == 0 && ky >= 0 && ky < 5 && kx >= 0 && kx < 5;
                    CHECK_INT(s.dx[at(s.l->in[0], i, 2, y, x)] != 0, touched);
                }
        single_free(&s);
    }
}

static void the_switch_switches(void)
{
    static const struct {
        const char *simd;
        struct kind kind;
        int dx; /* goes by Winograd too */
    } cases[] = {{"base", {16, 16, 3, 1, SIDE, SIDE}, 1}, {"base", {6, 16, 5, 0, 12, 12}, 1}, {"avx512", {1, 6, 5, 0, 28, 28}, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        setenv("HEIST_SIMD", cases[k].simd, 1);
        setenv("HEIST_WINOGRAD", "1", 1);
        if (layer_simd_check()) continue;
        struct single on = compute(cases[k].simd, "1", cases[k].kind), off = compute(cases[k].simd, "0", cases[k].kind);
        CHECK(memcmp(on.y, off.y, on.out * sizeof *on.y) != 0);
        CHECK_INT(memcmp(on.dx, off.dx, on.in * sizeof *on.dx) != 0, cases[k].dx);
        CHECK(memcmp(on.dw, off.dw, on.m->params * sizeof *on.dw) != 0);
        single_free(&on);
        single_free(&off);
    }
    setenv("HEIST_WINOGRAD", "yes", 1);
    CHECK_INT(layer_simd_check(), ERR_OPTION);
}

int main(void)
{
    RUN(every_pair_of_channels_in_use_is_near_double_precision);
    RUN(kernels_of_five_are_near_double_precision);
    RUN(where_no_dy_arrives_dx_is_zero);
    RUN(the_switch_switches);
    return check_done();
}
