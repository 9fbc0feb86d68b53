#include "experiments/manifest.h"

#include <cjson/cJSON.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/keys.h"
#include "base/mem.h"
#include "data/place.h"
#include "nn/blas.h"
#include "nn/layer.h"
#include "version.h"

const char *machine_processor(char buf[128])
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(buf, 128, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", buf) == 1) break;
    if (f) fclose(f);
    return buf;
}

const char *machine_name(char buf[MACHINE_TEXT])
{
    char processor[128];
    snprintf(buf, MACHINE_TEXT, "%s (%ld cores)", machine_processor(processor), sysconf(_SC_NPROCESSORS_ONLN));
    return buf;
}

const char *machine_blas(char buf[MACHINE_TEXT])
{
    char version[64] = "unknown";
    sscanf(blas_config(), "OpenBLAS %63s", version);
    snprintf(buf, MACHINE_TEXT, "%s %s", version, blas_core());
    return buf;
}

static void add_machine(cJSON *root)
{
    char processor[128], when[32];
    struct utsname u;
    const time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    cJSON_AddStringToObject(root, "written", when);
    cJSON *m = cJSON_AddObjectToObject(root, "machine");
    cJSON_AddStringToObject(m, "processor", machine_processor(processor));
    cJSON_AddNumberToObject(m, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    cJSON_AddNumberToObject(m, "threads", omp_get_max_threads());
    if (uname(&u) == 0) {
        cJSON_AddStringToObject(m, "system", u.sysname);
        cJSON_AddStringToObject(m, "release", u.release);
    }
}

static void add_build(cJSON *root)
{
    cJSON *b = cJSON_AddObjectToObject(root, "build");
    cJSON_AddStringToObject(b, "version", HEIST_VERSION);
    cJSON_AddStringToObject(b, "compiler", HEIST_CC);
    cJSON_AddStringToObject(b, "flags", HEIST_FLAGS);
    cJSON_AddStringToObject(b, "kernels", layer_simd());
    cJSON_AddBoolToObject(b, "winograd", layer_winograd());
    cJSON_AddStringToObject(b, "openblas", blas_config());
    cJSON_AddStringToObject(b, "openblas_core", blas_core());
    cJSON_AddStringToObject(b, "openblas_core_chosen_by", blas_choice());
}

static void add_set(cJSON *list, const struct dataset *d)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", d->name);
    cJSON_AddNumberToObject(item, "images", d->n);
    cJSON_AddStringToObject(item, "sha256", d->hash);
    cJSON_AddItemToArray(list, item);
}

/* The sets that the cells name, in their order, each once: the same whoever ran the cells. */
static int add_data(cJSON *root, const struct sweep *s, struct store *store)
{
    cJSON *list = cJSON_AddArrayToObject(root, "data");
    struct keys *listed = keys_new();
    int code = OK;
    for (int i = 0; i < s->n && !code; i++) {
        const struct cell *c = &s->cell[i];
        const char *name[] = {spec_string(&c->victim, "dataset"), spec_string(&c->victim, "dataset"), c->ood, c->pool};
        for (int k = 0; k < 4 && !code; k++) {
            const struct dataset *d = NULL;
            if (!*name[k] || (code = store_get(&d, store, name[k], k == 1 ? "test" : "train")) || keys_get(listed, d->name) >= 0) continue;
            keys_put(listed, d->name, 1);
            add_set(list, d);
        }
    }
    keys_free(listed);
    return code;
}

/* What the file says of earlier runs: {"runs": [...]}; a file of an older version is one run by itself. Anything else, or none, is
 * no run. */
static cJSON *earlier_runs(const char *path)
{
    char *text = NULL;
    size_t size;
    cJSON *old = file_read(&text, &size, path) ? NULL : cJSON_Parse(text);
    cJSON *runs = cJSON_DetachItemFromObject(old, "runs");
    mem_free(text);
    if (cJSON_IsArray(runs)) {
        cJSON_Delete(old);
        return runs;
    }
    cJSON_Delete(runs);
    runs = cJSON_CreateArray();
    if (cJSON_HasObjectItem(old, "build")) cJSON_AddItemToArray(runs, old);
    else cJSON_Delete(old);
    return runs;
}

/* Each triple of victim's set, pool and OOD set once. It is in the cache, as the cells asked for it. */
static int add_audits(cJSON *root, const struct sweep *s, struct store *store)
{
    cJSON *list = cJSON_AddArrayToObject(root, "audit");
    char *cache = place_cache();
    int code = OK;
    for (int i = 0; i < s->n && !code; i++) {
        const struct cell *c = &s->cell[i];
        struct audit a = {0};
        if (!sweep_first_with_data(s, i)) continue;
        if ((code = cell_audit(&a, c, store, cache))) break;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "dataset", spec_string(&c->victim, "dataset"));
        cJSON_AddStringToObject(item, "pool", c->pool);
        cJSON_AddStringToObject(item, "ood", c->ood);
        cJSON_AddStringToObject(item, "verdict", a.words);
        cJSON *text = cJSON_AddArrayToObject(item, "found");
        for (char *rest = NULL, *line = strtok_r(a.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) cJSON_AddItemToArray(text, cJSON_CreateString(line));
        cJSON_AddItemToArray(list, item);
        audit_free(&a);
    }
    mem_free(cache);
    return code;
}

int manifest_write(const char *dir, const struct sweep *s, struct store *store, int argc, char *const *argv)
{
    char *path = mem_print("%s/manifest.json", dir);
    cJSON *root = cJSON_CreateObject(), *runs = earlier_runs(path), *run = cJSON_CreateObject();
    cJSON_AddItemToObject(root, "runs", runs);
    cJSON_AddItemToArray(runs, run);
    cJSON *command = cJSON_AddArrayToObject(run, "command");
    for (int i = 0; i < argc; i++) cJSON_AddItemToArray(command, cJSON_CreateString(argv[i]));
    add_build(run);
    add_machine(run);
    int code = add_data(run, s, store);
    if (!code) code = add_audits(run, s, store);
    char *text = cJSON_Print(root), *line = mem_print("%s\n", text);
    if (!code) code = file_write(path, line, strlen(line));
    cJSON_free(text);
    cJSON_Delete(root);
    mem_free(path);
    mem_free(line);
    return code;
}
