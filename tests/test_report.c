/* Reports: statistics by hand, labels, and the numbers in the tables. */
#include "tests/report_scene.h"

/* ---- statistics ------------------------------------------------------------------------- */

static void students_t(void)
{
    static const struct {
        int df;
        double t;
    } table[] = {/* any printed table */
                 {1, 12.7062}, {2, 4.3027},  {3, 3.1824},  {4, 2.7764},   {5, 2.5706},
                 {9, 2.2622},  {10, 2.2281}, {30, 2.0423}, {120, 1.9799}, {100000, 1.9600}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) CHECK_NEAR(stat_t975(table[i].df), table[i].t, 1e-4);
}

static void intervals_by_hand(void)
{
    const double three[] = {1, NAN, 2, 3, INFINITY}, two[] = {0.5, 0.7}, same[] = {4, 4, 4, 4};
    struct stat_mean s = stat_of(three, 5);
    CHECK_INT(s.n, 3);
    CHECK_NEAR(s.mean, 2, 1e-12);
    CHECK_NEAR(s.half, 2.484138, 1e-5); /* 4.302653 * 1 / sqrt(3) */
    s = stat_of(two, 2);
    CHECK_NEAR(s.mean, 0.6, 1e-12);
    CHECK_NEAR(s.half, 1.270620, 1e-5); /* 12.70620 * 0.1414214 / sqrt(2) */
    s = stat_of(same, 4);
    CHECK_NEAR(s.half, 0, 0);
    s = stat_of(same, 1);
    CHECK_NEAR(s.mean, 4, 0);
    CHECK(isnan(s.half));
    s = stat_of(three + 1, 1);
    CHECK_INT(s.n, 0);
    CHECK(isnan(s.mean));
}

static void numbers_as_text(void)
{
    char buf[STAT_TEXT];
    CHECK_STR(stat_text(buf, (struct stat_mean){3, 0.8863, 0.00414}, METRIC_LAST), "88.63 ± 0.41");
    CHECK_STR(stat_text(buf, (struct stat_mean){1, 0.8863, NAN}, METRIC_LAST), "88.63");
    CHECK_STR(stat_text(buf, (struct stat_mean){0, NAN, NAN}, METRIC_LAST), "-");
    CHECK_STR(stat_text(buf, (struct stat_mean){3, 50000, 0}, METRIC_TOTAL), "50,000");
    CHECK_STR(stat_text(buf, (struct stat_mean){1, 999, NAN}, METRIC_TOTAL), "999");
    CHECK_STR(stat_text(buf, (struct stat_mean){1, 1234567, NAN}, METRIC_DISTINCT), "1,234,567");
    CHECK_STR(stat_text(buf, (struct stat_mean){2, 0.5, 0.25}, METRIC_RATIO), "0.500 ± 0.250");
    CHECK_STR(stat_text(buf, (struct stat_mean){1, 12.25, NAN}, METRIC_QUERY_US), "12.2");
}

/* ---- labels ----------------------------------------------------------------------------- */

static void check_labels(int n, const char *const *spec, int extras, const struct label_extra *extra,
                         const char *const *value, const char *const *want)
{
    char **label = labels_new(n, spec, extras, extra, value);
    for (int i = 0; i < n; i++) CHECK_STR(label[i], want[i]);
    labels_free(label, n);
}

static void labels_show_what_differs(void)
{
    static const char *const spec[] = {"mad:epsilon=0.5:oracle=argmax", "mad:epsilon=1:oracle=argmax", "none",
                                       "ini:a=1+topk:k=3", "ini:a=1+topk:k=5"};
    static const char *const want[] = {"mad epsilon=0.5", "mad epsilon=1", "none", "ini+topk k=3", "ini+topk k=5"};
    check_labels(5, spec, 0, NULL, NULL, want);
    check_labels(1, spec, 0, NULL, NULL, (const char *const[]){"mad"});
}

static void labels_with_columns(void)
{
    static const struct label_extra extra[] = {{"label", NULL}, {"budget", NULL}, {"pool", "pool"}};
    static const char *const spec[] = {"knockoff:budget=1000:lr=1", "knockoff:budget=50000:lr=1",
                                       "knockoff:budget=50000:lr=1", "jbda"};
    static const char *const value[] = {"soft", "1k",  "mnist", "soft", "50k", "mnist",
                                        "soft", "50k", "noise", "hard", "1k",  ""};
    static const char *const want[] = {"knockoff 1k pool=mnist", "knockoff 50k pool=mnist", "knockoff 50k pool=noise",
                                       "jbda"};
    check_labels(4, spec, 3, extra, value, want);
}

static void labels_are_unique_whatever_comes(void)
{
    static const char *const spec[] = {"none", "none", "a:=", "", "x\ny", "none"};
    static const char *const want[] = {"none", "none #2", "a:=", "?", "x y", "none #3"};
    check_labels(6, spec, 0, NULL, NULL, want);
    static const char *const optional[] = {"a", "a:k=1"}, *const shown[] = {"a", "a k=1"};
    check_labels(2, optional, 0, NULL, NULL, shown);
}

static void counts_are_short(void)
{
    static const char *const pair[][2] = {{"50000", "50k"},  {"1500", "1.5k"},    {"1234", "1234"}, {"100", "100"},
                                          {"2000000", "2M"}, {"1500000", "1.5M"}, {"1e4", "10k"},   {"all", "all"},
                                          {"", ""},          {"0.5", "0.5"}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        char *text = label_count(pair[i][0]);
        CHECK_STR(text, pair[i][1]);
        mem_free(text);
    }
}

static void markdown_is_escaped(void)
{
    char *text = md_text("a|b*c_d\n<x>");
    CHECK_STR(text, "a\\|b\\*c\\_d \\<x\\>");
    mem_free(text);
}

/* ---- reports ---------------------------------------------------------------------------- */

static void expected_numbers(void)
{
    put_sample();
    char *text = printed(0), *md = get("report.md"), *bars = get("plots/clone_accuracy.csv"),
         *trade = get("plots/tradeoff.csv");
    /* seeds give 0.91, 0.92, 0.93: mean 0.92, sd 0.01, half 4.302653 * 0.01 / sqrt(3) = 0.02484 */
    HAS(md, "| none                       |    99.00 ± 0.00 |      92.00 ± 2.48, knockoff soft |          92.00 ± 2.48 |          82.00 ± 2.48 |");
    HAS(md,
        "| ini ood=strokes            |    98.00 ± 0.00 |      72.00 ± 2.48, knockoff soft |  **72.00 ± 2.48** ↓↓↓ |  **62.00 ± 2.48** ↓↓↓ |"); /* upper bounds do not compete */
    HAS(md, "| ini ood=fashion-mnist (\\*) |    97.00 ± 0.00 | 52.00 ± 2.48, knockoff soft (\\*) | 52.00 ± 2.48 ↓↓↓ (\\*) | 42.00 ± 2.48 ↓↓↓ (\\*) |");
    HAS(md,
        "| none                       | knockoff soft |     3 | 92.00 ± 2.48 | 90.00 ± 0.00 | 95.00 ± 0.00 | 0.700 ± 0.000 | 50.00 ± 0.00 |  "
        "50,000 |   49,999 |");
    HAS(md, "| ini ood=strokes            |  98.00 ± 0.00 |    98.00 ± 0.00 | 1.000 ± 0.000 |");
    HAS(md, "18 rows, 0 failed; 1 victim, 3 defenses, 2 attacks, 3 seeds");
    HAS(md, "upper bound");
    HAS(md, "(plots/training_curves.svg)");
    HAS(text, "mnist / lenet5");
    HAS(text, "ini ood=strokes: victim 98.00 ± 0.00, defended 98.00 ± 0.00, L1 1.000 ± 0.000");
    HAS(text, "knockoff soft (*)");
    HAS(bars, "0.8,none,1,knockoff soft,0,3,0,,0.92,0.02484137");
    HAS(trade, "2,ini ood=strokes,1,knockoff soft,0,1,0.98,0,0.72,0.0248413");
    mem_free(trade);
    mem_free(bars);
    mem_free(md);
    free(text);
}

static void curves_are_averaged(void)
{
    put_sample();
    free(printed(0));
    char *csv = get("plots/training_curves.csv");
    HAS(csv,
        "1,knockoff soft,1,none,1,1,0,2,0.6,1.270620474\n1,knockoff soft,1,none,2,1,0,2,0.6,0\n"); /* seeds 0.5, 0.7; 0.6, 0.6 */
    CHECK(!strstr(csv, "0.1\n"));                                                                  /* a key without a row */
    mem_free(csv);
}

static void rounds_stand_in_sequence(void)
{
    struct report *r = NULL;
    char *text = sample();
    clear();
    put("results.csv", text);
    /* round 2 first in the file; one epoch written twice, as a killed run does; one without a number */
    put("curve.csv",
        "key,queries,epoch,clone_acc\nk100,200,1,0.3\nk100,200,2,0.4\nk100,100,1,0.9\nk100,100,2,0.2\nk100,100,1,0.1\nk100,100,3,nan\n");
    if (CHECK_OK(report_load(&r, dir))) {
        static const double acc[] = {0.1, 0.2, 0.3, 0.4};
        CHECK_INT(r->points, 4);
        for (int i = 0; i < r->points; i++) {
            CHECK_INT(r->point[i].x, i + 1);
            CHECK_INT(r->point[i].round, i / 2);
            CHECK_NEAR(r->point[i].acc, acc[i], 0);
        }
    }
    report_free(r);
    free(text);
}

static void one_seed_has_no_interval(void)
{
    clear();
    char *rows =
        mem_print("%sk1,mnist,lenet5,none,jbda,,,0,soft,,1,ok,,0.99,0.99,0,0.5,0.5,0.5,0.5,0.5,6400,6400,1\n", head);
    put("results.csv", rows);
    char *text = printed(0), *md = get("report.md");
    HAS(text, "  jbda       50.00  50.00  50.00      0.500     50.00    6,400");
    CHECK(!strstr(text, "±") && !strstr(md, "±"));
    HAS(md, "No training curves");
    mem_free(md);
    free(text);
    mem_free(rows);
}

/* Three seeds each; a is clearly above the undefended row, b overlaps it, c is not a point above. */
static void what_gives_more_than_the_undefended_victim_is_listed(void)
{
    static const double acc[4][3] = {{0.50, 0.51, 0.52}, {0.60, 0.61, 0.62}, {0.40, 0.55, 0.67}, {0.51, 0.515, 0.52}};
    static const char *const name[] = {"none", "a", "b", "c"};
    char *rows = mem_string("key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,clone_acc_last\n");
    for (int d = 0; d < 4; d++)
        for (int s = 0; s < 3; s++) {
            char *more = mem_print("%sk%d%d,m,l,%s,jbda,,,0,soft,10,%d,ok,%g\n", rows, d, s, name[d], s, acc[d][s]);
            mem_free(rows);
            rows = more;
        }
    clear();
    put("results.csv", rows);
    char *text = printed(0), *md = get("report.md"), *at = strstr(md, "### More than the undefended victim gives");
    if (CHECK(at != NULL)) {
        at[4 + strcspn(at + 4, "#")] = 0; /* the section alone */
        HAS(at, "apart: not chance");
        HAS(at, "intervals overlap");
        CHECK(!strstr(at, "| c "));
    }
    mem_free(md);
    free(text);
    mem_free(rows);
}

/* The column `audit` marks a cell where a word has '!', and each triple of sets is listed once. */
static void what_the_audit_found_is_told(void)
{
    clear();
    put("results.csv", "key,dataset,model,defense,attack,pool,ood,label,budget,seed,audit,status,clone_acc_last\n"
                       "k1,m,l,none,knockoff,p,,soft,10,1,test~train:3,ok,0.5\nk2,m,l,none,knockoff,p,,soft,10,2,test~train:3,ok,0.5\n"
                       "k3,m,l,mad,knockoff,p,o,soft,10,1,lossy:m pool~test:9! ood~pool:2,ok,0.25\n");
    char *text = printed(0), *md = get("report.md"), *tex = get("tables/clone_accuracy.tex"), *at = strstr(md, "## The data");
    HAS(md, "25.00** (§)");
    HAS(md, "(§) The data put the number in doubt");
    CHECK(!strstr(md, "50.00 (§)"));
    if (CHECK(at != NULL)) {
        HAS(at, "lossy:m pool\\~test:9! ood\\~pool:2");
        char *first = strstr(at, "test\\~train:3");
        CHECK(first && !strstr(first + 1, "test\\~train:3"));
    }
    HAS(tex, "25.00}\\,\\S{}");
    HAS(text, "(§) the data put the number in doubt");
    mem_free(tex);
    mem_free(md);
    free(text);
}

static void a_key_counts_once(void)
{
    struct report *r = NULL;
    clear();
    char *rows =
        mem_print("%sk1,m,l,none,a,,,0,soft,,1,numeric,NaN,,,,,,,,,,,\nk2,m,l,none,b,,,0,soft,,1,ok,,,,,0.2,,,,,,,\n"
                  "k1,m,l,none,a,,,0,soft,,1,ok,,,,,0.5,,,,,,,\n",
                  head);
    put("results.csv", rows);
    if (CHECK_OK(report_load(&r, dir))) {
        CHECK_INT(r->rows, 2);
        CHECK_INT(r->failed, 0);
        CHECK_INT(r->repeated, 0);
        CHECK_STR(r->attack[0], "a");
        CHECK_NEAR(r->cell[0].value[METRIC_LAST].mean, 0.5, 0);
    }
    report_free(r);
    mem_free(rows);
}

/* Rows that differ in what the report does not know are one seed, not two. */
static void rows_of_one_seed_are_one_value(void)
{
    struct report *r = NULL;
    clear();
    char *rows =
        mem_print("%sk1,m,l,none,a,,,0,soft,,1,ok,,,,,0.2,,,,,,,\nk2,m,l,none,a,,,0,soft,,1,ok,,,,,0.4,,,,,,,\n", head);
    put("results.csv", rows);
    if (CHECK_OK(report_load(&r, dir))) {
        CHECK_INT(r->cells, 1);
        CHECK_INT(r->repeated, 1);
        CHECK_INT(r->cell[0].value[METRIC_LAST].n, 1);
        CHECK_NEAR(r->cell[0].value[METRIC_LAST].mean, 0.3, 1e-12);
    }
    report_free(r);
    mem_free(rows);
}

static void failures_are_listed(void)
{
    clear();
    char *rows = mem_print(
        "%sk1,m,l,none,a,,,0,soft,,1,numeric,loss is NaN | at 3,,,,,,,,,,,\nk2,m,l,none,a,,,0,soft,,2,ok,,,,,0.5,,,,,,,\n"
        "k3,m,l,mad,a,,,0,soft,,1,budget,too few,,,,,,,,,,,\n",
        head);
    put("results.csv", rows);
    char *text = printed(1), *md = get("report.md");
    HAS(text, "mad: victim -, defended -, L1 -, query - us\n  a: failed: too few\n");
    HAS(text, "2 of 3 rows failed");
    HAS(md, "| none    | a      | 1 of 2 |");
    HAS(md, "| mad     |               - |    failed |");
    HAS(md, "| none    | a      | 1    | numeric | loss is NaN \\| at 3 |");
    mem_free(md);
    free(text);
    mem_free(rows);
}

static void text_fits_120_columns(void)
{
    char *longest = mem_new(300, 1), *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    clear();
    memset(longest, 'm', 299);
    fputs(head, f);
    for (int s = 1; s < 4; s++)
        fprintf(f, "k%d,mnist,%s,%s,%s,,,0,soft,,%d,ok,,0.9%d,0.9,0.5,0.2%d,0.3%d,0.1%d,0.7%d,0.5%d,5000000,5000000,1%d\n",
                s, longest, longest, longest, s, s, s, s, s, s, s, s);
    fprintf(f, "k9,mnist,%s,%s,b,,,0,soft,,1,numeric,%s,,,,,,,,,,,\n", longest, longest, longest);
    fclose(f);
    put("results.csv", text);
    free(text);
    text = printed(0);
    int columns = 0, most = 0;
    for (const char *c = text; *c; c++) {
        columns = *c == '\n' ? 0 : columns + (((unsigned char)*c & 0xc0) != 0x80);
        if (columns > most) most = columns;
    }
    CHECK(most <= 120 && most > 100);
    HAS(text, "  mmm");
    free(text);
    mem_free(longest);
}

int main(void)
{
    if (scene_open()) return EXIT_FAILURE;
    RUN(students_t);
    RUN(intervals_by_hand);
    RUN(numbers_as_text);
    RUN(labels_show_what_differs);
    RUN(labels_with_columns);
    RUN(labels_are_unique_whatever_comes);
    RUN(counts_are_short);
    RUN(markdown_is_escaped);
    RUN(expected_numbers);
    RUN(curves_are_averaged);
    RUN(rounds_stand_in_sequence);
    RUN(one_seed_has_no_interval);
    RUN(what_gives_more_than_the_undefended_victim_is_listed);
    RUN(what_the_audit_found_is_told);
    RUN(a_key_counts_once);
    RUN(rows_of_one_seed_are_one_value);
    RUN(failures_are_listed);
    RUN(text_fits_120_columns);
    return scene_close();
}
