/* Averaging: several answers for an image, every one of them paid for, and their mean to learn from. The same budget buys
 * 1/n of the images; what it buys back is the noise that the answers do not share.
 *
 *     dedup-noise    the same image n times: noise drawn anew for every query falls as 1/sqrt(n), noise that is fixed by the
 *                    image's bytes stays whole
 *     average        n copies moved a little: noise fixed by the bytes falls too, and copies meet several members of an
 *                    ensemble; but the victim's own answer changes with the copy
 *
 * The clone learns the mean for the image as it was. Images are those of knockoff with the same seed. */
#include "attacker/average.h"

#include "base/mem.h"

enum { BATCH = 256 }; /* rows a query takes at once */

#define AVERAGE_OPTIONS                                                                                               \
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries, all copies counted"},                                        \
    {"n", OPTION_INT, "5", 1, 100000, 0, "answers an image"}
#define TRAINING CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60")

static const struct option options[] = {AVERAGE_OPTIONS,
    {"moves", OPTION_TEXT, "rotate15,translate0.1,scale0.9,shear0.1,jitter0.1", 0, 0, 0, "how a copy differs, as `augment` says it; default: EDM's supplement"},
    TRAINING, OPTION_END};
static const struct option dedup_options[] = {AVERAGE_OPTIONS, TRAINING, OPTION_END};

/* ---- asking ------------------------------------------------------------------------------------------- */

int average_images(int64_t budget, int n)
{
    return (int)((budget + n - 1) / n);
}

/* The queries in order: every image `copies` times, one after the other. */
struct stream {
    const struct transfer *t;
    int copies;
    const struct augment *moves;
    struct shape shape;
    uint64_t seed;
    float *still; /* [BATCH][c][h][w] */
};

/* Rows [row, row + n) of the stream. */
static void take(const struct stream *s, int64_t row, int n, float *x)
{
    float *to = s->moves ? s->still : x;
    for (int i = 0; i < n; i++) transfer_batch(s->t, NULL, (int)((row + i) / s->copies), 1, to + (size_t)i * s->t->d);
    if (s->moves) augment_batch(s->moves, s->shape, s->seed, (uint64_t)row, n, s->still, x);
}

/* sum [t->n][K] over the answers to the whole stream. */
static int ask_all(const struct stream *s, struct blackbox *target, int64_t budget, double *sum)
{
    const size_t classes = (size_t)s->t->classes;
    float *x = mem_new(BATCH * s->t->d, sizeof *x), *q = mem_new(BATCH * classes, sizeof *q);
    int code = 0;
    for (int64_t row = 0; row < budget && !code; row += BATCH) {
        const int n = budget - row < BATCH ? (int)(budget - row) : BATCH;
        take(s, row, n, x);
        code = blackbox_query(target, x, n, q);
        for (int i = 0; i < n && !code; i++)
            for (size_t k = 0; k < classes; k++) sum[(size_t)((row + i) / s->copies) * classes + k] += (double)q[(size_t)i * classes + k];
    }
    mem_free(x);
    mem_free(q);
    return code;
}

int average_query(struct transfer *t, struct blackbox *target, int64_t budget, int copies, const struct augment *moves, uint64_t seed)
{
    const size_t classes = (size_t)t->classes;
    struct stream s = {.t = t, .copies = copies, .moves = moves, .shape = blackbox_input(target), .seed = seed};
    double *sum = mem_new((size_t)t->n * classes, sizeof *sum);
    if (moves) s.still = mem_new(BATCH * t->d, sizeof *s.still);
    int code = ask_all(&s, target, budget, sum);
    for (int i = 0; i < t->n; i++) {
        const int64_t left = budget - (int64_t)i * copies;
        for (size_t k = 0; k < classes; k++) t->q[(size_t)i * classes + k] = (float)(sum[(size_t)i * classes + k] / (double)(left < copies ? left : copies));
    }
    mem_free(s.still);
    mem_free(sum);
    return code;
}

/* ---- the attacks ---------------------------------------------------------------------------------------- */

static int64_t images(const struct spec *opt)
{
    return average_images(spec_int(opt, "budget"), (int)spec_int(opt, "n"));
}

static int ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct augment moves;
    int code = augment_read(&moves, spec_string(opt, "moves"));
    if (code) return code;
    const uint64_t seed = rng_stream(env->seed, "average/moves", 0).state;
    return average_query(t, env->target, spec_int(opt, "budget"), (int)spec_int(opt, "n"), augment_any(&moves) ? &moves : NULL, seed);
}

static int ask_again(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    return average_query(t, env->target, spec_int(opt, "budget"), (int)spec_int(opt, "n"), NULL, 0);
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
    .options = options, .needs_pool = 1, .images = images, .run = run};
const struct attack_ops attack_dedup_noise = {.name = "dedup-noise", .about = "knockoff that asks for each image n times and averages the answers",
    .paper = "a check on noisy defenses; Orekondy, Schiele, Fritz, Prediction Poisoning, ICLR 2020, answer duplicates alike",
    .options = dedup_options, .needs_pool = 1, .images = images, .run = run_dedup};
