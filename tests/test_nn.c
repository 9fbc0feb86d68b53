/* Losses against finite differences, the optimiser against its formulas, training, checkpoints and hostile files. */
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/blas.h"
#include "nn/loss.h"
#include "nn/safetensors.h"
#include "nn/train.h"
#include "tests/check.h"

static char folder[] = "/tmp/heist-test-XXXXXX";

/* ---- losses ------------------------------------------------------------------------------------ */

enum { N = 5, K = 7 };
static const int labels[N] = {0, 6, 3, 3, 1};

/* The loss number `which` on logits z; other is posteriors or logits that stay. */
static double loss_of(int which, const float *z, const float *q, const float *s, float scale, float *dz)
{
    switch (which) {
    case 0: return loss_ce(z, labels, N, K, scale, dz);
    case 1: return loss_kl(z, q, N, K, scale, dz);
    case 2: return loss_l1(z, s, N, K, scale, dz);
    case 3: return loss_kl_logits(z, s, N, K, scale, dz);
    case 4: return loss_posterior_l1(z, q, N, K, scale, dz);
    default: return loss_entropy(z, N, K, scale, dz);
    }
}

static void gradients_of_losses_equal_finite_differences(void)
{
    struct rng r = rng_stream(1, "loss", 0);
    float z[N * K], s[N * K], q[N * K], dz[N * K];
    for (int i = 0; i < N * K; i++) {
        z[i] = (float)(2 * rng_normal(&r));
        s[i] = (float)rng_normal(&r);
        q[i] = (float)rng_normal(&r);
    }
    softmax_rows(q, N, K, q);
    for (int which = 0; which < 6; which++) {
        loss_of(which, z, q, s, 3, dz);
        for (int i = 0; i < N * K; i++) {
            const float h = 1e-3f, was = z[i];
            z[i] = was + h;
            const double plus = loss_of(which, z, q, s, 1, NULL);
            z[i] = was - h;
            const double minus = loss_of(which, z, q, s, 1, NULL);
            z[i] = was;
            CHECK_NEAR(dz[i], 3 * (plus - minus) / (2e-3), 1e-3);
        }
    }
}

static void losses_have_their_known_values(void)
{
    const float z[4] = {0, 0, 0, 0}, q[4] = {0.25f, 0.25f, 0.25f, 0.25f}, far[4] = {1000, 0, -1000, 0};
    const int y = 2;
    CHECK_NEAR(loss_ce(z, &y, 1, 4, 1, NULL), log(4), 1e-6);
    CHECK_NEAR(loss_kl(z, q, 1, 4, 1, NULL), 0, 1e-6);
    CHECK_NEAR(loss_entropy(z, 1, 4, 1, NULL), log(4), 1e-6);
    CHECK_NEAR(loss_posterior_l1(far, q, 1, 4, 1, NULL), 1.5, 1e-6);
    CHECK_NEAR(loss_ce(far, &y, 1, 4, 1, NULL), 2000, 1e-3);
    CHECK_NEAR(loss_l1(far, z, 1, 4, 1, NULL), 500, 1e-3);
    CHECK_NEAR(loss_kl_logits(z, far, 1, 4, 1, NULL), log(4), 1e-6);
}

/* ---- the optimiser --------------------------------------------------------------------------------- */

static void schedules_follow_pytorch(void)
{
    struct optim o = {.epochs = 10, .lr = 1, .gamma = 0.1, .step = 4, .schedule = SCHEDULE_STEP, .milestone = {3, 5}, .milestones = 2};
    CHECK_NEAR(optim_lr(&o, 3), 1, 1e-12);
    CHECK_NEAR(optim_lr(&o, 4), 0.1, 1e-12);
    CHECK_NEAR(optim_lr(&o, 8), 0.01, 1e-12);
    o.schedule = SCHEDULE_MULTISTEP;
    CHECK_NEAR(optim_lr(&o, 2), 1, 1e-12);
    CHECK_NEAR(optim_lr(&o, 3), 0.1, 1e-12);
    CHECK_NEAR(optim_lr(&o, 9), 0.01, 1e-12);
    o.schedule = SCHEDULE_COSINE;
    CHECK_NEAR(optim_lr(&o, 0), 1, 1e-12);
    CHECK_NEAR(optim_lr(&o, 5), 0.5, 1e-12);
}

static void a_step_is_pytorchs(void)
{
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        const struct optim o = {.momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov};
        float w = 2, v = 0;
        double dw = 2, dv = 0;
        for (int i = 0; i < 4; i++) {
            float g = 0.5f + (float)i;
            const double d = 0.5 + i + 0.01 * dw;
            dv = 0.9 * dv + d;
            dw -= 0.1 * (nesterov ? d + 0.9 * dv : dv);
            optim_step(&o, 0.1, 1, &w, &g, &v);
        }
        CHECK_NEAR(w, dw, 1e-5);
    }
}

static void clipping_shortens_only_what_is_long(void)
{
    float g[2] = {3, 4};
    CHECK_NEAR(optim_clip(2, g, 10), 5, 1e-6);
    CHECK_NEAR(g[0], 3, 0);
    CHECK_NEAR(optim_clip(2, g, 1), 5, 1e-6);
    CHECK_NEAR(g[1], 0.8, 1e-5);
}

/* ---- training ------------------------------------------------------------------------------------------ */

/* Two classes told apart by the brighter half of the image. */
struct toy {
    struct model *m;
    struct tape *t;
    float x[64][16];
    int y[64], broken;
};

static int toy_step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct toy *t = ctx;
    float x[64 * 16], dz[64 * 2];
    int y[64];
    for (int i = 0; i < n; i++) {
        memcpy(x + i * 16, t->x[index[i]], sizeof t->x[0]);
        y[i] = t->y[index[i]];
    }
    *loss = loss_ce(model_forward(t->m, t->t, x, n), y, n, 2, 1, dz);
    if (t->broken) *loss = NAN;
    model_backward(t->m, t->t, dz, g, NULL);
    return OK;
}

static void toy_open(struct toy *t)
{
    *t = (struct toy){0};
    CHECK_OK(model_new(&t->m, "mlp", (struct shape){1, 4, 4, ROWS}, 2));
    model_init(t->m, 1);
    t->t = tape_new(t->m, 64, TAPE_BACKWARD);
    struct rng r = rng_stream(1, "toy", 0);
    for (int i = 0; i < 64; i++) {
        t->y[i] = i % 2;
        for (int j = 0; j < 16; j++) t->x[i][j] = (float)(rng_uniform(&r) * 0.5 + (j / 8 == t->y[i] ? 0.5 : 0));
    }
}

static void toy_close(struct toy *t)
{
    tape_free(t->t);
    model_free(t->m);
}

static void training_learns_and_repeats(void)
{
    const struct optim o = {.epochs = 20, .batch = 10, .lr = 0.1, .momentum = 0.9};
    struct toy a, b;
    toy_open(&a);
    toy_open(&b);
    CHECK_OK(train_run(&o, &(struct train_task){.model = a.m, .n = 64, .seed = 1, .label = "toy", .step = toy_step, .ctx = &a}));
    CHECK_OK(train_run(&o, &(struct train_task){.model = b.m, .n = 64, .seed = 1, .label = "toy", .step = toy_step, .ctx = &b}));
    CHECK(memcmp(a.m->w, b.m->w, a.m->params * sizeof *a.m->w) == 0);
    const float *z = model_forward(a.m, a.t, a.x[0], 64);
    int right = 0;
    for (int i = 0; i < 64; i++) right += argmax(z + 2 * i, 2) == a.y[i];
    CHECK_INT(right, 64);
    toy_close(&a);
    toy_close(&b);
}

static void a_nan_ends_training(void)
{
    const struct optim o = {.epochs = 1, .batch = 10, .lr = 0.1};
    struct toy t;
    toy_open(&t);
    t.broken = 1;
    CHECK_ERR(train_run(&o, &(struct train_task){.model = t.m, .n = 64, .label = "toy", .step = toy_step, .ctx = &t}), ERR_NUMERIC, "the loss is nan");
    toy_close(&t);
}

/* ---- products ------------------------------------------------------------------------------------------ */

static void products_equal_the_naive_one(void)
{
    static const int shapes[][3] = {{1, 1, 1}, {3, 5, 7}, {64, 64, 120}, {84, 64, 64}, {10, 64, 33}, {65, 63, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int op = 0; op < 4; op++) {
            const int m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], ta = op & 1, tb = op >> 1;
            float *a = mem_new((size_t)(m * k), sizeof *a), *b = mem_new((size_t)(k * n), sizeof *b), *c = mem_new((size_t)(m * n), sizeof *c);
            struct rng r = rng_stream(s, "gemm", 0);
            for (int i = 0; i < m * k; i++) a[i] = (float)rng_normal(&r);
            for (int i = 0; i < k * n; i++) b[i] = (float)rng_normal(&r);
            for (int i = 0; i < m * n; i++) c[i] = 1;
            blas_gemm(ta ? BLAS_TRANSPOSE : BLAS_PLAIN, tb ? BLAS_TRANSPOSE : BLAS_PLAIN, m, n, k, 2, a, ta ? m : k, b, tb ? k : n, 3, c, n);
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++) {
                    double want = 3;
                    for (int q = 0; q < k; q++) want += 2 * (double)(ta ? a[q * m + i] : a[i * k + q]) * (double)(tb ? b[j * k + q] : b[q * n + j]);
                    CHECK_NEAR(c[i * n + j], want, 1e-4);
                }
            mem_free(a);
            mem_free(b);
            mem_free(c);
        }
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

static char *in_folder(const char *name)
{
    return mem_print("%s/%s", folder, name);
}

static void checkpoints_come_back_as_they_went(void)
{
    struct model *m = NULL, *again = NULL;
    struct safetensors *f = NULL;
    const float mean[3] = {0.4914f, 0.4822f, 0.4465f}, std[3] = {0.2023f, 0.1994f, 0.2010f};
    const char *key[] = {"seed"}, *value[] = {"7 \"quoted\" \\ \xc3\xa9"};
    char *path = in_folder("m.safetensors");
    CHECK_OK(model_new(&m, "lenet5", (struct shape){3, 32, 32, ROWS}, 7));
    model_init(m, 5);
    model_normalise(m, mean, std);
    CHECK_OK(checkpoint_write(path, m, 1, key, value));
    if (CHECK_OK(checkpoint_read(&again, &f, path, NULL))) {
        CHECK_INT(again->params, m->params);
        CHECK(memcmp(again->w, m->w, m->params * sizeof *m->w) == 0);
        CHECK(memcmp(again->stat, m->stat, m->stats * sizeof *m->stat) == 0);
        CHECK_STR(safetensors_meta(f, "seed"), value[0]);
        CHECK_STR(safetensors_meta(f, "input"), "3x32x32");
        CHECK(safetensors_find(f, "conv1.weight") != NULL);
        CHECK_INT(safetensors_find(f, "fc3.weight")->dim[0], 7);
    }
    safetensors_free(f);
    model_free(m);
    model_free(again);
    mem_free(path);
}

/* A file with this header and `data` bytes behind it. */
static char *hostile(const char *header, uint64_t claims, size_t data)
{
    char *path = in_folder("bad.safetensors");
    const size_t n = strlen(header), size = 8 + n + data;
    char *bytes = mem_new(size, 1);
    for (int i = 0; i < 8; i++) bytes[i] = (char)((claims ? claims : n) >> (8 * i) & 255);
    memcpy(bytes + 8, header, n);
    CHECK_OK(file_write(path, bytes, size));
    mem_free(bytes);
    return path;
}

static void refused(const char *header, uint64_t claims, size_t data, const char *part)
{
    struct safetensors *f = NULL;
    char *path = hostile(header, claims, data);
    CHECK_ERR(safetensors_read(&f, path), ERR_FORMAT, part);
    mem_free(path);
}

static void hostile_headers_are_refused(void)
{
    refused("", 0, 0, "its header claims 0 bytes");
    refused("{}", UINT64_MAX, 0, "its header claims");
    refused("{}", 1000, 0, "its header claims 1000 bytes");
    refused("[1,2]", 0, 0, "not a JSON object");
    refused("{\"a\":", 0, 0, "not JSON");
    refused("{\"a\":1}", 0, 0, "'a' is not an object");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,16]}}", 0, 8, "outside the file's 8 bytes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 0, 8, "outside the file's");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,8]}}", 0, 8, "outside the file's");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 0, 8, "found 8 bytes, expected 12");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 0, 8, "overflow");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 0, 8, "not a whole number");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,8]}}", 0, 8, "not a whole number");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 0, 8, "up to 8");
    refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 0, 8, "no dtype");
    refused("{\"__metadata__\":{\"a\":1}}", 0, 0, "is not a string");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 0, 4, "twice");
}

static void checkpoint_refused(const char *header, size_t data, const char *part)
{
    struct model *m = NULL;
    char *path = hostile(header, 0, data);
    int code = checkpoint_read(&m, NULL, path, NULL);
    CHECK(code < 0);
    CHECK_ERR(code, code, part);
    mem_free(path);
}

static void checkpoints_that_do_not_fit_are_refused(void)
{
#define W "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]}"
#define BIAS "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}"
    checkpoint_refused("{}", 0, "no metadata 'arch'");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"sofmax\",\"input\":\"1x2x2\",\"classes\":\"2\"}}", 0, "did you mean 'softmax'");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\"}}", 0, "'input' (as 1x28x28) and 'classes'");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"999999x999999x9\",\"classes\":\"2\"}}", 0, "expected sane sizes");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"-2\"}}", 0, "expected sane sizes");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"2\"}," W "}", 32, "no tensor 'fc.bias'");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"3\"}," W "," BIAS "}", 40, "expected 12");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"2\"}," W "," BIAS
                       ",\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 40, "'x' is not one of softmax");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"2\",\"mean\":\"0\",\"std\":\"0\"}," W "," BIAS "}", 40, "more than 0");
    checkpoint_refused("{\"__metadata__\":{\"arch\":\"softmax\",\"input\":\"1x2x2\",\"classes\":\"2\",\"mean\":\"0,1\",\"std\":\"1\"}," W "," BIAS "}", 40, "expected 1 numbers");
}

/* A truncated file at every length is refused, and never read past its end (ASan watches). */
static void truncated_checkpoints_are_refused(void)
{
    struct model *m = NULL, *again = NULL;
    char *path = in_folder("cut.safetensors"), *bytes;
    size_t size;
    CHECK_OK(model_new(&m, "softmax", (struct shape){1, 2, 2, ROWS}, 2));
    CHECK_OK(checkpoint_write(path, m, 0, NULL, NULL));
    CHECK_OK(file_read(&bytes, &size, path));
    for (size_t n = 0; n < size; n++) {
        CHECK_OK(file_write(path, bytes, n));
        CHECK(checkpoint_read(&again, NULL, path, NULL) == ERR_FORMAT);
    }
    mem_free(bytes);
    mem_free(path);
    model_free(m);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    RUN(gradients_of_losses_equal_finite_differences);
    RUN(losses_have_their_known_values);
    RUN(schedules_follow_pytorch);
    RUN(a_step_is_pytorchs);
    RUN(clipping_shortens_only_what_is_long);
    RUN(training_learns_and_repeats);
    RUN(a_nan_ends_training);
    RUN(products_equal_the_naive_one);
    RUN(checkpoints_come_back_as_they_went);
    RUN(hostile_headers_are_refused);
    RUN(checkpoints_that_do_not_fit_are_refused);
    RUN(truncated_checkpoints_are_refused);
    char *clean = mem_print("rm -rf %s", folder);
    const int left = system(clean);
    mem_free(clean);
    return check_done() || left;
}
