/* Averaging: several answers for an image, every one of them paid for, and their mean to learn from. The same budget buys
 * 1/n of the images; what it buys back is the noise that the answers do not share.
 *
 *     dedup-noise    the same image n times: noise drawn anew for every query falls as 1/sqrt(n), noise that is fixed by the
 *                    image's bytes stays whole
 *     average        n copies moved a little: noise fixed by the bytes falls too, and copies meet several members of an
 *                    ensemble; but the victim's own answer changes with the copy
 *
 * The clone learns the mean for the image as it was. Images are those of knockoff with the same seed.
 *
 * Against an ensemble of which the image says who answers (edm), the supplement of EDM tells apart what a copy changes. Each
 * but the first takes the choice of the member from the defense, which no attacker can (knowledge=members):
 *
 *     normal           moved copies, each answered by the member of its own hash
 *     normal-sim       moved copies, by the members in turns: every copy changes the member
 *     ideal-attack     the image itself, by the members in turns: the mean of the ensemble
 *     ideal-defense    moved copies, by the member of the image's own hash: no copy changes the member */
#include "attacker/average.h"

#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

enum { BATCH = 256 }; /* rows a query takes at once */

#define AVERAGE_OPTIONS                                                                                               \
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries, all copies counted"},                                        \
    {"n", OPTION_INT, "5", 1, 100000, 0, "answers an image"}
#define TRAINING CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60")

static const struct option options[] = {AVERAGE_OPTIONS,
    {"moves", OPTION_TEXT, "rotate15,translate0.1,scale0.9,shear0.1,jitter0.1", 0, 0, 0, "how a copy differs, as `augment` says it; default: EDM's supplement"},
    {"mode", OPTION_CHOICE, "normal", 0, 0, "normal normal-sim ideal-attack ideal-defense",
     "of an ensemble (edm): the copy's hash says who answers | members in turns | in turns, copies not moved | the hash of the image before it moved"},
    {"knowledge", OPTION_CHOICE, "none", 0, 0, "none members", "members: which of them answers, an oracle that every mode but normal needs"},
    TRAINING, OPTION_END};
static const struct preset presets[] = {
    {"normal-sim", "mode=normal-sim:knowledge=members", "EDM's supplement, an oracle: every copy meets another member"},
    {"ideal-attack", "mode=ideal-attack:knowledge=members", "EDM's supplement, an oracle: every member answers the image itself"},
    {"ideal-defense", "mode=ideal-defense:knowledge=members", "EDM's supplement, an oracle: no copy changes the member"}, PRESET_END};
static const struct option dedup_options[] = {AVERAGE_OPTIONS, TRAINING, OPTION_END};

/* ---- asking ------------------------------------------------------------------------------------------- */

int average_images(int64_t budget, int n)
{
    return (int)((budget + n - 1) / n);
}

/* The queries in order: every image `copies` times, one after the other. */
struct stream {
    const struct transfer *t;
    const struct averaging *a;
    struct shape shape;
    float *still, *moved; /* [BATCH][c][h][w] */
    int *member;          /* [BATCH] */
};

/* Asks for rows [row, row + n) of the stream: q [n][K]. */
static int ask_rows(const struct stream *s, struct blackbox *target, int64_t row, int n, float *q)
{
    const struct averaging *a = s->a;
    for (int i = 0; i < n; i++) {
        transfer_batch(s->t, NULL, (int)((row + i) / a->copies), 1, s->still + (size_t)i * s->t->d);
        s->member[i] = (int)((row + i) % a->copies);
    }
    if (a->moves) augment_batch(a->moves, s->shape, a->seed, (uint64_t)row, n, s->still, s->moved);
    const float *x = a->moves ? s->moved : s->still;
    if (a->by == AVERAGE_DEFENSE) return blackbox_query(target, x, n, q);
    return blackbox_query_member(target, x, a->by == AVERAGE_TURNS ? s->member : NULL, a->by == AVERAGE_STILL ? s->still : NULL, n, q);
}

/* sum [t->n][K] over the answers to the whole stream. */
static int ask_all(const struct stream *s, struct blackbox *target, double *sum)
{
    const size_t classes = (size_t)s->t->classes;
    float *q = mem_new(BATCH * classes, sizeof *q);
    int code = 0;
    for (int64_t row = 0; row < s->a->budget && !code; row += BATCH) {
        const int n = s->a->budget - row < BATCH ? (int)(s->a->budget - row) : BATCH;
        code = ask_rows(s, target, row, n, q);
        for (int i = 0; i < n && !code; i++)
            for (size_t k = 0; k < classes; k++) sum[(size_t)((row + i) / s->a->copies) * classes + k] += (double)q[(size_t)i * classes + k];
    }
    mem_free(q);
    return code;
}

int average_query(struct transfer *t, struct blackbox *target, const struct averaging *a)
{
    const size_t classes = (size_t)t->classes;
    struct stream s = {.t = t, .a = a, .shape = blackbox_input(target)};
    double *sum = mem_new((size_t)t->n * classes, sizeof *sum);
    s.still = mem_new(BATCH * t->d, sizeof *s.still);
    s.moved = mem_new(BATCH * t->d, sizeof *s.moved);
    s.member = mem_new(BATCH, sizeof *s.member);
    int code = ask_all(&s, target, sum);
    for (int i = 0; i < t->n; i++) {
        const int64_t left = a->budget - (int64_t)i * a->copies;
        for (size_t k = 0; k < classes; k++) t->q[(size_t)i * classes + k] = (float)(sum[(size_t)i * classes + k] / (double)(left < a->copies ? left : a->copies));
    }
    mem_free(s.still);
    mem_free(s.moved);
    mem_free(s.member);
    mem_free(sum);
    return code;
}

/* ---- the attacks ---------------------------------------------------------------------------------------- */

static int64_t images(const struct spec *opt)
{
    return average_images(spec_int(opt, "budget"), (int)spec_int(opt, "n"));
}

static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    (void)pool, (void)classes;
    clone_work(out, opt, images(opt), spec_int(opt, "epochs"));
    if (!spec_is(opt, "mode", "normal")) return; /* a trial has no ensemble */
    out->trials = fmax(out->queries / 256, 1); /* how long it takes to move an image */
    snprintf(out->trial, sizeof out->trial, "budget=%d:epochs=0", (int)fmin(out->queries, 256));
}

static struct averaging plain(const struct spec *opt)
{
    return (struct averaging){.budget = spec_int(opt, "budget"), .copies = (int)spec_int(opt, "n")};
}

static int ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct augment moves;
    struct averaging a = plain(opt);
    int code = augment_read(&moves, spec_string(opt, "moves"));
    if (code) return code;
    if (!spec_is(opt, "mode", "normal") && !spec_is(opt, "knowledge", "members"))
        return err_set(ERR_OPTION, "mode=%s chooses the member that answers, which no attacker can: found knowledge=%s, expected knowledge=members", spec_string(opt, "mode"),
                       spec_string(opt, "knowledge"));
    if (!spec_is(opt, "mode", "normal")) a.by = spec_is(opt, "mode", "ideal-defense") ? AVERAGE_STILL : AVERAGE_TURNS;
    if (augment_any(&moves) && !spec_is(opt, "mode", "ideal-attack")) a.moves = &moves;
    a.seed = rng_stream(env->seed, "average/moves", 0).state;
    return average_query(t, env->target, &a);
}

static int ask_again(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    const struct averaging a = plain(opt);
    return average_query(t, env->target, &a);
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)images(opt), ask);
}

static int run_dedup(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)images(opt), ask_again);
}

extern const struct attack_ops attack_average, attack_dedup_noise;
const struct attack_ops attack_average = {.name = "average", .about = "knockoff that asks for n moved copies of each image and averages the answers",
    .paper = "Kariyappa, Prakash, Qureshi, Protecting DNNs from Theft using an Ensemble of Diverse Models, ICLR 2021 (adaptive attack)",
    .options = options, .presets = presets, .needs_pool = 1, .images = images, .work = work, .run = run};
const struct attack_ops attack_dedup_noise = {.name = "dedup-noise", .about = "knockoff that asks for each image n times and averages the answers",
    .paper = "a check on noisy defenses; Orekondy, Schiele, Fritz, Prediction Poisoning, ICLR 2020, answer duplicates alike",
    .options = dedup_options, .needs_pool = 1, .images = images, .run = run_dedup};
