/* Reports: statistics by hand, labels, the numbers in the tables, the same bytes from the same files, what is missing. */
#include <cjson/cJSON.h>
#include <glob.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "experiments/report.h"
#include "tests/check.h"

static char root[] = "/tmp/heist-report-XXXXXX", dir[64];

/* ---- helpers ---------------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
    char *path = mem_print("%s/%s", dir, name);
    CHECK_OK(file_write(path, text, strlen(text)));
    mem_free(path);
}

/* A file below dir; mem_free frees. "" where there is none. */
static char *get(const char *name)
{
    char *path = mem_print("%s/%s", dir, name), *text = NULL;
    size_t size;
    if (file_read(&text, &size, path)) text = mem_string("");
    mem_free(path);
    return text;
}

static int exists(const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    int there = file_exists(path);
    mem_free(path);
    return there;
}

static void remove_all(const char *pattern)
{
    char *path = mem_print("%s/%s", dir, pattern);
    glob_t g;
    if (glob(path, 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) unlink(g.gl_pathv[i]);
        globfree(&g);
    }
    mem_free(path);
}

static void clear(void)
{
    remove_all("plots/*");
    remove_all("tables/*");
    remove_all("*.csv");
    remove_all("*.md");
    remove_all("*.html");
    remove_all("*.tex");
}

static void has(const char *text, const char *part, int line)
{
    if (strstr(text, part)) return;
    check_bad++;
    printf("%s:%d: '%s' is missing in:\n%s\n", __FILE__, line, part, text);
}
#define HAS(text, part) has(text, part, __LINE__)

/* The report of dir's files as printed; free() frees. Without gnuplot, which most tests do not need and which takes time. */
static char *printed(int draw)
{
    char *text = NULL, *path = mem_string(getenv("PATH"));
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!draw) setenv("PATH", "/nonexistent", 1);
    int quiet = draw ? -1 : dup(2); /* the line that says so is tested elsewhere */
    if (!draw && !freopen("/dev/null", "w", stderr)) abort();
    CHECK_OK(report_write(dir, f));
    if (!draw) {
        fflush(stderr);
        dup2(quiet, 2);
        close(quiet);
    }
    setenv("PATH", path, 1);
    mem_free(path);
    fclose(f);
    return text;
}

static const char head[] =
    "key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,error,victim_acc,defended_acc,"
    "mean_l1,clone_acc_last,clone_acc_val,clone_acc_best,clone_ratio,fidelity,queries_total,queries_distinct,query_us\n";

/* Two defenses (one with two OOD sets) by two attacks by three seeds. */
static char *sample(void)
{
    static const char *const defense[3][4] = {{"none", "", "0", "0.99"},
                                              {"ini:gamma=0.3:beta=0", "strokes:n=5:seed=0", "0", "0.98"},
                                              {"ini:gamma=0.3:beta=0", "fashion-mnist:split=train", "1", "0.97"}};
    static const char *const label[2] = {"soft", "hard"};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs(head, f);
    for (int s = 1; s <= 3; s++)
        for (int d = 0; d < 3; d++)
            for (int a = 0; a < 2; a++)
                fprintf(
                    f,
                    "k%d%d%d,mnist:split=train,lenet5,%s,knockoff:epochs=10,fashion-mnist:split=train,%s,%s,%s,50000,%d,ok,,%s,%s,"
                    "%d,%.4f,%.4f,%.4f,%.3f,0.5,50000,49999,12.25\n",
                    s, d, a, defense[d][0], defense[d][1], defense[d][2], label[a], s, defense[d][3], defense[d][3], d,
                    0.9 - 0.2 * d - 0.1 * a + 0.01 * s, 0.9 - 0.2 * d, 0.95 - 0.2 * d, 0.7);
    fclose(f);
    return text;
}

static void put_sample(void)
{
    char *text = sample();
    clear();
    put("results.csv", text);
    put("curve.csv", "key,queries,epoch,clone_acc\nk100,0,1,0.5\nk100,0,2,0.6\nk200,0,1,0.7\nk200,0,2,0.6\nk999,0,1,0.1\n");
    free(text);
}

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

static int have_gnuplot(void)
{
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static void check_drawn(const char *name)
{
    char *svg = mem_print("plots/%s.svg", name), *png = mem_print("plots/%s.png", name), *pdf = mem_print("plots/%s.pdf", name);
    char *text = get(svg), *bytes = get(png), *page = get(pdf);
    HAS(text, "</svg>");
    CHECK(memcmp(page, "%PDF", 4) == 0);
    CHECK(memcmp(bytes, "\x89PNG", 4) == 0);
    mem_free(page);
    mem_free(bytes);
    mem_free(text);
    mem_free(pdf);
    mem_free(png);
    mem_free(svg);
}

/* The data of report.html, parsed; cJSON_Delete frees. */
static cJSON *page_data(void)
{
    static const char start[] = "id=\"data\">";
    char *page = get("report.html"), *from = strstr(page, start), *end = from ? strstr(from, "</script>") : NULL;
    CHECK(from && end && strstr(end, "<script>") && !strstr(page, "@DATA@"));
    cJSON *json = from && end ? cJSON_ParseWithLength(from + strlen(start), (size_t)(end - from) - strlen(start)) : NULL;
    CHECK(json);
    mem_free(page);
    return json;
}

static double item(const cJSON *json, const char *object, const char *list, int i)
{
    const cJSON *of = cJSON_GetObjectItem(json, object);
    const cJSON *value = cJSON_GetArrayItem(cJSON_GetObjectItem(of, list), i);
    return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

/* A row's text of a column as the page finds it. */
static const char *page_text(const cJSON *json, const char *name, int row)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, cJSON_GetObjectItem(json, "columns"))
        if (strcmp(cJSON_GetObjectItem(c, "name")->valuestring, name) == 0)
            return cJSON_GetArrayItem(cJSON_GetObjectItem(c, "text"), cJSON_GetArrayItem(cJSON_GetObjectItem(c, "row"), row)->valueint)->valuestring;
    return "";
}

static void the_page_has_the_numbers(void)
{
    put_sample();
    free(printed(0));
    cJSON *json = page_data();
    const cJSON *last = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "metric"), "clone_acc_last");
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "row"), "victim")), 18);
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "cell"), "rows")), 6);
    CHECK_NEAR(item(json, "cell", "rows", 0), 3, 0);
    CHECK_NEAR(cJSON_GetArrayItem(cJSON_GetObjectItem(last, "mean"), 0)->valuedouble, 0.92, 1e-6); /* 0.91, 0.92, 0.93 */
    CHECK_NEAR(cJSON_GetArrayItem(cJSON_GetObjectItem(last, "half"), 0)->valuedouble, 4.30265 * 0.01 / sqrt(3), 1e-5);
    CHECK_STR(page_text(json, "key", 0), "k100");
    CHECK_STR(page_text(json, "key", 1), "k200");
    CHECK_STR(page_text(json, "clone_acc_last", 1), "0.9200");
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "curve"), "row")), 4);
    CHECK_NEAR(item(json, "curve", "row", 2), 1, 0); /* k200 */
    CHECK_NEAR(item(json, "curve", "acc", 2), 0.7, 1e-6);
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(json, "figures")), 0); /* nothing was drawn */
    cJSON_Delete(json);
}

static void no_text_ends_the_pages_script(void)
{
    static const char evil[] = "</script><script>x</script><!-- \\ \t ' & \xe2\x80\xa8";
    char *text = mem_print("%sk1,mnist,lenet5,none,knockoff:a=%s,,,0,soft,5,1,numeric,\"%s\",,,,,,,,,,,\n", head, evil, evil);
    clear();
    put("results.csv", text);
    free(printed(0));
    mem_free(text);
    cJSON *json = page_data();
    CHECK_STR(page_text(json, "error", 0), evil);
    char *page = get("report.html");
    const char *first = strstr(page, "</script>"), *second = first ? strstr(first + 1, "</script>") : NULL;
    CHECK(second && !strstr(second + 1, "</script>")); /* of the data, and of the page's own */
    mem_free(page);
    cJSON_Delete(json);
}

static void same_files_same_bytes(void)
{
    static const char *const name[] = {
        "report.md", "report.html", "plots/clone_accuracy.svg", "plots/clone_accuracy.png", "plots/training_curves.svg",
        "plots/tradeoff.svg", "plots/tradeoff.gp",        "plots/tradeoff.csv"};
    enum { NAMES = sizeof name / sizeof *name };
    char *before[NAMES];
    put_sample();
    free(printed(1));
    for (int i = 0; i < NAMES; i++) before[i] = get(name[i]);
    if (have_gnuplot()) {
        check_drawn("clone_accuracy");
        check_drawn("training_curves");
        check_drawn("tradeoff");
    }
    free(printed(1));
    for (int i = 0; i < NAMES; i++) {
        char *after = get(name[i]);
        CHECK(strcmp(before[i], after) == 0);
        mem_free(after);
        mem_free(before[i]);
    }
}

static void scripts_run_alone(void)
{
    if (!have_gnuplot()) return;
    put_sample();
    free(printed(0));
    CHECK(!exists("plots/tradeoff.svg"));
    char *command = mem_print("cd %s/plots && gnuplot tradeoff.gp", dir);
    CHECK_INT(system(command), 0);
    check_drawn("tradeoff");
    mem_free(command);
}

/* Names that would mean something to a shell, to gnuplot or to CSV. */
static void hostile_names(void)
{
    clear();
    char *rows = mem_print(
        "%sk1,\"m'n\",\"l`touch pwned`\",\"a\"\"b,c\",\"x'.system('touch pwned').'\",,,0,soft,,1,ok,,0.9,0.9,,0.5,,,,,,,\n"
        "k2,\"m'n\",\"l`touch pwned`\",@{_^\\n,|,,,0,soft,,1,ok,,0.9,0.9,,0.5,,,,,,,\n",
        head);
    put("results.csv", rows);
    put("curve.csv", "key,queries,epoch,clone_acc\nk1,0,1,0.5\n");
    free(printed(1));
    if (have_gnuplot()) {
        check_drawn("clone_accuracy");
        check_drawn("training_curves");
        check_drawn("tradeoff");
    }
    CHECK(!exists("plots/pwned") && !file_exists("pwned"));
    mem_free(rows);
}

/* Settings of a defense are one curve where they differ in one number, in the order of that number. */
static void a_curve_for_each_knob(void)
{
    static const char *const defense[] = {"none", "mad:epsilon=1:oracle=argmax", "mad:epsilon=0.2:oracle=argmax", "mad:epsilon=0.2:oracle=extreme", "topk:k=10", "topk:k=9"};
    char *rows = mem_string(head);
    clear();
    for (int i = 0; i < 6; i++) {
        char *more = mem_print("%sk%d,mnist,lenet5,%s,a,,,0,soft,,1,ok,,0.9,%.1f,,0.5,,,,,,,\n", rows, i, defense[i], 0.9 - 0.1 * i);
        mem_free(rows);
        rows = more;
    }
    put("results.csv", rows);
    free(printed(0));
    char *data = get("plots/knob.csv"), *md = get("report.md");
    HAS(data, "a,none,none,,0.9,,0.5,\n"
              "a,mad oracle=argmax (epsilon),mad epsilon=0.2 oracle=argmax,0.2,0.7,,0.5,\n"
              "a,mad oracle=argmax (epsilon),mad epsilon=1 oracle=argmax,1,0.8,,0.5,\n"
              "a,mad epsilon=0.2 oracle=extreme,mad epsilon=0.2 oracle=extreme,,0.6,,0.5,\n"
              "a,topk (k),topk k=9,9,0.4,,0.5,\n"
              "a,topk (k),topk k=10,10,0.5,,0.5,\n");
    HAS(md, "plots/knob.pdf");
    if (have_gnuplot()) {
        free(printed(1));
        check_drawn("knob");
    }
    put_sample(); /* a defense of one setting alone has no knob */
    free(printed(0));
    CHECK(!exists("plots/knob.csv"));
    mem_free(md);
    mem_free(data);
    mem_free(rows);
}

static void latex_tables(void)
{
    put_sample();
    free(printed(0));
    char *table = get("tables/clone_accuracy.tex"), *paper = get("report.tex");
    HAS(table, "\\begin{tabular}{@{}lrrrr@{}}\n\\toprule\ndefense ");
    HAS(table, " & 92.00 $\\pm$ 2.48, knockoff soft ");
    HAS(table, " & \\textbf{72.00 $\\pm$ 2.48}$^{***}$ & \\textbf{62.00 $\\pm$ 2.48}$^{***}$ \\\\\n");
    HAS(table, "ini ood=fashion-mnist\\,\\ddag{} & ");
    HAS(table, "\\bottomrule\n\\end{tabular}\n");
    HAS(paper, "\\input{tables/clone_accuracy}");
    HAS(paper, "\\input{tables/costs}");
    HAS(paper, "\\IfFileExists{plots/tradeoff.pdf}");
    HAS(paper, "\\ddag{}: the defender trained on the attacker's own query pool");
    CHECK(!strstr(paper, "\\dag{}: the attacker"));
    mem_free(paper);
    mem_free(table);
}

static void latex_text(void)
{
    static const char *const pair[][2] = {{"a_b{c}$d&e#f%g", "a\\_b\\{c\\}\\$d\\&e\\#f\\%g"},
                                          {"\\input{/etc/passwd}", "\\textbackslash{}input\\{/etc/passwd\\}"},
                                          {"1.5 ± 0.1", "1.5 $\\pm$ 0.1"},
                                          {"é ☃\t~^", "é ? \\textasciitilde{}\\textasciicircum{}"},
                                          {"\xff\xc3", "??"}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        char *text = tex_text(pair[i][0]);
        if (strcmp(text, pair[i][1])) printf("%s:%d: '%s', expected '%s'\n", __FILE__, __LINE__, text, pair[i][1]), check_bad++;
        mem_free(text);
    }
}

static void turned_grids(void)
{
    struct grid *g = grid_new("lrr");
    grid_head(g, (const char *const[]){"d", "x", "y"});
    grid_row(g);
    grid_put(g, 0, "none");
    grid_put(g, 2, "7");
    grid_mark(g, 2, (struct grid_mark){.bold = 1, .sure = 2});
    struct grid *t = grid_turned(g);
    CHECK_INT(t->rows, 3);
    CHECK_INT(t->columns, 2);
    CHECK(strcmp(t->cell[1], "none") == 0 && strcmp(t->cell[4], "y") == 0 && strcmp(t->cell[5], "7") == 0);
    CHECK(t->mark[5].bold && t->mark[5].sure == 2 && !t->mark[4].bold);
    grid_free(t);
    grid_free(g);
}

static void several_victims(void)
{
    clear();
    char *rows = mem_print(
        "%sk1,mnist,lenet5,none,a,,,0,soft,,1,ok,,0.9,0.9,,0.5,,,,,,,\nk2,mnist:n=5,lenet5,none,b,,,0,soft,,1,ok,,0.9,0.9,,0.5,,,,,,,\n",
        head);
    put("results.csv", rows);
    char *text = printed(0), *md = get("report.md");
    HAS(md, "## mnist / lenet5");
    HAS(md, "## mnist n=5 / lenet5");
    HAS(md, "plots/tradeoff-2-mnist-n-5-lenet5.svg");
    HAS(text, "mnist n=5 / lenet5");
    CHECK(exists("plots/clone_accuracy-1-mnist-lenet5.csv"));
    mem_free(md);
    free(text);
    mem_free(rows);
}

static void other_columns_and_torn_lines(void)
{
    struct report *r = NULL;
    clear();
    put("results.csv", "future,attack,defense,status,seed,model,dataset\n1,a,none,ok,1,l,m\n2,b,none,ok,1,l,m\n3,c,no");
    if (CHECK_OK(report_load(&r, dir))) {
        CHECK_INT(r->rows, 2); /* rows without a key are all different */
        CHECK_INT(r->cells, 2);
        CHECK(isnan(r->cell[0].value[METRIC_LAST].mean));
    }
    report_free(r);
    free(printed(1));
}

static void nothing_to_report(void)
{
    clear();
    CHECK_ERR(report_write(dir, NULL), ERR_MISSING, "results.csv");
    put("results.csv", head);
    CHECK_ERR(report_write(dir, NULL), ERR_MISSING, "holds no rows yet");
    put("results.csv", "");
    CHECK_ERR(report_write(dir, NULL), ERR_MISSING, "holds no rows yet");
    put("results.csv", "key,defense\n1,none\n");
    CHECK_ERR(report_write(dir, NULL), ERR_FORMAT, "has no column 'dataset'");
    put("results.csv", "key\n1,2\n3\n");
    CHECK_ERR(report_write(dir, NULL), ERR_FORMAT, "line 2: 2 fields, expected 1");
    CHECK(!exists("report.md"));
}

static void without_gnuplot_the_tables_stand(void)
{
    put_sample();
    free(printed(0));
    CHECK(exists("report.md") && exists("plots/tradeoff.csv") && exists("plots/tradeoff.gp") &&
          !exists("plots/tradeoff.png"));
    char *path = mem_string(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    CHECK_ERR(gnuplot_run(dir, "x.gp"), ERR_MISSING, "gnuplot-nox");
    setenv("PATH", path, 1);
    if (have_gnuplot()) CHECK_ERR(gnuplot_run(dir, "x.gp"), ERR_IO, "x.gp: gnuplot failed");
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(root)) return EXIT_FAILURE;
    snprintf(dir, sizeof dir, "%s/r", root);
    if (file_folder(dir)) return EXIT_FAILURE;
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
    RUN(a_key_counts_once);
    RUN(rows_of_one_seed_are_one_value);
    RUN(failures_are_listed);
    RUN(text_fits_120_columns);
    RUN(the_page_has_the_numbers);
    RUN(no_text_ends_the_pages_script);
    RUN(same_files_same_bytes);
    RUN(scripts_run_alone);
    RUN(hostile_names);
    RUN(a_curve_for_each_knob);
    RUN(latex_tables);
    RUN(latex_text);
    RUN(turned_grids);
    RUN(what_the_audit_found_is_told);
    RUN(several_victims);
    RUN(other_columns_and_torn_lines);
    RUN(nothing_to_report);
    RUN(without_gnuplot_the_tables_stand);
    clear();
        char *plots = mem_print("%s/plots", dir), *tables = mem_print("%s/tables", dir);
    rmdir(plots);
    rmdir(tables);
    mem_free(tables);
    mem_free(plots);
    rmdir(dir);
    rmdir(root);
    return check_done();
}
