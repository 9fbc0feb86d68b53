/* heist train, heist steal, heist eval: one victim, one attack, one accuracy, with a sweep's options, on checkpoints. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/supervised.h"
#include "experiments/cmd.h"
#include "experiments/evaluate.h"
#include "experiments/table.h"
#include "experiments/theft.h"
#include "nn/safetensors.h"
#include "victim/victim.h"

/* ---- train ---------------------------------------------------------------------------------------- */

static int write_victim(const char *path, const struct victim *v, const struct spec *opt, const struct defense *chain, const char *ood, const char *seed)
{
    assert(v);
    char *training = spec_text(opt), *defense = defense_text(chain);
    const char *key[] = {"dataset", "training", "defense", "ood", "seed"};
    const char *value[] = {spec_string(opt, "dataset"), training, defense, ood ? ood : "", seed};
    int code = checkpoint_write(path, v->model, 5, key, value);
    mem_free(training);
    mem_free(defense);
    return code;
}

/* A row of --curve after each epoch. */
struct training_curve {
    const char *path;
    const struct dataset *test;
};

static int add_to_curve(void *ctx, const struct model *m, int epoch, double loss)
{
    const struct training_curve *c = ctx;
    char text[3][32];
    snprintf(text[0], sizeof text[0], "%d", epoch);
    snprintf(text[1], sizeof text[1], "%.6g", loss);
    snprintf(text[2], sizeof text[2], "%.6g", supervised_accuracy(m, c->test));
    return table_append(c->path, 3, (const char *[]){"epoch", "loss", "accuracy"}, (const char *[]){text[0], text[1], text[2]});
}

static int train(struct victim **out, const struct spec *opt, const struct dataset *images, const struct defense *chain, const struct dataset *ood,
                 uint64_t seed, struct training_curve *curve)
{
    if (!curve->path) return victim_get(out, opt, images, chain, ood, seed, seed, NULL);
    if (defense_fitter(chain)) return err_set(ERR_OPTION, "--curve: found --defense %s, expected a victim that no defense trains", defense_fitter(chain)->ops->name);
    if (file_exists(curve->path)) return err_set(ERR_OPTION, "--curve: %s is there already", curve->path);
    return victim_train(out, opt, images, seed, &(struct train_watch){add_to_curve, curve});
}

int cmd_train(int argc, char **argv)
{
    const char *out = NULL, *defense = "none", *ood_name = NULL, *seed_text = "1";
    struct training_curve curve = {0};
    const struct cmd_flag flags[] = {{"--out", "FILE", "the checkpoint (safetensors)", &out, 0, NULL},
        {"--curve", "FILE", "a CSV file: training loss and test accuracy after each epoch", &curve.path, 0, NULL},
        {"--defense", "SPEC", "a defense that trains the victim, as ini:gamma=0.3 (none)", &defense, 0, NULL},
        {"--ood", "SET", "outliers the defense may train on, as strokes", &ood_name, 0, NULL},
        {"--seed", "N", "seed of the victim and the defense (1)", &seed_text, 0, NULL}, CMD_END};
    struct spec opt = {.name = mem_string("victim")};
    struct cmd c = {.usage = "train --dataset SET --out FILE [--model M] [--defense ini] [--ood SET] ...", .about = "Trains one victim.",
                    .flags = flags, .options = victim_options, .spec = &opt};
    struct defense *chain = NULL;
    struct dataset *images = NULL, *test = NULL, *ood = NULL;
    struct victim *v = NULL;
    uint64_t seed = 0;
    int code = cmd_parse(&c, argc, argv);
    if (code) goto out;
    if (!out) code = err_set(ERR_OPTION, "--out must be given: the checkpoint to write");
    if (!code) code = cmd_seed(&seed, seed_text);
    if (!code) code = spec_resolve(&opt, victim_options, NULL, "victim");
    if (!code) code = defense_parse(&chain, defense);
    if (!code && ood_name && !defense_needs_ood(chain)) code = err_set(ERR_OPTION, "--ood is given, but defense %s uses none", defense);
    if (!code) code = dataset_open(&images, spec_string(&opt, "dataset"), "train");
    if (!code) code = dataset_open(&test, spec_string(&opt, "dataset"), "test");
    if (!code && ood_name) code = dataset_open(&ood, ood_name, "train");
    curve.test = test;
    if (!code) code = train(&v, &opt, images, chain, ood, seed, &curve);
    if (!code) code = write_victim(out, v, &opt, chain, ood_name, seed_text);
    if (!code) printf("%s: %s on %s, test accuracy %.4f, trained in %.1f s\n", out, v->model->arch, images->name, supervised_accuracy(v->model, test), v->train_s + v->fit_s);
out:
    victim_free(v);
    defense_free(chain);
    dataset_free(images);
    dataset_free(test);
    dataset_free(ood);
    spec_free(&opt);
    return cmd_exit("train", code);
}

/* ---- steal ------------------------------------------------------------------------------------------ */

static void print_theft(const struct theft *t)
{
    const struct ledger l = blackbox_ledger(t->box);
    const int n = t->test->n;
    printf("victim %.4f, defended %.4f, clone last %.4f val %.4f best %.4f, fidelity %.4f, queries %lld (%lld distinct)\n",
           evaluate_agreement(t->victim_top, t->test->labels, n), t->defended, evaluate_agreement(t->clone_top, t->test->labels, n),
           curve_val(&t->curve), curve_best(&t->curve), evaluate_agreement(t->clone_top, t->victim_top, n), (long long)l.total, (long long)l.distinct);
}

int cmd_steal(int argc, char **argv)
{
    struct theft_options o = {.attack = "knockoff", .defense = "none", .label = "soft"};
    const char *out = NULL, *seed_text = "1";
    const struct cmd_flag flags[] = {{"--attack", "SPEC", "the attack and its options, as knockoff:budget=10000:epochs=20", &o.attack, 0, NULL},
        {"--pool", "SET", "the data set to query with", &o.pool, 0, NULL},
        {"--defense", "SPEC", "a defense that changes answers, as mad:epsilon=1 (none)", &o.defense, 0, NULL},
        {"--ood", "SET", "outliers, for a defense that trains on them", &o.ood, 0, NULL},
        {"--label", "KIND", "what is released: soft, hard or topk:k=3 (soft)", &o.label, 0, NULL},
        {"--clone_model", "M", "architecture of the clone (the victim's)", &o.clone_model, 0, NULL},
        {"--dataset", "SET", "the victim's data set (as its checkpoint says)", &o.dataset, 0, NULL},
        {"--seed", "N", "seed of the defense and the attack (1)", &seed_text, 0, NULL},
        {"--out", "FILE", "write the clone's checkpoint", &out, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "steal VICTIM.safetensors [--attack SPEC] [--pool SET] [--out FILE] ...", .about = "Steals one victim and says how much came along.",
                    .flags = flags, .least = 1, .most = 1};
    struct theft t = {0};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("steal", code);
    o.victim = c.word[0];
    code = cmd_seed(&o.seed, seed_text);
    if (!code) code = theft_open(&t, &o);
    if (!code) code = theft_commit(&t, &o);
    if (!code) print_theft(&t);
    if (!code && out) {
        char *text = spec_text(&t.attack);
        code = checkpoint_write(out, t.clone, 3, (const char *[]){"dataset", "attack", "seed"}, (const char *[]){t.train->name, text, seed_text});
        mem_free(text);
    }
    theft_free(&t);
    return cmd_exit("steal", code);
}

/* ---- eval -------------------------------------------------------------------------------------------- */

/* Writes the logits [n][K] and the images [n][c][h][w] they belong to. */
static int write_logits(const char *path, const struct model *m, const struct dataset *d)
{
    enum { BATCH = 256 };
    const size_t size = shape_size(m->input);
    float *x = mem_new((size_t)d->n * size, sizeof *x), *z = mem_new((size_t)d->n * (size_t)m->classes, sizeof *z);
    struct tape *tape = tape_new(m, BATCH, TAPE_FORWARD);
    dataset_batch(d, NULL, 0, d->n, x);
    for (int i = 0; i < d->n; i += BATCH) {
        const int n = d->n - i < BATCH ? d->n - i : BATCH;
        memcpy(z + (size_t)i * (size_t)m->classes, model_forward(m, tape, x + (size_t)i * size, n), (size_t)n * (size_t)m->classes * sizeof *z);
    }
    const struct tensor tensor[] = {
        {.name = (char[]){"logits"}, .dims = 2, .dim = {d->n, m->classes}, .count = (size_t)d->n * (size_t)m->classes, .bytes = z},
        {.name = (char[]){"images"}, .dims = 4, .dim = {d->n, m->input.c, m->input.h, m->input.w}, .count = (size_t)d->n * size, .bytes = x}};
    int code = safetensors_write(path, 2, tensor, 1, (const char *[]){"dataset"}, (const char *[]){d->name});
    tape_free(tape);
    mem_free(x);
    mem_free(z);
    return code;
}

int cmd_eval(int argc, char **argv)
{
    const char *dataset = NULL, *arch = NULL, *logits = NULL;
    const struct cmd_flag flags[] = {{"--dataset", "SET", "the data set; its test split unless :split=train (as the checkpoint says)", &dataset, 0, NULL},
        {"--model", "M", "architecture, for a file whose metadata does not say it", &arch, 0, NULL},
        {"--logits", "FILE", "write logits and images as safetensors", &logits, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "eval CHECKPOINT [--dataset SET] [--logits FILE]", .about = "Test accuracy of a checkpoint.", .flags = flags, .least = 1, .most = 1};
    struct model *m = NULL;
    struct safetensors *file = NULL;
    struct dataset *d = NULL;
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("eval", code);
    code = checkpoint_read(&m, &file, c.word[0], arch);
    if (!code && !dataset) dataset = safetensors_meta(file, "dataset");
    if (!code && !dataset) code = err_set(ERR_OPTION, "%s does not say its data set, --dataset must be given", c.word[0]);
    if (!code) code = dataset_open(&d, dataset, "test");
    if (!code) code = supervised_fits(m, d, 1);
    if (!code && logits) code = write_logits(logits, m, d);
    if (!code) printf("%s: accuracy %.4f on %d images of %s\n", c.word[0], supervised_accuracy(m, d), d->n, d->name);
    model_free(m);
    safetensors_free(file);
    dataset_free(d);
    return cmd_exit("eval", code);
}
