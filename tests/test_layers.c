/* Every layer and every network: fast kernels against their naive twins, <Jv,u> = <v,J'u>, finite differences, and a
 * result that does not depend on threads, on the lane or on the neighbours. */
#include <omp.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/arch.h"
#include "nn/model.h"
#include "tests/check.h"

/* The naive twin takes its time: networks above this many multiply-adds an image are left to the golden vectors. */
static const double SMALL = 1e6;

static const char *const simds[] = {"naive", "base", "avx2", "avx512"};

/* Small networks that bring out each layer's options and borders. */
static const struct {
    const char *text;
    struct shape in;
} nets[] = {
    {"conv a out=5 k=3 pad=1\nrelu\nmaxpool k=2\nconv b out=7 k=3 stride=2 pad=1\nflatten\nlinear c out=K\n", {3, 9, 11, 0}},
    {"conv a out=6 k=5\nmaxpool k=2\nconv b out=9 k=5 pad=4\nrelu\nflatten\nlinear c out=K bias=0\n", {1, 14, 13, 0}},
    {"conv a out=2 k=1 bias=0\nconv b out=4 k=2 stride=3\nconv d out=1 k=4 pad=2\nmaxpool k=3 stride=2\nflatten\nlinear c out=K\n", {2, 13, 16, 0}},
    {"conv a out=5 k=3 pad=1\nbatchnorm b\nrelu x\nconv c out=5 k=3 pad=1 bias=0 < x\nbatchnorm d\nadd e < d x\nrelu\navgpool k=2\n"
     "batchnorm f affine=0\navgpool\nflatten\nlinear g out=K\n", {3, 7, 9, 0}},
    {"conv a out=16 k=3 pad=1\nrelu\nconv b out=21 k=3\nconv c out=37 k=3 pad=2 bias=0\nrelu\nconv d out=16 k=3 pad=1\nflatten\nlinear e out=K\n", {2, 9, 7, 0}},
    {"conv a out=18 k=5 pad=2\nrelu\nconv b out=37 k=5 bias=0\nrelu\nmaxpool k=2\nflatten\nlinear c out=K\n", {3, 9, 11, 0}},
    {"conv a out=3 k=2 stride=3 pad=1\nrelu\nconv b out=4 k=5 stride=2 pad=3\nconv c out=2 k=4 stride=3 pad=3\nflatten\nlinear d out=K\n", {2, 23, 19, 0}},
    {"conv a out=5 k=3 pad=1\nleakyrelu slope=0.2\nupsample\nconv b out=4 k=3 stride=2\nbatchnorm f affine=0\nleakyrelu\ndropout p=0.3\n"
     "upsample k=3\nmaxpool k=4\ntanh\nflatten\nlinear c out=K\n", {2, 6, 7, 0}},
    {"pad to=9\nconv a out=4 k=3 pad=1\nrelu\npad to=12\npad to=3\nconv b out=3 k=4 stride=3\nflatten\nlinear c out=K\n", {2, 6, 11, 0}},
    {"flatten\nlinear a out=60\nunflatten c=3 h=4 w=5\nbatchnorm b\nupsample\nconv c out=2 k=3 pad=1\ntanh\ndropout\nflatten\ndropout\nlinear d out=K\ntanh\n",
     {1, 4, 5, 0}},
    {"conv a out=3 k=7 stride=2 pad=3\nrelu\nflatten\nlinear b out=130\nrelu\nlinear c out=K\n", {1, 8, 8, 0}},
    /* maps so large that each layer is a block of its own (nn/tape.c): gradients take each other's places */
    {"conv a out=20 k=3 pad=1\nbatchnorm b\nrelu x\nconv c out=20 k=1\nbatchnorm d\nadd e < d x\nrelu y\nconv f out=20 k=1 bias=0\nadd g < f y\n"
     "avgpool k=8\nflatten\nlinear h out=K\n", {1, 32, 32, 0}},
};
enum { NETS = sizeof nets / sizeof *nets };

struct setup {
    struct model *m;
    struct tape *t;
    int n, k;
    size_t d;
    float *x, *u, *vw, *vx; /* images, a cotangent of the logits, directions */
};

static struct shape images_of(int rgb)
{
    return rgb ? (struct shape){3, 32, 32, ROWS} : (struct shape){1, 28, 28, ROWS};
}

/* Can this network take such images, and is it small? (Some need 32x32.) */
static int small(const char *arch, int rgb)
{
    struct model *m = NULL;
    if (model_new(&m, arch, images_of(rgb), 10)) return 0;
    const double flops = model_flops(m);
    model_free(m);
    return flops < SMALL;
}

static void fill(float *v, size_t n, const char *name, double scale)
{
    struct rng r = rng_stream(7, name, 0);
    for (size_t i = 0; i < n; i++) v[i] = (float)(scale * rng_normal(&r));
}

static struct setup set_up(const char *simd, const char *arch, int net, int n)
{
    struct setup s = {.n = n, .k = 10};
    const float mean[3] = {0.2f, 0.3f, 0.4f}, std[3] = {0.5f, 0.7f, 0.9f};
    setenv("HEIST_SIMD", simd, 1);
    const struct shape in = arch ? images_of(net) : nets[net].in;
    CHECK_OK(arch ? model_new(&s.m, arch, in, s.k) : model_parse(&s.m, "test", nets[net].text, in, s.k));
    model_init(s.m, 3);
    model_normalise(s.m, mean, std);
    s.d = shape_size(s.m->input);
    s.t = tape_new(s.m, n, TAPE_BACKWARD);
    s.x = mem_new((size_t)n * s.d, sizeof *s.x);
    s.vx = mem_new((size_t)n * s.d, sizeof *s.x);
    s.u = mem_new((size_t)(n * s.k), sizeof *s.u);
    s.vw = mem_new(s.m->params, sizeof *s.vw);
    fill(s.x, (size_t)n * s.d, "x", 1);
    fill(s.vx, (size_t)n * s.d, "vx", 1);
    fill(s.u, (size_t)(n * s.k), "u", 1);
    fill(s.vw, s.m->params, "vw", 0.1);
    return s;
}

static void tear_down(struct setup *s)
{
    tape_free(s->t);
    model_free(s->m);
    mem_free(s->x);
    mem_free(s->vx);
    mem_free(s->u);
    mem_free(s->vw);
}

/* What a network computes: logits, gradients, tangent. */
struct results {
    size_t nk, nd, params;
    float *z, *dw, *dx, *vz;
};

static struct results results_of(struct setup *s)
{
    struct results r = {(size_t)(s->n * s->k), (size_t)s->n * s->d, s->m->params, NULL, NULL, NULL, NULL};
    r.z = mem_new(r.nk, sizeof *r.z);
    r.vz = mem_new(r.nk, sizeof *r.z);
    r.dw = mem_new(r.params, sizeof *r.z);
    r.dx = mem_new(r.nd, sizeof *r.z);
    memcpy(r.z, model_forward(s->m, s->t, s->x, s->n), r.nk * sizeof *r.z);
    model_tangent(s->m, s->t, s->vw, s->vx, r.vz);
    model_backward(s->m, s->t, s->u, r.dw, r.dx);
    return r;
}

static void results_free(struct results *r)
{
    mem_free(r->z);
    mem_free(r->dw);
    mem_free(r->dx);
    mem_free(r->vz);
}

static double dot(const float *a, const float *b, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++) s += (double)a[i] * (double)b[i];
    return s;
}

static double distance(const float *a, const float *b, size_t n) /* relative, L2 */
{
    double gap = 0, size = 1e-12;
    for (size_t i = 0; i < n; i++) {
        gap += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(gap / size);
}

static int has(const char *simd)
{
    setenv("HEIST_SIMD", simd, 1);
    return layer_simd_check() == OK;
}

static void compare(const char *arch, int net, int n)
{
    struct setup s0 = set_up("naive", arch, net, n);
    struct results want = results_of(&s0);
    for (int i = 1; i < 4; i++) {
        if (!has(simds[i])) continue;
        struct setup s = set_up(simds[i], arch, net, n);
        struct results got = results_of(&s);
        CHECK_NEAR(distance(got.z, want.z, want.nk), 0, 1e-5);
        CHECK_NEAR(distance(got.dw, want.dw, want.params), 0, 1e-5);
        CHECK_NEAR(distance(got.dx, want.dx, want.nd), 0, 1e-5);
        CHECK_NEAR(distance(got.vz, want.vz, want.nk), 0, 1e-5);
        results_free(&got);
        tear_down(&s);
    }
    results_free(&want);
    tear_down(&s0);
}

static void every_instruction_set_equals_the_naive_twin(void)
{
    for (int i = 0; i < NETS; i++) compare(NULL, i, 21);
    for (int a = 0; a < arch_count(); a++)
        for (int rgb = 0; rgb < 2; rgb++)
            if (small(arch_at(a)->name, rgb)) compare(arch_at(a)->name, rgb, 5);
}

/* <J v, u> = <v, J' u> for parameters and images together, and apart. */
static void check_identity(const char *arch, int net)
{
    struct setup s = set_up("naive", arch, net, 19);
    struct results r = results_of(&s);
    float *only = mem_new(r.nk, sizeof *only);
    const double left = dot(r.vz, s.u, r.nk), right = dot(s.vw, r.dw, r.params) + dot(s.vx, r.dx, r.nd);
    CHECK_NEAR(left / right, 1, 1e-4);
    model_tangent(s.m, s.t, s.vw, NULL, only);
    CHECK_NEAR(dot(only, s.u, r.nk) / dot(s.vw, r.dw, r.params), 1, 1e-4);
    model_tangent(s.m, s.t, NULL, s.vx, only);
    CHECK_NEAR(dot(only, s.u, r.nk) / dot(s.vx, r.dx, r.nd), 1, 1e-4);
    mem_free(only);
    results_free(&r);
    tear_down(&s);
}

static void tangent_is_the_transpose_of_backward(void)
{
    for (int i = 0; i < NETS; i++) check_identity(NULL, i);
    for (int a = 0; a < arch_count(); a++)
        for (int rgb = 0; rgb < 2; rgb++)
            if (small(arch_at(a)->name, rgb)) check_identity(arch_at(a)->name, rgb);
}

/* (f(w + h v) - f(w - h v)) / 2h against the tangent; few kinks are crossed at so small an h. */
static void check_differences(const char *arch, int net)
{
    const float h = 2e-5f;
    struct setup s = set_up("naive", arch, net, 4);
    struct results r = results_of(&s);
    float *plus = mem_new(r.nk, sizeof *plus), *moved = mem_new(r.nd, sizeof *moved);
    for (int side = 1; side >= -1; side -= 2) {
        for (size_t i = 0; i < r.params; i++) s.m->w[i] += (float)side * h * s.vw[i];
        for (size_t i = 0; i < r.nd; i++) moved[i] = s.x[i] + (float)side * h * s.vx[i];
        const float *z = model_forward(s.m, s.t, moved, s.n);
        for (size_t i = 0; i < r.nk; i++) plus[i] = side > 0 ? z[i] : (plus[i] - z[i]) / (2 * h);
        for (size_t i = 0; i < r.params; i++) s.m->w[i] -= (float)side * h * s.vw[i];
    }
    CHECK_NEAR(distance(plus, r.vz, r.nk), 0, 5e-2); /* a wrong derivative is off by its own size */
    mem_free(plus);
    mem_free(moved);
    results_free(&r);
    tear_down(&s);
}

static void tangent_equals_finite_differences(void)
{
    for (int i = 0; i < NETS; i++) check_differences(NULL, i);
    for (int a = 0; a < arch_count(); a++)
        for (int rgb = 0; rgb < 2; rgb++)
            if (small(arch_at(a)->name, rgb)) check_differences(arch_at(a)->name, rgb);
}

static void results_do_not_depend_on_threads(void)
{
    unsetenv("HEIST_SIMD");
    for (int i = 0; i < NETS; i++) {
        struct setup s = set_up(layer_simd(), NULL, i, 150);
        omp_set_num_threads(1);
        struct results one = results_of(&s);
        for (int threads = 2; threads <= 5; threads++) {
            omp_set_num_threads(threads);
            struct setup again = set_up(layer_simd(), NULL, i, 150);
            struct results more = results_of(&again);
            CHECK(memcmp(one.z, more.z, one.nk * sizeof(float)) == 0);
            CHECK(memcmp(one.dw, more.dw, one.params * sizeof(float)) == 0);
            CHECK(memcmp(one.dx, more.dx, one.nd * sizeof(float)) == 0);
            CHECK(memcmp(one.vz, more.vz, one.nk * sizeof(float)) == 0);
            results_free(&more);
            tear_down(&again);
        }
        results_free(&one);
        tear_down(&s);
    }
    omp_set_num_threads(2);
}

/* On a tape the scratch has neighbours, where no sanitizer sees a layer write too far. */
static void stays_in_its_scratch(const char *text, struct shape image)
{
    enum { N = 150, GUARD = 1024 };
    struct model *m = NULL;
    CHECK_OK(model_parse(&m, "test", text, image, 10));
    model_init(m, 3);
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        const size_t size = l->ops->scratch ? l->ops->scratch(l, N) : 0, in = shape_floats(l->in[0], N), out = shape_floats(l->out, N);
        float *x = mem_new(in, sizeof *x), *y = mem_new(out, sizeof *y), *dy = mem_new(out, sizeof *dy), *dx = mem_new(in, sizeof *dx);
        float *dw = mem_new(m->params, sizeof *dw), *saved = mem_new(l->ops->saved ? l->ops->saved(l, N) : 0, sizeof *saved);
        float *scratch = mem_new(size + GUARD, sizeof *scratch), *const to[LAYER_INPUTS] = {dx, NULL};
        const float *const v[LAYER_INPUTS] = {x, NULL};
        const struct pass p = {.n = N, .x = {x, NULL}, .y = y, .w = m->w, .stat = m->stat, .scratch = scratch, .saved = saved};
        fill(x, in, "x", 1);
        fill(dy, out, "dy", 1);
        for (size_t k = 0; k < GUARD; k++) scratch[size + k] = 7;
        l->ops->forward(l, &p);
        l->ops->tangent(l, &p, m->w, v, y);
        l->ops->forward(l, &p);
        l->ops->backward(l, &p, dy, dw, to);
        for (size_t k = 0; k < GUARD; k++) CHECK_NEAR(scratch[size + k], 7, 0);
        mem_free(x);
        mem_free(y);
        mem_free(dy);
        mem_free(dx);
        mem_free(dw);
        mem_free(saved);
        mem_free(scratch);
    }
    model_free(m);
}

static void a_layer_stays_in_its_scratch(void)
{
    unsetenv("HEIST_SIMD");
    stays_in_its_scratch("conv a out=64 k=3 pad=1\nrelu\nconv b out=64 k=3 pad=1\nconv c out=64 k=3 pad=1 bias=0\nconv d out=20 k=5 stride=2 pad=2\n"
                         "batchnorm e\nmaxpool k=2\nflatten\nlinear f out=K\n", (struct shape){2, 16, 12, 0}); /* more tiles than a block takes */
    /* maps so small that the sums of a gradient are the most that a layer needs */
    stays_in_its_scratch("conv a out=7 k=5 pad=3\nconv b out=12 k=5 pad=2\nflatten\nlinear c out=K\n", (struct shape){3, 2, 3, 0});
}

static void an_image_does_not_see_its_neighbours(void)
{
    unsetenv("HEIST_SIMD");
    struct setup s = set_up(layer_simd(), "lenet5", 0, 150);
    float *all = mem_new((size_t)(s.n * s.k), sizeof *all), *part = mem_new((size_t)(s.n * s.k), sizeof *part);
    memcpy(all, model_forward(s.m, s.t, s.x, s.n), (size_t)(s.n * s.k) * sizeof *all);
    const int cuts[] = {1, 7, 16, 17, 63, 64, 65, 129};
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        for (int i = 0; i < s.n; i += cuts[c]) {
            const int n = s.n - i < cuts[c] ? s.n - i : cuts[c];
            memcpy(part + i * s.k, model_forward(s.m, s.t, s.x + (size_t)i * s.d, n), (size_t)(n * s.k) * sizeof *part);
        }
        CHECK(memcmp(all, part, (size_t)(s.n * s.k) * sizeof *all) == 0);
    }
    mem_free(all);
    mem_free(part);
    tear_down(&s);
}

/* ---- train mode ----------------------------------------------------------------------------------------- */

/* One train pass over the net, from the statistics `stat` (updated): logits, gradient of parameters and of images. */
static void train_pass(struct setup *s, float *stat, float *z, float *dw, float *dx)
{
    tape_train(s->t, stat);
    memcpy(z, model_forward(s->m, s->t, s->x, s->n), (size_t)(s->n * s->k) * sizeof *z);
    memset(dw, 0, s->m->params * sizeof *dw);
    model_backward(s->m, s->t, s->u, dw, dx);
    tape_train(s->t, NULL);
}

/* Dropout alone: what stays is 1/(1 - p) times itself, a share p does not, the gradient is masked alike; another pass has
 * another mask, the same statistics the same one; eval mode does nothing. */
static void dropout_zeros_a_share(void)
{
    enum { N = 70, D = 60 };
    struct model *m = NULL;
    float x[N * D], z[2][N * D], u[N * D], dx[N * D], stat[2][16];
    unsetenv("HEIST_SIMD");
    CHECK_OK(model_parse(&m, "t", "dropout p=0.2\n", (struct shape){3, 4, 5, 0}, D));
    model_init(m, 9);
    struct tape *t = tape_new(m, N, TAPE_BACKWARD);
    for (int i = 0; i < N * D; i++) x[i] = 1 + (float)i, u[i] = 2;
    CHECK(memcmp(model_forward(m, t, x, N), x, sizeof x) == 0);
    memcpy(stat[0], m->stat, m->stats * sizeof *m->stat);
    memcpy(stat[1], m->stat, m->stats * sizeof *m->stat);
    int zeros = 0, same = 0;
    for (int again = 0; again < 2; again++) {
        tape_train(t, stat[again]);
        memcpy(z[again], model_forward(m, t, x, N), sizeof x);
        model_backward(m, t, u, NULL, dx);
        for (int i = 0; i < N * D; i++) {
            CHECK_NEAR(z[again][i], z[again][i] > 0 ? 1.25 * (double)x[i] : 0, 1e-3);
            CHECK_NEAR(dx[i], z[again][i] > 0 ? 2.5 : 0, 1e-6);
        }
    }
    CHECK(memcmp(z[0], z[1], sizeof x) == 0);
    memcpy(z[1], model_forward(m, t, x, N), sizeof x);
    for (int i = 0; i < N * D; i++) {
        zeros += z[0][i] == 0;
        same += (z[0][i] == 0) == (z[1][i] == 0);
    }
    CHECK_NEAR((double)zeros / (N * D), 0.2, 0.03); /* 4 sigma: 0.025 */
    CHECK_NEAR((double)same / (N * D), 0.68, 0.03); /* two independent masks agree 0.2^2 + 0.8^2 of the time */
    tape_free(t);
    model_free(m);
}

/* Each net's train pass does not depend on threads or on the instruction set, to the bit or to rounding. */
static void train_mode_does_not_depend_on_threads(void)
{
    for (int i = 0; i < NETS; i++) {
        float *got[3][4];
        for (int run = 0; run < 3; run++) {
            unsetenv("HEIST_SIMD");
            struct setup s = set_up(run == 2 ? "naive" : layer_simd(), NULL, i, 50);
            omp_set_num_threads(run == 0 ? 1 : 3);
            const size_t size[] = {(size_t)(s.n * s.k), s.m->params, (size_t)s.n * s.d};
            for (int j = 0; j < 3; j++) got[run][j] = mem_new(size[j], sizeof(float));
            train_pass(&s, s.m->stat, got[run][0], got[run][1], got[run][2]);
            train_pass(&s, s.m->stat, got[run][0], got[run][1], got[run][2]);
            for (int j = 0; j < 3 && run; j++) {
                if (run == 1) CHECK(memcmp(got[0][j], got[1][j], size[j] * sizeof(float)) == 0);
                else CHECK_NEAR(distance(got[0][j], got[2][j], size[j]), 0, 1e-4);
            }
            tear_down(&s);
        }
        for (int run = 0; run < 3; run++)
            for (int j = 0; j < 3; j++) mem_free(got[run][j]);
    }
    omp_set_num_threads(2);
}

/* <dw, vw> + <dx, vx> against (f(w + h v) - f(w - h v)) / 2h, f = <logits, u>, in train mode: every pass from the same
 * statistics, so with the same masks. */
static void train_gradients_equal_finite_differences(void)
{
    const float h = 1e-4f;
    for (int i = 0; i < NETS; i++) {
        struct setup s = set_up("naive", NULL, i, 18);
        const size_t nk = (size_t)(s.n * s.k), nd = (size_t)s.n * s.d;
        float *z = mem_new(nk, sizeof *z), *dw = mem_new(s.m->params, sizeof *dw), *dx = mem_new(nd, sizeof *dx);
        float *moved = mem_new(nd, sizeof *moved), *stat = mem_new(s.m->stats, sizeof *stat);
        double f[2];
        memcpy(stat, s.m->stat, s.m->stats * sizeof *stat);
        train_pass(&s, stat, z, dw, dx);
        tape_train(s.t, stat);
        for (int side = 0; side < 2; side++) {
            const float step = side ? -h : h;
            for (size_t j = 0; j < s.m->params; j++) s.m->w[j] += step * s.vw[j];
            for (size_t j = 0; j < nd; j++) moved[j] = s.x[j] + step * 0.1f * s.vx[j];
            memcpy(stat, s.m->stat, s.m->stats * sizeof *stat);
            f[side] = dot(model_forward(s.m, s.t, moved, s.n), s.u, nk);
            for (size_t j = 0; j < s.m->params; j++) s.m->w[j] -= step * s.vw[j];
        }
        const double want = (f[0] - f[1]) / (2 * (double)h), got = dot(dw, s.vw, s.m->params) + 0.1 * dot(dx, s.vx, nd);
        const double usual = 0.1 * sqrt(dot(dw, dw, s.m->params) + dot(dx, dx, nd)); /* of a derivative along random directions */
        CHECK_NEAR((got - want) / usual, 0, 2e-2);
        float *all[] = {z, dw, dx, moved, stat};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) mem_free(all[j]);
        tear_down(&s);
    }
}

int main(void)
{
    RUN(every_instruction_set_equals_the_naive_twin);
    RUN(tangent_is_the_transpose_of_backward);
    RUN(tangent_equals_finite_differences);
    RUN(results_do_not_depend_on_threads);
    RUN(a_layer_stays_in_its_scratch);
    RUN(an_image_does_not_see_its_neighbours);
    RUN(dropout_zeros_a_share);
    RUN(train_mode_does_not_depend_on_threads);
    RUN(train_gradients_equal_finite_differences);
    return check_done();
}
