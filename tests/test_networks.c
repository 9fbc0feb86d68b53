/* Defenses with networks of their own: GRAD2, Adaptive Misinformation, InI, EDM; each against a slow reference and against what
 * its paper says it does. */
#include <glob.h>
#include <unistd.h>

#include "data/supervised.h"
#include "defenses/am.h"
#include "defenses/edm.h"
#include "defenses/edm_hash.h"
#include "defenses/grad2.h"
#include "defenses/helper.h"
#include "tests/defense_scene.h"

/* A scene whose training images say their class: one bright row each; the outliers stay noise. */
static struct scene learnable(int k, int n)
{
    struct scene s = scene_new(k, 60);
    scene_set_free(&s.train);
    s.train = scene_set(n, k, 3);
    uint8_t *pixels = (uint8_t *)(uintptr_t)s.train.pixels;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 64; j++) pixels[i * 64 + j] = (uint8_t)(pixels[i * 64 + j] / 4 + (j / 8 == s.train.labels[i] ? 180 : 0));
    s.optim = (struct optim){.epochs = 40, .batch = 16, .lr = 0.05, .momentum = 0.9};
    return s;
}

static void images_of(const struct dataset *d, float *x)
{
    dataset_batch(d, NULL, 0, d->n, x);
}

/* ---- GRAD2 ---------------------------------------------------------------------------------------------- */

static double score(const float *c, const float *q, int k)
{
    double sum = 0;
    for (int j = 0; j < k; j++) sum += (double)c[j] * (double)q[j];
    return sum;
}

/* No feasible answer does better; and it goes as far as the ball and the simplex let it. */
static void grad2_moves_to_the_best_answer(void)
{
    struct rng r = rng_stream(1, "grad2", 0);
    for (int trial = 0; trial < 200; trial++) {
        enum { K = 5 };
        float y[K], c[K], q[K], v[K];
        int order[K];
        const double epsilon = rng_between(&r, 0.05, 2);
        for (int j = 0; j < K; j++) y[j] = (float)(2 * rng_normal(&r)), c[j] = (float)rng_normal(&r);
        softmax_rows(y, 1, K, y);
        grad2_move(K, y, c, epsilon, order, q);
        double gap = 0;
        for (int j = 0; j < K; j++) gap += fabs((double)q[j] - (double)y[j]);
        CHECK_NEAR(gap, fmin(epsilon, 2 * (1 - (double)y[argmax(c, K)])), 1e-5);
        for (int other = 0; other < 500; other++) { /* from y towards a random point of the simplex, to the ball's edge */
            double far = 0;
            for (int j = 0; j < K; j++) v[j] = (float)(4 * rng_normal(&r));
            softmax_rows(v, 1, K, v);
            for (int j = 0; j < K; j++) far += fabs((double)v[j] - (double)y[j]);
            const double a = far > epsilon ? epsilon / far : 1;
            for (int j = 0; j < K; j++) v[j] = (float)((1 - a) * (double)y[j] + a * (double)v[j]);
            if (!CHECK(score(c, v, K) < score(c, q, K) + 1e-5)) return;
        }
    }
}

/* The gains by the explicit Jacobian of log p, one backward pass a class and image. */
static void slow_grad2(struct model *m, const struct scene *s, const char *direction, double epsilon, float *q)
{
    const int k = s->k;
    struct tape *t = tape_new(m, 1, TAPE_BACKWARD);
    float *z = mem_new(m->params, sizeof *z), *rows = mem_new((size_t)k * m->params, sizeof *rows), dz[16], p[16], c[16];
    int order[16];
    for (int i = 0; i < s->n; i++) {
        const float *y = s->p + i * k;
        memset(rows, 0, (size_t)k * m->params * sizeof *rows);
        softmax_rows(model_forward(m, t, s->x + (size_t)i * s->d, 1), 1, k, p);
        for (int a = 0; a < k; a++) {
            for (int b = 0; b < k; b++) dz[b] = (a == b ? 1 : 0) - p[b];
            model_backward(m, t, dz, rows + (size_t)a * m->params, NULL);
        }
        for (size_t w = 0; w < m->params; w++) {
            z[w] = *direction == 'a' ? 1 : m->w[w];
            if (strcmp(direction, "min-inner-product")) continue;
            double own = 0;
            for (int a = 0; a < k; a++) own += (double)y[a] * (double)rows[(size_t)a * m->params + w];
            z[w] = (float)-own;
        }
        for (int a = 0; a < k; a++) c[a] = (float)vector_dot(m->params, rows + (size_t)a * m->params, z);
        grad2_move(k, y, c, epsilon, order, q + i * k);
    }
    tape_free(t);
    mem_free(z);
    mem_free(rows);
}

static void grad2_by_tangent_equals_the_jacobian(void)
{
    static const char *const direction[] = {"all-ones", "max-norm", "min-inner-product"};
    struct scene s = scene_new(7, 60);
    const struct defense_env env = scene_env(&s);
    float *fast = mem_new((size_t)(s.n * s.k), sizeof *fast), *slow = mem_new((size_t)(s.n * s.k), sizeof *slow);
    struct model *m = helper_model(&env, "grad2/surrogate");
    for (int i = 0; i < 3; i++) {
        char *chain = mem_print("grad2:epsilon=0.6:surrogate=random:direction=%s", direction[i]);
        answers_of(chain, &s, s.n, fast);
        slow_grad2(m, &s, direction[i], 0.6, slow);
        for (int j = 0; j < s.n * s.k; j++)
            if (!CHECK_NEAR(fast[j], slow[j], 1e-5)) break;
        mem_free(chain);
    }
    model_free(m);
    mem_free(fast);
    mem_free(slow);
    scene_free(&s);
}

/* With the attacker's pool the surrogate learns the victim's answers; without a pool it says so. */
static void grad2_transfer_needs_a_pool(void)
{
    struct scene s = learnable(4, 100);
    struct defense_env env = scene_env(&s);
    struct defense *d = NULL;
    env.pool = NULL;
    CHECK_OK(defense_parse(&d, "grad2:preset=g2"));
    CHECK(defense_oracle(d)); /* its rows are flagged */
    CHECK_ERR(defense_open(d, &env), ERR_OPTION, "the attack has no pool");
    env.pool = &s.ood;
    CHECK_OK(defense_open(d, &env));
    defense_free(d);
    CHECK_OK(defense_parse(&d, "grad2+mad:surrogate=trained"));
    CHECK(!defense_oracle(d));
    defense_free(d);
    scene_free(&s);
}

/* ---- Adaptive Misinformation -------------------------------------------------------------------------------- */

static void am_gradient_equals_differences(void)
{
    enum { N = 4, K = 5 };
    struct rng r = rng_stream(2, "am", 0);
    float z[N * K], dz[N * K];
    const int y[N] = {0, 3, 4, 1};
    for (int i = 0; i < N * K; i++) z[i] = (float)(2 * rng_normal(&r));
    am_loss(z, y, N, K, dz);
    for (int i = 0; i < N * K; i++) {
        const float keep = z[i];
        z[i] = keep + 1e-2f;
        const double up = am_loss(z, y, N, K, NULL);
        z[i] = keep - 1e-2f;
        const double down = am_loss(z, y, N, K, NULL);
        z[i] = keep;
        CHECK_NEAR(dz[i], (up - down) / 2e-2, 1e-4);
    }
    const float sure[3] = {200, 0, 0};
    const int first[1] = {0};
    CHECK_NEAR(am_loss(sure, first, 1, 3, dz), -log(1e-7), 1e-6); /* bounded where the network is certain */
}

static void am_switches_at_tau(void)
{
    const float y[3] = {0.8f, 0.15f, 0.05f}, f[3] = {0.1f, 0.2f, 0.7f};
    float q[3];
    am_release(3, y, (double)y[0], f, 0.9, 1e9, q);
    CHECK(memcmp(q, f, sizeof q) == 0);
    am_release(3, y, (double)y[0], f, 0.7, 1e9, q);
    CHECK(memcmp(q, y, sizeof q) == 0);
    am_release(3, y, (double)y[0], f, 0.8f, 1000, q);
    for (int k = 0; k < 3; k++) CHECK_NEAR(q[k], 0.5 * ((double)y[k] + (double)f[k]), 1e-5);
    am_release(3, y, (double)y[0], f, 0.801, 1000, q);
    CHECK_NEAR(q[0], 0.8 + (0.1 - 0.8) / (1 + exp(-1)), 1e-5);
}

/* With the authors' nu an answer is the victim's or the misinformation's, up to a confidence as near to tau as 0.002. */
static void am_is_a_switch_with_the_authors_nu(void)
{
    struct rng r = rng_stream(8, "am/switch", 0);
    int sides[2] = {0};
    for (int trial = 0; trial < 1000; trial++) {
        float y[4], f[4], q[4];
        for (int k = 0; k < 4; k++) y[k] = (float)(2 * rng_normal(&r)), f[k] = (float)rng_normal(&r);
        softmax_rows(y, 1, 4, y);
        softmax_rows(f, 1, 4, f);
        const double sure = (double)y[argmax(y, 4)];
        if (fabs(sure - 0.7) < 2e-3) continue;
        am_release(4, y, sure, f, 0.7, 10000, q);
        for (int k = 0; k < 4; k++) CHECK_NEAR(q[k], sure > 0.7 ? y[k] : f[k], 1e-6);
        sides[sure > 0.7]++;
    }
    CHECK(sides[0] > 100 && sides[1] > 100);
}

static double mean_confidence(const struct model *m, const float *x, int n)
{
    float *p = mem_new((size_t)(n * m->classes), sizeof *p);
    double sum = 0;
    model_predict(m, x, n, p);
    for (int i = 0; i < n; i++) sum += (double)p[i * m->classes + argmax(p + i * m->classes, m->classes)];
    mem_free(p);
    return sum / n;
}

/* The paper's two halves: the victim is sure of its own data and not of outliers; the misinformation is wrong. */
static void am_is_unsure_of_outliers_and_misinforms(void)
{
    struct scene s = learnable(5, 160);
    const struct defense_env env = scene_env(&s);
    struct defense *d = NULL;
    float *x = mem_new(160 * 64, sizeof *x), *q = mem_new(160 * 5, sizeof *q), *p = mem_new(160 * 5, sizeof *p);
    int right = 0, wrong = 0;
    CHECK_OK(defense_parse(&d, "am:tau=1:nu=1000000000")); /* misinformation to all that are not certain */
    model_init(s.victim, 4);
    CHECK_OK(d->link[0].ops->fit(s.victim, &env, &d->link[0].opt));
    CHECK(supervised_accuracy(s.victim, &s.train) > 0.95);
    images_of(&s.ood, x);
    const double outside = mean_confidence(s.victim, x, s.ood.n);
    images_of(&s.train, x);
    CHECK(mean_confidence(s.victim, x, s.train.n) > 0.9);
    CHECK(outside < 0.4);
    CHECK_OK(defense_open(d, &env));
    model_predict(s.victim, x, 160, p);
    for (int i = 0; i < 160 * 5; i++) p[i] = 0.2f; /* unsure of everything */
    CHECK_OK(defense_answer(d, x, p, q, 160, 5));
    for (int i = 0; i < 160; i++) {
        right += argmax(q + i * 5, 5) == s.train.labels[i];
        wrong += argmax(q + i * 5, 5) != s.train.labels[i];
    }
    CHECK(right < 8 && wrong > 150); /* chance is 32 of 160 */
    defense_free(d);
    mem_free(x);
    mem_free(q);
    mem_free(p);
    scene_free(&s);
}

/* A detector of its own leaves the victim alone, to the bit, and answers for its confidence. */
static void am_with_a_detector_leaves_the_victim_alone(void)
{
    struct scene s = learnable(5, 160);
    const struct defense_env env = scene_env(&s);
    struct defense *d = NULL;
    struct model *other = model_copy(s.victim);
    float *x = mem_new(40 * 64, sizeof *x), *p = mem_new(40 * 5, sizeof *p), *q = mem_new(40 * 5, sizeof *q);
    CHECK_OK(defense_parse(&d, "am:detector=own:lambda=1:nu=1000000000:tau=0.6"));
    model_init(s.victim, 4);
    model_init(other, 4);
    CHECK_OK(d->link[0].ops->fit(s.victim, &env, &d->link[0].opt));
    struct dataset none = s.ood; /* other outliers: no matter to the victim */
    none.n = 8;
    struct defense_env fewer = env;
    fewer.ood = &none;
    CHECK_OK(d->link[0].ops->fit(other, &fewer, &d->link[0].opt));
    CHECK(memcmp(s.victim->w, other->w, other->params * sizeof *other->w) == 0);
    CHECK_OK(defense_open(d, &env));
    images_of(&s.ood, x);
    for (int i = 0; i < 40 * 5; i++) p[i] = i % 5 == 0 ? 1 : 0; /* a victim that is certain of everything */
    CHECK_OK(defense_answer(d, x, p, q, 40, 5));
    int turned = 0;
    for (int i = 0; i < 40; i++) turned += memcmp(q + i * 5, p + i * 5, 5 * sizeof *q) != 0;
    CHECK(turned > 30); /* the detector is not */
    CHECK_INT(defense_cost(d).forwards, 80);
    defense_free(d);
    model_free(other);
    mem_free(x);
    mem_free(p);
    mem_free(q);
    scene_free(&s);
}

/* ---- InI ---------------------------------------------------------------------------------------------------- */

/* The paper's two halves: the victim keeps its accuracy, and what it says of outliers teaches nothing: it is near to uniform,
 * where that of a victim without the defense is not. */
static void ini_isolates_and_induces(void)
{
    struct scene s = learnable(5, 160);
    const struct defense_env env = scene_env(&s);
    struct defense *d = NULL;
    float *x = mem_new(160 * 64, sizeof *x);
    double outside[2];
    images_of(&s.ood, x);
    s.optim.epochs = 100;
    for (int defended = 0; defended < 2; defended++) {
        model_init(s.victim, 4);
        if (defended) {
            CHECK_OK(defense_parse(&d, "ini:gamma=1:epsilon=10")); /* few parameters: their mean weighs more */
            CHECK_OK(d->link[0].ops->fit(s.victim, &env, &d->link[0].opt));
            defense_free(d);
        } else CHECK_OK(supervised_train(s.victim, &s.train, &s.optim, NULL, 1, "plain", NULL));
        CHECK(supervised_accuracy(s.victim, &s.train) > 0.95);
        outside[defended] = mean_confidence(s.victim, x, s.ood.n);
    }
    CHECK(outside[0] > 0.6);
    CHECK(outside[1] < 0.35); /* uniform: 0.2 */
    mem_free(x);
    scene_free(&s);
}

/* ---- EDM ------------------------------------------------------------------------------------------------------ */

static void edm_gradient_equals_differences(void)
{
    enum { M = 4, N = 3, K = 5 };
    struct rng r = rng_stream(3, "edm", 0);
    float z[M][N * K], dz[M][N * K], spare[M][N * K];
    const float *zs[M];
    float *dzs[M], *spares[M];
    double f[M * K];
    for (int a = 0; a < M; a++) {
        zs[a] = z[a], dzs[a] = dz[a], spares[a] = spare[a];
        for (int i = 0; i < N * K; i++) z[a][i] = (float)(2 * rng_normal(&r));
    }
    edm_diversity(M, zs, N, K, 3, f, dzs);
    for (int a = 0; a < M; a++)
        for (int i = 0; i < N * K; i++) {
            const float keep = z[a][i];
            z[a][i] = keep + 1e-2f;
            const double up = edm_diversity(M, zs, N, K, 1, f, spares);
            z[a][i] = keep - 1e-2f;
            const double down = edm_diversity(M, zs, N, K, 1, f, spares);
            z[a][i] = keep;
            CHECK_NEAR(dz[a][i], 3 * (up - down) / 2e-2, 2e-4);
        }
}

static void edm_hash_is_the_bucket_formula(void)
{
    float p[10] = {0};
    for (int top = 0; top < 10; top++)
        for (int percent = 15; percent <= 100; percent++) {
            const double conf = percent / 100.0;
            for (int k = 0; k < 10; k++) p[k] = (float)(k == top ? conf : (1 - conf) / 9);
            CHECK_INT(edm_member(p, 10, 2, 5), (2 * top + (int)floor((10 * (double)p[top] - 1) * 2 / 9)) % 5);
        }
}

/* What the hash is for: near images fall into one bucket, images at large into all of them. */
static void edm_hash_is_steady_and_spreads(void)
{
    static const char *const data[] = {"ood", "clusters", "train"};
    struct scene s = learnable(5, 300);
    const struct defense_env env = scene_env(&s);
    float *x = mem_new(300 * 64, sizeof *x), *p = mem_new(300 * 10, sizeof *p), *near = mem_new(300 * 10, sizeof *near);
    struct rng r = rng_stream(4, "near", 0);
    s.optim.epochs = 20;
    for (int c = 0; c < 3; c++) {
        char *chain = mem_print("edm:hash_epochs=10:hash_model=mlp:hash_data=%s", data[c]);
        struct defense *d = NULL;
        struct model *m = NULL;
        int used[5] = {0}, same = 0, buckets = 0;
        CHECK_OK(defense_parse(&d, chain));
        if (!CHECK_OK(edm_hash_new(&m, &env, &d->link[0].opt))) continue;
        CHECK_INT(m->classes, c == 1 ? EDM_CLUSTERS : 5);
        images_of(&s.train, x);
        model_predict(m, x, 300, p);
        for (int i = 0; i < 300 * 64; i++) x[i] += 0.01f * (float)rng_normal(&r);
        model_predict(m, x, 300, near);
        for (int i = 0; i < 300; i++) {
            const int at = edm_member(p + i * m->classes, m->classes, 2, 5);
            used[at]++;
            same += at == edm_member(near + i * m->classes, m->classes, 2, 5);
        }
        for (int a = 0; a < 5; a++) buckets += used[a] > 0;
        CHECK(same > 240);
        CHECK(buckets >= (c == 1 ? 4 : 2));
        model_free(m);
        defense_free(d);
        mem_free(chain);
    }
    mem_free(x);
    mem_free(p);
    mem_free(near);
    scene_free(&s);
}

/* k-means by its definition: each image is with its nearest mean. */
static void edm_clusters_are_kmeans(void)
{
    enum { N = 90, K = 3 };
    uint8_t pixels[N * 64];
    int index[N], label[N], again[N];
    struct rng r = rng_stream(5, "means", 0);
    for (int i = 0; i < N * 64; i++) pixels[i] = (uint8_t)(40 + 80 * (i / 64 % K) + rng_below(&r, 21));
    for (int i = 0; i < N; i++) index[i] = N - 1 - i;
    const struct dataset d = {.n = N, .shape = {1, 8, 8, ROWS}, .pixels = pixels};
    edm_clusters(label, &d, index, N, K, 3);
    edm_clusters(again, &d, index, N, K, 3);
    CHECK(memcmp(label, again, sizeof label) == 0);
    double mean[K][64] = {{0}};
    int own[K] = {0};
    for (int i = 0; i < N; i++)
        for (int j = 0; j < 64; j++) mean[label[i]][j] += pixels[index[i] * 64 + j], own[label[i]] += j == 0;
    for (int i = 0; i < N; i++) {
        double far[K] = {0};
        for (int c = 0; c < K; c++)
            for (int j = 0; own[c] && j < 64; j++) far[c] += pow(pixels[index[i] * 64 + j] - mean[c][j] / own[c], 2);
        for (int c = 0; c < K; c++) CHECK(!own[c] || far[label[i]] <= far[c] + 1e-6);
    }
}

static double mean_cosine(struct model *const *m, int members, const float *x, int n, int classes)
{
    double sum = 0;
    float *p = mem_new((size_t)(members * n * classes), sizeof *p);
    for (int a = 0; a < members; a++) model_predict(m[a], x, n, p + a * n * classes);
    for (int i = 0; i < n; i++)
        for (int a = 0; a < members; a++)
            for (int b = 0; b < a; b++) {
                const float *u = p + (a * n + i) * classes, *v = p + (b * n + i) * classes;
                double uv = 0, uu = 0, vv = 0;
                for (int k = 0; k < classes; k++) uv += (double)u[k] * (double)v[k], uu += (double)u[k] * (double)u[k], vv += (double)v[k] * (double)v[k];
                sum += uv / sqrt(uu * vv);
            }
    mem_free(p);
    return sum / (n * members * (members - 1) / 2.0);
}

/* Opens EDM on the scene; how much its members say the same about outliers, through one release and the members behind it. */
static double outlier_agreement(struct scene *s, const char *chain, double *accuracy)
{
    const struct defense_env env = scene_env(s);
    struct defense *d = NULL;
    float *x = mem_new((size_t)s->train.n * 64, sizeof *x), *q = mem_new((size_t)(s->train.n * s->k), sizeof *q), *p = mem_new((size_t)(s->train.n * s->k), sizeof *p);
    int right = 0;
    CHECK_OK(defense_parse(&d, chain));
    CHECK_OK(defense_open(d, &env));
    images_of(&s->train, x);
    model_predict(s->victim, x, s->train.n, p);
    CHECK_OK(defense_answer(d, x, p, q, s->train.n, s->k));
    for (int i = 0; i < s->train.n; i++) right += argmax(q + i * s->k, s->k) == s->train.labels[i];
    *accuracy = (double)right / s->train.n;
    struct model *member[3];
    struct helper *const *held = (struct helper *const *)d->link[0].state; /* the state begins with the members */
    for (int a = 0; a < 3; a++) member[a] = held[a]->m;
    images_of(&s->ood, x);
    const double cosine = mean_cosine(member, 3, x, s->ood.n, s->k);
    defense_free(d);
    mem_free(x);
    mem_free(q);
    mem_free(p);
    return cosine;
}

static void edm_members_agree_at_home_and_differ_abroad(void)
{
    struct scene s = learnable(5, 160);
    double plain_accuracy, accuracy;
    const double plain = outlier_agreement(&s, "edm:members=3:lambda=0:hash_model=victim:hash_data=train", &plain_accuracy);
    const double diverse = outlier_agreement(&s, "edm:members=3:lambda=1:hash_model=victim:hash_data=train", &accuracy);
    CHECK(plain_accuracy > 0.95 && accuracy > 0.95);
    CHECK(diverse < plain - 0.2);
    scene_free(&s);
}

/* ---- helpers ------------------------------------------------------------------------------------------------------- */

/* What was trained once is read again: the same answers, and no network is trained twice. */
static void helpers_are_kept(void)
{
    static const char *const chains[] = {"am", "edm:members=2", "grad2", "mad:surrogate=trained"};
    char folder[] = "/tmp/heist-helpers-XXXXXX";
    if (!CHECK(mkdtemp(folder) != NULL)) return;
    struct scene s = learnable(4, 64);
    model_free(s.victim);
    CHECK_OK(model_new(&s.victim, "softmax", (struct shape){1, 8, 8, ROWS}, 4)); /* a network that has a name */
    model_init(s.victim, 1);
    struct defense_env env = scene_env(&s);
    env.cache = folder;
    size_t files = 0;
    char *pattern = mem_print("%s/helper-*.safetensors", folder);
    for (int i = 0; i < 4; i++) {
        float q[2][60 * 4];
        glob_t g;
        for (int again = 0; again < 2; again++) {
            struct defense *d = NULL;
            CHECK_OK(defense_parse(&d, chains[i]));
            CHECK_OK(defense_open(d, &env));
            CHECK_OK(defense_answer(d, s.x, s.p, q[again], s.n, s.k));
            defense_free(d);
            CHECK_INT(glob(pattern, 0, NULL, &g), 0);
            if (again) CHECK_INT(g.gl_pathc, files);
            else CHECK(g.gl_pathc > files), files = g.gl_pathc;
            if (i < 3 || !again) globfree(&g);
        }
        CHECK(memcmp(q[0], q[1], sizeof q[0]) == 0);
        if (i < 3) continue;
        for (size_t f = 0; f < g.gl_pathc; f++) unlink(g.gl_pathv[f]);
        globfree(&g);
    }
    CHECK_INT(files, 1 + 3 + 1 + 1);
    rmdir(folder);
    mem_free(pattern);
    scene_free(&s);
}

/* The counters say how many images went through a defense's networks. */
static void passes_are_counted(void)
{
    static const struct {
        const char *chain;
        int forwards, backwards, tangents; /* a query */
    } cases[] = {{"mad", 1, 0, 0}, {"mad:jacobian=1", 1, 7, 0}, {"grad2:surrogate=random", 1, 0, 1},
                 {"grad2:surrogate=random:direction=min-inner-product", 1, 1, 1}, {"am", 1, 0, 0}, {"am:detector=own", 2, 0, 0}, {"edm", 2, 0, 0}, {"mad+am", 2, 0, 0}, {"topk", 0, 0, 0}};
    struct scene s = scene_new(7, 150);
    const struct defense_env env = scene_env(&s);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct defense *d = NULL;
        CHECK_OK(defense_parse(&d, cases[i].chain));
        CHECK_OK(defense_open(d, &env));
        CHECK_OK(defense_answer(d, s.x, s.p, q, s.n, s.k));
        const struct defense_cost c = defense_cost(d);
        CHECK_INT(c.forwards, cases[i].forwards * s.n);
        CHECK_INT(c.backwards, cases[i].backwards * s.n);
        CHECK_INT(c.tangents, cases[i].tangents * s.n);
        CHECK((c.params > 0) == (cases[i].forwards > 0));
        defense_free(d);
    }
    mem_free(q);
    scene_free(&s);
}

int main(void)
{
    RUN(grad2_moves_to_the_best_answer);
    RUN(grad2_by_tangent_equals_the_jacobian);
    RUN(grad2_transfer_needs_a_pool);
    RUN(am_gradient_equals_differences);
    RUN(am_switches_at_tau);
    RUN(am_is_a_switch_with_the_authors_nu);
    RUN(am_is_unsure_of_outliers_and_misinforms);
    RUN(am_with_a_detector_leaves_the_victim_alone);
    RUN(ini_isolates_and_induces);
    RUN(edm_gradient_equals_differences);
    RUN(edm_hash_is_the_bucket_formula);
    RUN(edm_hash_is_steady_and_spreads);
    RUN(edm_clusters_are_kmeans);
    RUN(edm_members_agree_at_home_and_differ_abroad);
    RUN(helpers_are_kept);
    RUN(passes_are_counted);
    return check_done();
}
