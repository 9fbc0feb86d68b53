/* Defenses: one conformance test over every registry entry, every preset, every end of every option, and chains. */
#include <omp.h>

#include "tests/defense_scene.h"

/* Simplex (defense_answer checks and fails), same seed same answers, however the rows are split into calls. */
static void conform(const char *chain, int k)
{
    struct scene s = scene_new(k, 150);
    const size_t size = (size_t)(s.n * k) * sizeof(float);
    float *once = mem_new(size, 1), *again = mem_new(size, 1);
    answers_of(chain, &s, s.n, once);
    const int cuts[] = {1, 7, 128, 149};
    for (int c = 0; c < 4; c++) {
        memset(again, 0, size);
        answers_of(chain, &s, cuts[c], again);
        if (!CHECK(memcmp(once, again, size) == 0)) printf("%s, K=%d, %d rows a call\n", chain, k, cuts[c]);
    }
    omp_set_num_threads(1);
    answers_of(chain, &s, s.n, again);
    omp_set_num_threads(2);
    CHECK(memcmp(once, again, size) == 0);
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
        "modelguard-w+round:digits=3", "modelguard-s+modelguard-w:epsilon=0.3+noise:kind=gaussian:argmax=1", "round:digits=0:renormalise=0+modelguard-w+topk", "am+mad", "edm:members=2+topk:k=2", "am:tau=1+edm:members=3:hash_data=train",
        "grad2:argmax=1+hard", "grad2:direction=max-norm:surrogate=random", "grad2:direction=min-inner-product:epsilon=2", "mad:surrogate=trained+am"};
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) conform(chain[i], 10);
    conform("mad:oracle=argmax", 40);
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
    CHECK_ERR(defense_parse(&d, "mad+"), ERR_OPTION, "a name is missing");
    CHECK_ERR(defense_parse(&d, "mad:epsilon"), ERR_OPTION, "expected key=value");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=1:epsilon=1"), ERR_OPTION, "given twice");
    for (int i = 0; i < defense_count(); i++) {
        char *text = mem_print("%s:no_such_option=1", defense_at(i)->name);
        CHECK_ERR(defense_parse(&d, text), ERR_OPTION, "unknown option 'no_such_option'");
        mem_free(text);
    }
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
    RUN(unknown_names_and_options_are_refused);
    RUN(a_nan_is_refused);
    RUN(a_broken_promise_fails);
    RUN(presets_set_what_they_say);
    return check_done();
}
