/* The command line: flags and words, and the verbs list, show, doctor and bench in this process. */
#include <cjson/cJSON.h>
#include <unistd.h>

#include "attacker/attack.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/catalogue.h"
#include "defenses/defense.h"
#include "experiments/cmd.h"
#include "nn/arch.h"
#include "nn/layer.h"
#include "tests/check.h"

enum { WORDS = 16 };

/* ---- cmd_parse ------------------------------------------------------------------------------------ */

static const struct option some_options[] = {{"epochs", OPTION_INT, "10", 0, 100, 0, "epochs"}, OPTION_END};

/* What a line of words is read as. */
struct line {
    const char *out, *json, *set[3];
    int sets;
    struct spec spec;
    struct cmd c;
};

static int parse(struct line *l, const char *text)
{
    static char copy[256];
    char *argv[WORDS] = {0}, *rest = NULL;
    int argc = 0;
    const struct cmd_flag flags[] = {{"--out", "DIR", "where", &l->out, 0, NULL}, {"--json", NULL, "as JSON", &l->json, 0, NULL},
        {"--set", "a.b=c", "a setting", l->set, 3, &l->sets}, CMD_END};
    snprintf(copy, sizeof copy, "verb %s", text);
    for (char *w = strtok_r(copy, " ", &rest); w && argc < WORDS - 1; w = strtok_r(NULL, " ", &rest)) argv[argc++] = w;
    *l = (struct line){.spec.name = mem_string("x")};
    l->c = (struct cmd){.usage = "verb WORD", .about = "Nothing.", .flags = flags, .options = some_options, .spec = &l->spec, .least = 1, .most = 2};
    const int code = cmd_parse(&l->c, argc, argv);
    l->c.flags = NULL; /* they end with this function */
    return code;
}

static void flags_take_their_argument_in_both_ways(void)
{
    struct line l;
    CHECK_OK(parse(&l, "--out a --json one --set x.y=1 --set=z.w=2 two --epochs=7"));
    CHECK_STR(l.out, "a");
    CHECK_STR(l.json, "1");
    CHECK_INT(l.sets, 2);
    CHECK_STR(l.set[0], "x.y=1");
    CHECK_STR(l.set[1], "z.w=2");
    CHECK_INT(l.c.words, 2);
    CHECK_STR(l.c.word[1], "two");
    CHECK_STR(spec_find(&l.spec, "epochs"), "7");
    spec_free(&l.spec);
    CHECK_OK(parse(&l, "--out=b=c one")); /* only the first = divides */
    CHECK_STR(l.out, "b=c");
    spec_free(&l.spec);
}

static void a_wrong_line_is_refused(void)
{
    static const struct {
        const char *text, *part;
    } wrong[] = {{"one --ouf a", "did you mean '--out'"}, {"one --epoch 3", "did you mean '--epochs'"}, {"one --out", "expected DIR"},
                 {"one --epochs", "expected a value"}, {"one --json=2", "takes no value"}, {"", "something is missing"},
                 {"one two three", "expected nothing more"}, {"one --set a --set b --set c --set d", "more than 3 times"}, {"one --", "unknown flag"}};
    struct line l;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_ERR(parse(&l, wrong[i].text), ERR_OPTION, wrong[i].part);
        spec_free(&l.spec);
    }
}

/* ---- verbs ------------------------------------------------------------------------------------------ */

/* What a verb prints and its exit status; mem_free frees *out. */
static int run(char **out, int (*verb)(int, char **), const char *text)
{
    char copy[256], path[] = "/tmp/heist-cmd-XXXXXX", *argv[WORDS] = {0}, *rest = NULL;
    int argc = 0;
    size_t size = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *w = strtok_r(copy, " ", &rest); w && argc < WORDS - 1; w = strtok_r(NULL, " ", &rest)) argv[argc++] = w;
    *out = NULL;
    fflush(stdout);
    const int file = mkstemp(path), was = dup(STDOUT_FILENO), said = dup(STDERR_FILENO);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    const int status = verb(argc, argv);
    fflush(stdout);
    dup2(was, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    close(file), close(was), close(said);
    CHECK_OK(file_read(out, &size, path));
    unlink(path);
    return status;
}

/* The verb exits with this status and prints `part`. */
static void check_run(int (*verb)(int, char **), const char *text, int status, const char *part)
{
    char *out;
    const int got = run(&out, verb, text);
    if (!CHECK_INT(got, status) | !CHECK(out && strstr(out, part))) printf("    heist %s: printed '%s', expected '...%s...'\n", text, out, part);
    mem_free(out);
}

static void check_show(const char *kind, const char *name)
{
    char text[128], part[96];
    snprintf(text, sizeof text, "show %s %s", kind, name);
    snprintf(part, sizeof part, "%s: ", name);
    check_run(cmd_show, text, 0, part);
}

static void everything_listed_can_be_shown(void)
{
    for (int i = 0; i < attack_count(); i++) check_show("attack", attack_at(i)->name);
    for (int i = 0; i < defense_count(); i++) check_show("defense", defense_at(i)->name);
    for (int i = 0; i < dataset_count(); i++) check_show("dataset", dataset_at(i)->name);
    for (int i = 0; i < arch_count(); i++) check_show("model", arch_at(i)->name);
    for (int i = 0; i < layer_count(); i++) check_show("layer", layer_at(i)->name);
    check_run(cmd_list, "list", 0, "knockoff");
    check_run(cmd_list, "list models", 0, "lenet5");
    check_run(cmd_show, "show model lenet5", 0, "44426 parameters");
    check_run(cmd_show, "show dataset strokes", 0, "made from a seed");
}

static void an_unknown_name_brings_the_nearest(void)
{
    check_run(cmd_list, "list attack", 2, "did you mean 'attacks'");
    check_run(cmd_show, "show modle lenet5", 2, "did you mean 'model'");
    check_run(cmd_show, "show attack knockof", 2, "did you mean 'knockoff'");
    check_run(cmd_show, "show dataset minst", 2, "did you mean 'mnist'");
    check_run(cmd_show, "show layer konv", 2, "did you mean 'conv'");
    check_run(cmd_bench, "bench --task trian", 2, "did you mean 'train'");
    check_run(cmd_bench, "bench --batch 0", 2, "expected a whole number from 1");
    check_run(cmd_bench, "bench --input 1x28", 2, "expected as 3x32x32");
    check_run(cmd_doctor, "doctor --jsno", 2, "did you mean '--json'");
}

static void bench_prints_its_json(void)
{
    static const char *const task[] = {"train", "infer", "ini", "mad", "mad-argmax", "mad-jacobian"};
    for (size_t i = 0; i < sizeof task / sizeof *task; i++) {
        char text[96], *out;
        snprintf(text, sizeof text, "bench --model lenet5 --task %s --batch 3 --runs 2 --json", task[i]);
        CHECK_INT(run(&out, cmd_bench, text), 0);
        cJSON *o = cJSON_Parse(out);
        CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(o, "task")), task[i]);
        CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(o, "min")) > 0);
        CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(o, "ms")) >= cJSON_GetNumberValue(cJSON_GetObjectItem(o, "min")));
        CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(o, "runs")), 2);
        CHECK_INT(cJSON_HasObjectItem(o, "plain_ms"), strncmp(task[i], "mad", 3) == 0);
        cJSON_Delete(o);
        mem_free(out);
    }
}

static void doctor_finds_this_machine_sound(void)
{
    char *out;
    CHECK_INT(run(&out, cmd_doctor, "doctor --json"), 0);
    cJSON *o = cJSON_Parse(out), *kernels = cJSON_GetObjectItem(o, "kernels"), *products = cJSON_GetObjectItem(o, "products");
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(o, "ok")));
    CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(products, "shapes")) > 10);
    CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(products, "not_checked")), 0);
    CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(kernels, "results")) > 10);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(kernels, "not_checked")), ""); /* a new layer belongs into doctor's probe */
    CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(o, "data")), dataset_count());
    cJSON_Delete(o);
    mem_free(out);
}

int main(void)
{
    RUN(flags_take_their_argument_in_both_ways);
    RUN(a_wrong_line_is_refused);
    RUN(everything_listed_can_be_shown);
    RUN(an_unknown_name_brings_the_nearest);
    RUN(bench_prints_its_json);
    RUN(doctor_finds_this_machine_sound);
    return check_done();
}
