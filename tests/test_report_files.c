/* What a report writes: the same bytes from the same files, the page, LaTeX, figures; hostile names; what is missing. */
#include <cjson/cJSON.h>

#include "tests/report_scene.h"

static int exists(const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    int there = file_exists(path);
    mem_free(path);
    return there;
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
    HAS(table, "\n% options "); /* where the numbers come from */
    HAS(paper, "{\\tiny options ");
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
    if (scene_open()) return EXIT_FAILURE;
    RUN(the_page_has_the_numbers);
    RUN(no_text_ends_the_pages_script);
    RUN(same_files_same_bytes);
    RUN(scripts_run_alone);
    RUN(hostile_names);
    RUN(a_curve_for_each_knob);
    RUN(latex_tables);
    RUN(latex_text);
    RUN(turned_grids);
    RUN(several_victims);
    RUN(other_columns_and_torn_lines);
    RUN(nothing_to_report);
    RUN(without_gnuplot_the_tables_stand);
    return scene_close();
}
