/* Recovering clean posteriors: the Dirichlet sampler, pBayes against a search of every pair, the network, and what knowledge of the
 * defense buys an attacker. */
#include "attacker/recover.h"

#include <math.h>
#include <omp.h>

#include "defenses/defense.h"
#include "tests/attack_scene.h"

/* Means alpha_k / A and variances m (1 - m) / (A + 1). */
static void dirichlet_has_its_moments(void)
{
    enum { N = 40000 };
    const double alpha[K] = {0.05, 0.7, 3, 20};
    const double total = 0.05 + 0.7 + 3 + 20;
    double mean[K] = {0}, square[K] = {0};
    struct rng r = rng_stream(1, "dirichlet", 0);
    for (int i = 0; i < N; i++) {
        float p[K];
        double sum = 0;
        dirichlet(&r, alpha, K, p);
        for (int k = 0; k < K; k++) {
            sum += (double)p[k];
            mean[k] += (double)p[k] / N;
            square[k] += (double)p[k] * (double)p[k] / N;
        }
        CHECK_NEAR(sum, 1, 1e-5);
    }
    for (int k = 0; k < K; k++) {
        const double m = alpha[k] / total, v = m * (1 - m) / (total + 1);
        CHECK_NEAR(mean[k], m, 5 * sqrt(v / N));
        CHECK_NEAR(square[k] - mean[k] * mean[k], v, 0.1 * v);
    }
}

static void random_posterior(struct rng *r, float *p)
{
    const double flat[K] = {0.4, 0.4, 0.4, 0.4};
    dirichlet(r, flat, K, p);
}

/* The same means as looking at every pair. */
static void bayes_is_the_mean_of_all_that_fit(void)
{
    enum { PAIRS = 3000, ASKED = 200 };
    struct pairs *t = pairs_new(PAIRS, K);
    struct rng r = rng_stream(2, "pairs", 0);
    float q[ASKED * K], got[ASKED * K];
    for (int i = 0; i < PAIRS; i++) {
        random_posterior(&r, t->clean + i * K);
        random_posterior(&r, t->shown + i * K);
    }
    for (int i = 0; i < ASKED; i++) random_posterior(&r, q + i * K);
    memcpy(q, t->shown, K * sizeof *q); /* one answer that is in the table */
    for (int wide = 0; wide < 2; wide++) {
        const double tolerance = wide ? 0.15 : 0.01;
        pairs_bayes(t, q, ASKED, tolerance, got);
        int several = 0;
        for (int i = 0; i < ASKED; i++) {
            double far[PAIRS], least = INFINITY, sum[K] = {0};
            int count = 0;
            for (int j = 0; j < PAIRS; j++) {
                far[j] = 0;
                for (int k = 0; k < K; k++) far[j] += fabs((double)t->shown[j * K + k] - (double)q[i * K + k]);
                if (far[j] < least) least = far[j];
            }
            for (int j = 0; j < PAIRS; j++)
                if (far[j] <= (least > tolerance ? least : tolerance)) {
                    count++;
                    for (int k = 0; k < K; k++) sum[k] += (double)t->clean[j * K + k];
                }
            several += count > 1;
            for (int k = 0; k < K; k++) CHECK_NEAR((double)got[i * K + k], sum[k] / count, 1e-6);
        }
        CHECK(!wide || several > ASKED / 2);
    }
    pairs_free(t);
}

/* Mean L1 distance of recovered and of perturbed answers from the clean ones, for an attacker of this knowledge. */
static void recover(double *perturbed, double *recovered, const char *defense, const char *attack, int network)
{
    enum { N = 600 };
    struct scene s;
    struct spec opt;
    struct defense *chain = NULL;
    struct blackbox *box = NULL;
    const struct attack_ops *ops;
    scene_open(&s, N);
    struct transfer *t = transfer_new(N, K, s.pool, 0);
    float *x = mem_new(N * SIDE * SIDE, sizeof *x), *p = mem_new(N * K, sizeof *p);
    struct pairs *pairs = NULL;
    for (int i = 0; i < N; i++) t->index[i] = i;
    dataset_batch(s.pool, NULL, 0, N, x);
    model_predict(s.victim, x, N, p);
    CHECK_OK(spec_parse(&opt, attack));
    CHECK_OK(attack_find(&ops, opt.name));
    CHECK_OK(spec_resolve(&opt, ops->options, ops->presets, attack));
    CHECK_OK(defense_parse(&chain, defense));
    struct optim optim = {.epochs = 1, .batch = 64};
    const struct defense_env owner = {.victim = s.victim, .train = s.train, .optim = &optim, .seed = 77};
    CHECK_OK(defense_open(chain, &owner));
    CHECK_OK(blackbox_open(&box, s.victim, chain, N));
    struct attack_env env = {.target = box, .pool = s.pool, .clone_model = "softmax", .seed = 3};
    char *text = defense_text(chain);
    attack_tell(&env, &opt, text, s.victim);
    CHECK_OK(transfer_query(t, box, 0, N));
    *perturbed = *recovered = 0;
    for (int i = 0; i < N * K; i++) *perturbed += fabs((double)t->q[i] - (double)p[i]) / N;
    CHECK_OK(pairs_prior(&pairs, 60, 1, t, &env, &opt));
    if (network) {
        const struct optim o = {.epochs = 10, .batch = 256, .lr = 0.05, .momentum = 0.9, .schedule = SCHEDULE_STEP, .step = 5, .gamma = 0.1};
        CHECK_OK(pairs_network(pairs, &o, 3, t->q, N, t->q));
    } else pairs_bayes(pairs, t->q, N, 0.01, t->q);
    for (int i = 0; i < N * K; i++) *recovered += fabs((double)t->q[i] - (double)p[i]) / N;
    CHECK_INT(blackbox_asked(box), N); /* a simulation costs no query */
    pairs_free(pairs);
    transfer_free(t);
    attack_tell_free(&env);
    mem_free(text);
    mem_free(x);
    mem_free(p);
    spec_free(&opt);
    blackbox_close(box);
    defense_free(chain);
    scene_close(&s);
}

/* A defense that is a function of the posterior can be undone by who knows it, and less well by who does not. */
static void a_known_perturbation_is_undone(void)
{
    static const char *const defense = "reverse-sigmoid:beta=0.8:gamma=0.2";
    for (int network = 0; network < 2; network++) {
        double was, none, known, clean;
        recover(&was, &none, defense, "pbayes:knowledge=none", network);
        recover(&was, &known, defense, "pbayes:knowledge=parameters", network);
        recover(&was, &clean, defense, "pbayes:knowledge=clean", network);
        CHECK(known < 0.6 * was);
        CHECK(known < none);
        CHECK(clean < 0.6 * was);
    }
}

/* Where nothing was perturbed, and the attacker knows that, next to nothing is lost. */
static void clean_answers_stay(void)
{
    double was, recovered;
    recover(&was, &recovered, "none", "pbayes:knowledge=parameters", 0);
    CHECK_NEAR(was, 0, 1e-6);
    CHECK(recovered < 0.05);
}

/* knowledge says what an attack is told. */
static void an_attacker_is_told_what_its_option_says(void)
{
    static const char *const chain = "mad:epsilon=0.5+topk:k=3", *const level[] = {"none", "family", "parameters", "clean"}, *const want[] = {NULL, "mad+topk", "mad:epsilon=0.5+topk:k=3", "mad:epsilon=0.5+topk:k=3"};
    struct scene s;
    scene_open(&s, 10);
    for (int i = 0; i < 4; i++) {
        struct attack_env env = {.seed = 1};
        struct spec opt;
        char *text = mem_print("dae:knowledge=%s", level[i]);
        CHECK_OK(spec_parse(&opt, text));
        attack_tell(&env, &opt, chain, s.victim);
        if (want[i]) CHECK_STR(env.defense, want[i]);
        else CHECK(env.defense == NULL);
        CHECK((env.clean != NULL) == (i == 3));
        attack_tell_free(&env);
        spec_free(&opt);
        mem_free(text);
    }
    struct attack_env env = {.seed = 1};
    struct spec plain;
    CHECK_OK(spec_parse(&plain, "knockoff"));
    attack_tell(&env, &plain, chain, s.victim);
    CHECK(env.defense == NULL && env.clean == NULL && !env.members);
    spec_free(&plain);
    CHECK_OK(spec_parse(&plain, "average:knowledge=members"));
    attack_tell(&env, &plain, chain, s.victim);
    CHECK(env.defense == NULL && env.clean == NULL && env.members);
    spec_free(&plain);
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(dirichlet_has_its_moments);
    RUN(bayes_is_the_mean_of_all_that_fit);
    RUN(a_known_perturbation_is_undone);
    RUN(clean_answers_stay);
    RUN(an_attacker_is_told_what_its_option_says);
    return check_done();
}
