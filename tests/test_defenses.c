/* Defenses: one conformance test over every registry entry, every preset, every end of every option, and chains. */
#include <omp.h>

#include "tests/defense_scene.h"
#include "tests/passes.h"

/* The rows of a scene from the last to the first. */
static void turn_over(struct scene *s)
{
    for (int i = 0; i < s->n / 2; i++) {
        const int j = s->n - 1 - i;
        for (size_t w = 0; w < s->d; w++) {
            const float keep = s->x[(size_t)i * s->d + w];
            s->x[(size_t)i * s->d + w] = s->x[(size_t)j * s->d + w];
            s->x[(size_t)j * s->d + w] = keep;
        }
        for (int k = 0; k < s->k; k++) {
            const float keep = s->p[i * s->k + k];
            s->p[i * s->k + k] = s->p[j * s->k + k];
            s->p[j * s->k + k] = keep;
        }
    }
}

/* What remembers no query answers each alike wherever it stands. */
static void order_does_not_matter(struct defense *d, struct scene *s, const float *once, float *again, const char *chain)
{
    const size_t row = (size_t)s->k * sizeof *once;
    turn_over(s);
    CHECK_OK(scene_ask(d, s, s->n, again));
    for (int i = 0; i < s->n; i++)
        if (!CHECK(memcmp(once + i * s->k, again + (s->n - 1 - i) * s->k, row) == 0)) {
            printf("%s, K=%d, row %d from the end\n", chain, s->k, i);
            break;
        }
    turn_over(s);
}

/* Simplex (defense_answer checks and fails), same seed same answers at any number of threads, however the rows are split into
 * calls, and in whatever order they come. */
static void conform(const char *chain, int k)
{
    struct scene s = scene_new(k, 150);
    const size_t size = (size_t)(s.n * k) * sizeof(float);
    float *once = mem_new(size, 1), *again = mem_new(size, 1);
    const struct defense_env env = scene_env(&s);
    struct defense *d = NULL;
    const int cuts[] = {150, 1, 7, 128, 149};
    answers_of(chain, &s, s.n, once);
    omp_set_num_threads(1);
    for (int c = 0; c < 5; c++) {
        if (!d && (!CHECK_OK(defense_parse(&d, chain)) || !CHECK_OK(defense_open(d, &env)))) break;
        memset(again, 0, size);
        CHECK_OK(scene_ask(d, &s, cuts[c], again));
        if (!CHECK(memcmp(once, again, size) == 0)) printf("%s, K=%d, %d rows a call\n", chain, k, cuts[c]);
        if (!defense_stateful(d)) continue;
        defense_free(d);
        d = NULL;
    }
    if (d) order_does_not_matter(d, &s, once, again, chain);
    defense_free(d);
    omp_set_num_threads(2);
    mem_free(once);
    mem_free(again);
    scene_free(&s);
}

static void every_defense_conforms(void)
{
    static const int classes[] = {2, 3, 10, 11, 100, 1000};
    for (int i = 0; i < defense_count(); i++)
        for (int k = 0; k < 6; k++) conform(defense_at(i)->name, classes[k]);
}

static void every_preset_conforms(void)
{
    for (int i = 0; i < defense_count(); i++)
        for (const struct preset *p = defense_at(i)->presets; p && p->name; p++) {
            char *chain = mem_print("%s:preset=%s", defense_at(i)->name, p->name);
            conform(chain, 10);
            mem_free(chain);
        }
}

/* With each option at both ends of its range, or at each of its words: answers, or one clear line that says why not. */
static void try_value(const char *defense, const char *option, const char *value, const struct scene *s)
{
    char *chain = mem_print("%s:%s=%s", defense, option, value);
    float *q = mem_new((size_t)(s->n * s->k), sizeof *q);
    const int code = scene_answers(chain, s, s->n, q);
    if (code && !CHECK_ERR(code, ERR_OPTION, "option")) printf("%s\n", chain);
    mem_free(q);
    mem_free(chain);
}

static void every_option_at_its_ends(void)
{
    struct scene s = scene_new(5, 40);
    for (int i = 0; i < defense_count(); i++)
        for (const struct option *o = defense_at(i)->options; o && o->name; o++) {
            char text[40], words[200] = "", *rest = NULL;
            if (o->choices) snprintf(words, sizeof words, "%s", o->choices);
            for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) try_value(defense_at(i)->name, o->name, w, &s);
            if (o->type == OPTION_TEXT || o->type == OPTION_CHOICE || (o->type == OPTION_INT && o->max > 16)) continue; /* long trainings */
            for (int end = 0; end < 2; end++) {
                snprintf(text, sizeof text, "%.9g", end ? o->max : o->min);
                try_value(defense_at(i)->name, o->name, text, &s);
            }
        }
    scene_free(&s);
}

static void chains_conform(void)
{
    static const char *const chain[] = {"mad:oracle=argmax", "mad:oracle=argmin:ball=l2", "mad:oracle=random:epsilon=0.3", "mad:objective=distance",
        "mad:epsilon=0", "mad:jacobian=1", "mad+hard", "mad:epsilon=0.5+topk:k=2", "reverse-sigmoid:beta=3:gamma=5+mad+topk:k=1",
        "reverse-sigmoid:gamma=0", "topk:k=2:renormalise=0+hard", "none+none",
        "topk:k=3:renormalise=0", "round:digits=1:renormalise=0", "round:digits=1:argmax=0", "round:digits=0", "round:digits=7",
        "noise:kind=symmetric:epsilon=3", "noise:kind=one-sided:ball=l2", "noise:kind=gaussian:epsilon=9:argmax=1", "noise:argmax=1:epsilon=2",
        "noise:fresh=1", "modelguard-w:epsilon=0.2", "modelguard-w:epsilon=2", "modelguard-w:epsilon=0", "modelguard-s:epsilon=0.1",
        "modelguard-w+round:digits=3", "modelguard-s+modelguard-w:epsilon=0.3+noise:kind=gaussian:argmax=1", "round:digits=0:renormalise=0+modelguard-w+topk", "am+mad", "edm:members=2:hash_model=victim+topk:k=2", "edm:members=3:hash_model=victim:hash_data=train+am:tau=1", "am:detector=own:nu=1", "reverse-sigmoid:clamp=odds",
        "grad2:argmax=1+hard", "grad2:direction=max-norm:surrogate=random", "grad2:direction=min-inner-product:epsilon=2", "mad:surrogate=trained+am"};
    static const int classes[] = {2, 3, 100, 1000};
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) {
        conform(chain[i], 10);
        conform(chain[i], classes[i % 4]);
    }
    conform("mad:oracle=argmax", 40);
}

/* What a defense trains is what it says before. */
static void hold_to_its_word(const char *text)
{
    struct scene s = scene_new(10, 8);
    struct defense *d = NULL;
    struct work fit = {0}, helpers = {0};
    s.optim.epochs = 2;
    const struct defense_env env = scene_env(&s);
    if (!CHECK_OK(defense_parse(&d, text))) return;
    const struct defense_ops *ops = d->link[0].ops;
    if (ops->trains) ops->trains(&fit, &helpers, &d->link[0].opt, &env);
    done_start(s.victim->arch, NULL);
    if (ops->fit) CHECK_OK(ops->fit(s.victim, &env, &d->link[0].opt));
    int same = done_as_said(&done.own, &fit.own, 0) & done_as_said(&done.other, &fit.other, 0);
    done_start(s.victim->arch, NULL);
    CHECK_OK(defense_open(d, &env));
    same &= done_as_said(&done.own, &helpers.own, 0) & done_as_said(&done.other, &helpers.other, 0);
    if (!same) printf("%s\n", text);
    done_start(NULL, NULL); /* the name goes with the scene */
    defense_free(d);
    scene_free(&s);
}

static void every_defense_does_the_work_it_says(void)
{
    static const char *const more[] = {"ini:beta=0.1:pcgrad=0", "ini:student_model=softmax:students=2:epochs=3", "ini:student=trained:student_steps=3:delta=0", "ini:epsilon=0:entropy=1:gamma=1", "mad:surrogate=trained",
        "grad2:surrogate=transfer:surrogate_epochs=3", "grad2:surrogate=random", "am:detector=own:misinform_ood=0", "am:misinform_epochs=3", "edm:members=3:hash_model=victim:hash_data=train:hash_images=20"};
    for (int i = 0; i < defense_count(); i++) hold_to_its_word(strcmp(defense_at(i)->name, "edm") ? defense_at(i)->name : "edm:hash_model=softmax");
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) hold_to_its_word(more[i]);
}

static void unknown_names_and_options_are_refused(void)
{
    struct defense *d = NULL;
    CHECK_ERR(defense_parse(&d, "madd"), ERR_OPTION, "unknown defense 'madd'; did you mean 'mad'");
    CHECK_ERR(defense_parse(&d, "mad:epsilom=1"), ERR_OPTION, "did you mean 'epsilon'");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=3"), ERR_OPTION, "found 3, expected 0 to 2");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=x"), ERR_OPTION, "found 'x', expected a number");
    CHECK_ERR(defense_parse(&d, "mad:oracle=best"), ERR_OPTION, "expected one of: extreme argmax argmin random");
    CHECK_ERR(defense_parse(&d, "mad:preset=zz"), ERR_OPTION, "unknown preset 'zz'");
    CHECK_ERR(defense_parse(&d, "ini+ini"), ERR_OPTION, "both train the victim");
    CHECK_ERR(defense_parse(&d, "mad+edm"), ERR_OPTION, "'mad' before it would be lost: expected 'edm' first");
    CHECK_ERR(defense_parse(&d, "am+topk+edm"), ERR_OPTION, "'am' before it would be lost");
    CHECK_ERR(defense_parse(&d, "ini+edm"), ERR_OPTION, "'ini' trains the victim, and 'edm' answers in its place");
    CHECK_ERR(defense_parse(&d, "edm+ini"), ERR_OPTION, "expected one of them");
    CHECK_ERR(defense_parse(&d, "edm+edm"), ERR_OPTION, "would be lost");
    CHECK_ERR(defense_parse(&d, "am+ini"), ERR_OPTION, "both train the victim");
    CHECK_ERR(defense_parse(&d, "mad+"), ERR_OPTION, "a name is missing");
    CHECK_ERR(defense_parse(&d, "mad:epsilon"), ERR_OPTION, "expected key=value");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=1:epsilon=1"), ERR_OPTION, "given twice");
    for (int i = 0; i < defense_count(); i++) {
        char *text = mem_print("%s:no_such_option=1", defense_at(i)->name);
        CHECK_ERR(defense_parse(&d, text), ERR_OPTION, "unknown option 'no_such_option'");
        mem_free(text);
    }
}

/* Noise is its seed's: another one gives other answers, where there is chance at all. */
static void another_seed_is_another_noise(void)
{
    static const struct {
        const char *chain;
        int chance;
    } cases[] = {{"noise", 1}, {"noise:kind=gaussian", 1}, {"noise:fresh=1", 1}, {"mad:oracle=random", 1}, {"mad:surrogate=random", 1},
                 {"modelguard-w", 0}, {"modelguard-s", 0}, {"reverse-sigmoid", 0}, {"topk", 0}, {"round", 0}, {"hard", 0}};
    struct scene s = scene_new(10, 60);
    float q[2][600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int seed = 0; seed < 2; seed++) {
            struct defense_env env = scene_env(&s);
            struct defense *d = NULL;
            env.seed = 100 + (uint64_t)seed;
            CHECK_OK(defense_parse(&d, cases[i].chain));
            CHECK_OK(defense_open(d, &env));
            CHECK_OK(scene_ask(d, &s, s.n, q[seed]));
            defense_free(d);
        }
        if (!CHECK((memcmp(q[0], q[1], sizeof q[0]) != 0) == cases[i].chance)) printf("%s\n", cases[i].chain);
    }
    scene_free(&s);
}

static void a_nan_is_refused(void)
{
    struct scene s = scene_new(10, 8);
    float q[80], p = s.p[13];
    for (int i = 0; i < defense_count(); i++) {
        s.p[13] = NAN;
        CHECK_ERR(scene_answers(defense_at(i)->name, &s, 8, q), ERR_NUMERIC, "the victim: released nan for class 3");
        s.p[13] = p + 0.5f;
        CHECK_ERR(scene_answers(defense_at(i)->name, &s, 8, q), ERR_NUMERIC, "the victim: an answer sums to 1.5");
    }
    scene_free(&s);
}

static void presets_set_what_they_say(void)
{
    struct defense *d = NULL;
    CHECK_OK(defense_parse(&d, "ini:preset=paper-mnist:gamma=0.7"));
    CHECK_STR(spec_string(&d->link[0].opt, "momentum"), "0.5");
    CHECK_STR(spec_string(&d->link[0].opt, "gamma"), "0.7");
    CHECK_STR(spec_string(&d->link[0].opt, "epochs"), "50");
    defense_free(d);
    CHECK_OK(defense_parse(&d, "ini"));
    CHECK_STR(spec_string(&d->link[0].opt, "epochs"), "victim");
    defense_free(d);
}

/* A link that breaks what it promises fails, whatever it promised. */
static int liar(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    (void)x, (void)state;
    for (int i = 0; i < n * classes; i++) q[i] = p[i];
    q[argmax(p, classes)] -= 0.9f;
    q[(argmax(p, classes) + 1) % classes] += 0.9f;
    return OK;
}

static void a_broken_promise_fails(void)
{
    static const struct defense_ops ops = {.name = "liar", .answer = liar};
    static const struct {
        struct defense_traits traits;
        const char *error;
    } cases[] = {{{.norm = 1, .radius = 1.7}, "moved by 1.800000 in L1, expected up to 1.7"}, {{.norm = 2, .radius = 1.2}, "in L2, expected up to 1.2"},
                 {{.argmax = 1}, "went from 1 to 2, expected it to stay"}, {{0}, NULL}};
    const float p[3] = {0.02f, 0.95f, 0.03f};
    float q[3];
    for (int i = 0; i < 4; i++) {
        struct defense_link link = {.ops = &ops, .traits = cases[i].traits};
        struct defense d = {1, &link};
        if (cases[i].error) CHECK_ERR(defense_answer(&d, NULL, p, q, 1, 3), ERR_NUMERIC, cases[i].error);
        else CHECK_OK(defense_answer(&d, NULL, p, q, 1, 3));
    }
}

int main(void)
{
    RUN(every_defense_conforms);
    RUN(every_preset_conforms);
    RUN(every_option_at_its_ends);
    RUN(chains_conform);
    RUN(every_defense_does_the_work_it_says);
    RUN(unknown_names_and_options_are_refused);
    RUN(another_seed_is_another_noise);
    RUN(a_nan_is_refused);
    RUN(a_broken_promise_fails);
    RUN(presets_set_what_they_say);
    return check_done();
}
