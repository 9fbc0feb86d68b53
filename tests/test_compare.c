/* What a report says beyond single cells: the worst case over attacks, and the paired test against the undefended victim. */
#include <math.h>

#include "base/hash.h"
#include "experiments/report.h"
#include "tests/scratch.h"

enum { DEFENSES = 3, ATTACKS = 3, SEEDS = 3 };
#define CLEAN "pbayes:budget=100:knowledge=clean"

/* Last accuracies: mad is lower for two attacks and as good as nothing for the third; ini is an upper bound throughout. */
static const double last[DEFENSES][ATTACKS][SEEDS] = {
    {{0.90, 0.92, 0.91}, {0.80, 0.70, 0.75}, {0.95, 0.95, 0.96}},
    {{0.50, 0.52, 0.51}, {0.60, 0.65, 0.70}, {0.96, 0.95, 0.95}},
    {{0.10, 0.11, 0.12}, {0.20, 0.21, 0.22}, {0.30, 0.31, 0.32}}};

static void write_results(const char *oracle) /* the third attack, which knows what none does */
{
    static const char *const defense[] = {"none", "mad:epsilon=1", "ini:gamma=0.3"};
    const char *const attack[] = {"knockoff:budget=100", "jbda:budget=100", oracle};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs("key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,victim_acc,defended_acc,clone_acc_last\n", f);
    for (int d = 0; d < DEFENSES; d++)
        for (int a = 0; a < ATTACKS; a++)
            for (int s = 0; s < SEEDS; s++)
                fprintf(f, "k%d%d%d,mnist,lenet5,%s,%s,fashion-mnist,,%d,soft,100,%d,ok,0.99,0.99,%.4f\n", d, a, s, defense[d], attack[a], d == 2, s + 1, last[d][a][s]);
    fclose(f);
    write_at("results.csv", text, strlen(text));
    free(text);
}

/* By hand: t = mean / (s / sqrt n), and tables of Student's distribution. */
static void the_paired_test_is_students(void)
{
    const double same[] = {0.1, 0.1, 0.1}, none[] = {0, 0}, one[] = {0.3}, four[] = {1, 2, 3, 4}, with_gap[] = {1, NAN, 2, 3, INFINITY, 4};
    CHECK_NEAR(stat_paired(same, 3), 0, 1e-9);
    CHECK_NEAR(stat_paired(none, 2), 1, 0);
    CHECK(isnan(stat_paired(one, 1)));
    CHECK_NEAR(stat_paired(four, 4), 0.030466, 1e-5);       /* t = 3.87298, 3 degrees of freedom */
    CHECK_NEAR(stat_paired(with_gap, 6), 0.030466, 1e-5);
    const double two[] = {1, 3};
    CHECK_NEAR(stat_paired(two, 2), 1 - 2 / M_PI * atan(2), 1e-9); /* t = 2 */
}

static void the_worst_case_is_the_best_attack(void)
{
    static const char *const oracle[] = {CLEAN, "average:budget=100:mode=ideal-attack:knowledge=members"};
    for (int i = 0; i < 2; i++) {
        struct report *r = NULL;
        write_results(oracle[i]);
        if (!CHECK_OK(report_load(&r, scratch))) return;
        CHECK_INT(r->sides, DEFENSES);
        const struct report_cell *none = report_worst(r, &r->side[0]), *mad = report_worst(r, &r->side[1]), *ini = report_worst(r, &r->side[2]);
        CHECK_NEAR(none->value[METRIC_LAST].mean, 0.91, 1e-9); /* the oracle steals more */
        CHECK_NEAR(mad->value[METRIC_LAST].mean, 0.65, 1e-9);
        CHECK(strstr(r->attack[mad->attack], "jbda") != NULL);
        CHECK(ini->flagged); /* there is nothing else */
        CHECK_NEAR(ini->value[METRIC_LAST].mean, 0.31, 1e-9);
        report_free(r);
    }
}

static void cells_are_compared_seed_by_seed(void)
{
    struct report *r = NULL;
    int lower;
    write_results(CLEAN);
    if (!CHECK_OK(report_load(&r, scratch))) return;
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i];
        const double p = report_against_undefended(r, c, &lower);
        if (c->defense == 0) {
            CHECK(isnan(p));
            continue;
        }
        double gap[SEEDS], mean = 0;
        for (int s = 0; s < SEEDS; s++) mean += gap[s] = last[c->defense][c->attack][s] - last[0][c->attack][s];
        CHECK_NEAR(p, stat_paired(gap, SEEDS), 1e-9);
        CHECK_INT(lower, mean < 0);
    }
    const struct report_cell *sure = report_find(r, 0, 1, 0), *unsure = report_find(r, 0, 1, 1);
    CHECK(report_against_undefended(r, sure, &lower) < 0.001 && lower);
    CHECK(report_against_undefended(r, unsure, &lower) > 0.05);
    report_free(r);
}

static void the_report_says_both(void)
{
    char *text = NULL, *path = path_of("report.md");
    size_t size;
    FILE *print = fopen("/dev/null", "w");
    write_results(CLEAN);
    CHECK_OK(report_write(scratch, print));
    fclose(print);
    if (CHECK_OK(file_read(&text, &size, path))) {
        CHECK(strstr(text, "worst case %") != NULL);
        CHECK(strstr(text, "65.00 ± 12.42, jbda") != NULL);
        CHECK(strstr(text, "51.00 ± 2.48** ↓↓↓") != NULL);
        CHECK(strstr(text, "plots/attack_defense.svg") != NULL);
    }
    mem_free(text);
    mem_free(path);
}

/* Budgets of one attack are one line; an attack with one budget is in no panel. */
static void budgets_become_a_curve(void)
{
    static const int budget[] = {10000, 300, 3000};
    char *text = NULL, *path = path_of("plots/budget.csv");
    size_t size;
    FILE *f = open_memstream(&text, &size), *print = fopen("/dev/null", "w");
    fputs("key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,victim_acc,defended_acc,clone_acc_last\n", f);
    for (int b = 0; b < 3; b++)
        for (int s = 1; s <= 2; s++)
            fprintf(f, "k%d%d,mnist,lenet5,none,knockoff:budget=%d:epochs=5,fashion-mnist,,0,soft,%d,%d,ok,0.99,0.99,%.4f\n", b, s, budget[b], budget[b], s, 0.1 * b + 0.02 * s);
    fputs("kj,mnist,lenet5,none,jbda:budget=300,fashion-mnist,,0,soft,300,1,ok,0.99,0.99,0.5\n", f);
    fclose(f);
    write_at("results.csv", text, strlen(text));
    free(text);
    text = NULL;
    CHECK_OK(report_write(scratch, print));
    fclose(print);
    if (CHECK_OK(file_read(&text, &size, path)))
        CHECK_STR(text, "attack,defense,budget,seeds,clone_acc,ci95\nknockoff,none,300,2,0.13,0.1270620474\nknockoff,none,3000,2,0.23,0.1270620474\nknockoff,none,10000,2,0.03,0.1270620474\n");
    mem_free(text);
    mem_free(path);
}

/* ---- where rows come from ----------------------------------------------------------------------------- */

static const char origin_head[] = "key,dataset,model,defense,attack,seed,status,version,pool,train_sha256,pool_sha256,machine,threads,kernels,openblas\n";
static const char origin_rows[][200] = {"k1,mnist:n=5,lenet5,none,knockoff,1,ok,v1,strokes:n=3,aaaa5678bbb,cccc5678ddd,CPU (4 cores),2,avx2,0.3 Core\n",
                                        "k2,mnist:n=5,lenet5,none,knockoff,2,ok,v2,strokes:n=3,aaaa5678bbb,eeee5678fff,CPU (4 cores),2,avx2,0.3 Core\n",
                                        "k3,mnist:n=5,lenet5,none,knockoff,3,ok,v2,strokes:n=3,aaaa5678bbb,cccc5678ddd,CPU (4 cores),2,avx2,0.3 Core\n",
                                        "k4,mnist:n=5,lenet5,none,knockoff,4,ok,v0,,,,,,,\n"};

/* The provenance of these rows, in this order; its line into *line, that the caller frees. */
static struct provenance *origin_of(int rows, const int *row, char **line)
{
    struct report *r = NULL;
    char *text = mem_string(origin_head);
    for (int i = 0; i < rows; i++) {
        char *longer = mem_print("%s%s", text, origin_rows[row[i]]);
        mem_free(text);
        text = longer;
    }
    write_at("results.csv", text, strlen(text));
    mem_free(text);
    if (!CHECK_OK(report_load(&r, scratch))) exit(1);
    struct provenance *p = provenance_of(r, -1);
    *line = provenance_line(p);
    report_free(r); /* the texts of p were its table's: its numbers stay */
    return p;
}

static void rows_say_where_they_come_from(void)
{
    char *line, *other, want[200], hash[HASH_TEXT];
    struct provenance *p = origin_of(1, (const int[]){0}, &line), *q;
    hash_bytes(hash, "k1\n", 3);
    snprintf(want, sizeof want, "options %.16s; heist v1 on CPU (4 cores), 2 threads, avx2, OpenBLAS 0.3 Core; data mnist (train) aaaa5678, strokes (pool) cccc5678", hash);
    CHECK_STR(line, want);
    mem_free(line);
    provenance_free(p);

    p = origin_of(4, (const int[]){0, 1, 2, 3}, &line);
    q = origin_of(4, (const int[]){3, 1, 0, 2}, &other);
    CHECK_INT(p->origins, 3); /* v1, v2, v0 */
    CHECK_INT(p->origin[1].rows, 2);
    CHECK_INT(p->sets, 3); /* one training set, two pools of one name */
    CHECK_STR(p->options, q->options);
    CHECK(strstr(line, "heist v1 on CPU") && strstr(line, ", and heist v2 on CPU") && strstr(line, ", and 1 more; data"));
    mem_free(line);
    mem_free(other);
    provenance_free(p);
    provenance_free(q);

    p = origin_of(1, (const int[]){3}, &line);
    CHECK(strstr(line, "heist v0 on a machine that the rows do not name; data without checksums"));
    mem_free(line);
    provenance_free(p);
}

/* An attack that trains on the way has a point for each number of queries: its last epoch there, over seeds; knockoff has no panel. */
static void what_an_attack_had_on_its_way_is_a_curve(void)
{
    char *text = NULL, *path = path_of("plots/queries.csv");
    size_t size;
    FILE *f = open_memstream(&text, &size), *print = fopen("/dev/null", "w");
    fputs("key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,victim_acc,defended_acc,clone_acc_last\n", f);
    for (int s = 1; s <= 2; s++) fprintf(f, "j%d,mnist,lenet5,none,jbda:budget=450,,,0,soft,450,%d,ok,0.99,0.99,0.5\n", s, s);
    fputs("k1,mnist,lenet5,none,knockoff:budget=450,fashion-mnist,,0,soft,450,1,ok,0.99,0.99,0.5\n", f);
    fclose(f);
    write_at("results.csv", text, strlen(text));
    free(text);
    text = NULL;
    f = open_memstream(&text, &size);
    fputs("key,queries,epoch,clone_acc\n", f);
    for (int s = 1; s <= 2; s++)
        for (int e = 1; e <= 4; e++) fprintf(f, "j%d,%d,%d,%.4f\n", s, e <= 2 ? 150 : 450, e, 0.1 * e + 0.02 * s);
    fputs("k1,450,1,0.4\nk1,450,2,0.5\n", f);
    fclose(f);
    write_at("curve.csv", text, strlen(text));
    free(text);
    text = NULL;
    CHECK_OK(report_write(scratch, print));
    fclose(print);
    if (CHECK_OK(file_read(&text, &size, path)))
        CHECK_STR(text, "attack,defense,queries,seeds,clone_acc,ci95\njbda,none,150,2,0.23,0.1270620474\njbda,none,450,2,0.43,0.1270620474\n");
    mem_free(text);
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(scratch)) return 1;
    RUN(the_paired_test_is_students);
    RUN(the_worst_case_is_the_best_attack);
    RUN(cells_are_compared_seed_by_seed);
    RUN(the_report_says_both);
    RUN(budgets_become_a_curve);
    RUN(what_an_attack_had_on_its_way_is_a_curve);
    RUN(rows_say_where_they_come_from);
    remove_all(scratch);
    return check_done();
}
