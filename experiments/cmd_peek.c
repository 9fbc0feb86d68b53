/* heist peek: a contact sheet of a set, of what augmentation makes of it, or of what an attack asks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "data/sheet.h"
#include "experiments/cmd.h"
#include "experiments/theft.h"

enum { ROWS_MOST = 20, MOMENTS = 16 }; /* classes of a sheet; moments of an attack: so many, or half of them */

/* The sheet: tiles are copies. */
struct page {
    struct shape shape;
    int rows, columns;
    char **label;   /* [rows] */
    uint8_t **tile; /* [rows][columns], NULL: an empty place */
};

static void page_new(struct page *p, struct shape s, int rows, int columns)
{
    *p = (struct page){.shape = s, .rows = rows, .columns = columns};
    p->label = mem_new((size_t)rows, sizeof *p->label);
    p->tile = mem_new((size_t)rows * (size_t)columns, sizeof *p->tile);
}

static void page_free(struct page *p)
{
    for (int i = 0; i < p->rows; i++) mem_free(p->label[i]);
    for (int i = 0; i < p->rows * p->columns; i++) mem_free(p->tile[i]);
    mem_free(p->label);
    mem_free(p->tile);
}

/* x [c][h][w] in [0,1] */
static void page_put(struct page *p, int place, const float *x)
{
    const size_t size = shape_size(p->shape);
    p->tile[place] = mem_new(size, 1);
    for (size_t i = 0; i < size; i++) p->tile[place][i] = (uint8_t)lrintf(255 * fminf(fmaxf(x[i], 0), 1));
}

/* ---- a set ------------------------------------------------------------------------------------------ */

/* "3 cat", by the i-th line of `names`; mem_free frees. */
static char *class_label(const char *names, int i)
{
    const char *line = names;
    for (int k = 0; line && k < i; k++) line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    const int n = line ? (int)strcspn(line, "\n") : 0;
    char *label = mem_print("%d %.*s", i, n < 24 ? n : 24, line ? line : ""), *name = strchr(label, ' ');
    if (!n || strncmp(name + 1, label, (size_t)(name - label)) == 0) *name = 0; /* a digit's name is its number */
    return label;
}

/* The images of a row, in the order of `order`: of one class where d has labels, else the next ones; -1: there are no more. */
static int next_image(const struct dataset *d, const int *order, int class, int *at)
{
    while (*at < d->n && d->labels && d->labels[order[*at]] != class) ++*at;
    return *at < d->n ? order[(*at)++] : -1;
}

/* Rows by class (of many classes, some evenly spread); n images, or with `augment` one of each row and what becomes of it. */
static void peek_set(struct page *p, const struct dataset *d, const struct augment *augment, int n, uint64_t seed)
{
    const int kinds = d->labels ? d->classes : (int)ceil(sqrt(n)), rows = kinds < ROWS_MOST ? kinds : ROWS_MOST;
    const int columns = n > rows ? (n + rows - 1) / rows : 1;
    const size_t size = shape_size(d->shape);
    float *x = mem_new(2 * size, sizeof *x);
    int *order = mem_new((size_t)d->n, sizeof *order), at = 0;
    struct rng r = rng_stream(seed, "peek", 0);
    page_new(p, d->shape, rows, columns);
    rng_permutation(&r, order, d->n);
    for (int row = 0; row < rows; row++) {
        const int class = (int)((int64_t)row * kinds / rows);
        if (d->labels) at = 0, p->label[row] = class_label(d->names, class);
        int image = -1;
        for (int c = 0; c < columns; c++) {
            if (!c || !augment_any(augment)) image = next_image(d, order, class, &at);
            if (image < 0) break;
            struct rng own = rng_stream(seed, "peek/augment", (uint64_t)(row * columns + c));
            dataset_batch(d, &image, 0, 1, x);
            if (c && augment_any(augment)) augment_image(augment, d->shape, &own, x, x + size);
            page_put(p, row * columns + c, c && augment_any(augment) ? x + size : x);
        }
    }
    mem_free(order);
    mem_free(x);
}

/* ---- an attack's queries ------------------------------------------------------------------------------ */

/* What the black box is asked, at moments that are evenly spread over all of it: row r begins with query r * every. How much an
 * attack will ask is not known, so when the rows are full, every other one goes and the moments are twice as far apart. */
struct watch {
    struct page page;
    int64_t asked, every;
};

static void thin(struct watch *w)
{
    struct page *p = &w->page;
    for (int i = 0; i < p->rows * p->columns; i++) {
        const int row = i / p->columns, column = i % p->columns;
        if (row % 2) mem_free(p->tile[i]);
        else if (row) p->tile[row / 2 * p->columns + column] = p->tile[i];
        if (row) p->tile[i] = NULL; /* row 0 stays; the others have moved up */
    }
    w->every *= 2;
}

static void watch_query(void *ctx, const float *x, int n)
{
    struct watch *w = ctx;
    const size_t size = shape_size(w->page.shape);
    for (int i = 0; i < n; i++, w->asked++) {
        if (w->asked == w->every * w->page.rows) thin(w);
        const int64_t row = w->asked / w->every, column = w->asked % w->every;
        if (column < w->page.columns) page_put(&w->page, (int)row * w->page.columns + (int)column, x + (size_t)i * size);
    }
}

static int peek_attack(struct page *p, struct theft_options *o, int n)
{
    struct theft t = {0};
    struct watch w = {0};
    int code = theft_open(&t, o);
    if (!code) {
        page_new(&w.page, t.victim->input, MOMENTS, (n + MOMENTS - 1) / MOMENTS);
        w.every = w.page.columns;
        o->tap = watch_query;
        o->tap_ctx = &w;
        code = theft_commit(&t, o);
        while (w.page.rows > 1 && !w.page.tile[(w.page.rows - 1) * w.page.columns]) w.page.rows--; /* not reached */
        for (int i = 0; i < w.page.rows; i++) w.page.label[i] = mem_print("query %lld", (long long)(i * w.every + 1));
        *p = w.page;
    }
    theft_free(&t);
    return code;
}

/* ---- the verb ------------------------------------------------------------------------------------------- */

static int read_n(int *out, const char *text)
{
    double v;
    if (spec_number(&v, text) || v < 1 || v > 10000 || v != floor(v)) return err_set(ERR_OPTION, "--n: found '%s', expected a number of images, 1 to 10000", text);
    *out = (int)v;
    return OK;
}

/* "mnist-n=100-augment.png": what is on it, as the name of a file. mem_free frees. */
static char *default_name(const char *set, const char *attack, int augmented)
{
    char *name = mem_print("%s%s%s%s.png", attack ? attack : "", attack && set ? "-" : "", set ? set : "", augmented ? "-augmented" : "");
    for (char *c = name; *c; c++)
        if (strchr("/:+, ", *c)) *c = '-';
    return name;
}

static int check_flags(const char *set, const struct theft_options *o, const char *augment)
{
    if (!set && !o->attack) return err_set(ERR_OPTION, "found neither a set nor --attack, expected what to look at: heist peek mnist");
    if (o->attack && !o->victim) return err_set(ERR_OPTION, "--victim must be given: the checkpoint that %s asks", o->attack);
    if (o->victim && !o->attack) return err_set(ERR_OPTION, "--victim is given without --attack");
    if (o->attack && augment) return err_set(ERR_OPTION, "--augment and --attack are given, expected one of them");
    return OK;
}

int cmd_peek(int argc, char **argv)
{
    struct theft_options o = {.defense = "none", .label = "soft"};
    const char *out = NULL, *augment_text = NULL, *n_text = "100", *seed_text = "1";
    const struct cmd_flag flags[] = {{"--out", "FILE", "the PNG to write (a name made of what is on it)", &out, 0, NULL},
        {"--n", "N", "images, about (100)", &n_text, 0, NULL},
        {"--augment", "LIST", "one image a row, and what augmentation makes of it: crop4,flip", &augment_text, 0, NULL},
        {"--attack", "SPEC", "what an attack asks; SET is its pool, where it needs one", &o.attack, 0, NULL},
        {"--victim", "FILE", "the checkpoint that is attacked (heist train)", &o.victim, 0, NULL},
        {"--seed", "N", "seed of the choice, the augmentation and the attack (1)", &seed_text, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "peek [SET] [--augment LIST | --attack SPEC --victim FILE] [--out FILE.png]",
                    .about = "A contact sheet: a row is a class, or (of an attack) a moment, from its first query to its last.\n"
                             "SET is of its train split unless SET:split=test.", .flags = flags, .most = 1};
    struct augment augment = {0};
    struct dataset *d = NULL;
    struct page p = {0};
    char *name = NULL;
    int n = 0, code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("peek", code);
    const char *set = o.pool = c.words ? c.word[0] : NULL;
    code = check_flags(set, &o, augment_text);
    if (!code) code = read_n(&n, n_text);
    if (!code) code = cmd_seed(&o.seed, seed_text);
    if (!code && augment_text) code = augment_read(&augment, augment_text);
    if (!code && o.attack) code = peek_attack(&p, &o, n);
    else if (!code && !(code = dataset_open(&d, set, "train"))) peek_set(&p, d, &augment, n, o.seed);
    if (!code) name = out ? mem_string(out) : default_name(set, o.attack, augment_any(&augment));
    if (!code) code = sheet_write(name, p.shape, p.rows, p.columns, (const char *const *)p.label, (const uint8_t *const *)p.tile);
    if (!code) printf("%s: %d rows of %d images%s\n", name, p.rows, p.columns, augment_any(&augment) ? ", the first of each as it is" : "");
    page_free(&p);
    dataset_free(d);
    mem_free(name);
    return cmd_exit("peek", code);
}
