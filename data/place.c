#include "data/place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

char *place_given(int i)
{
    const char *at = getenv("HEIST_DATA");
    while (at && *at) {
        size_t n = strcspn(at, ":");
        if (n && i-- == 0) return mem_print("%.*s", (int)n, at);
        at += n + (at[n] == ':');
    }
    return NULL;
}

char *place_home(void)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data == '/') return mem_print("%s/heist/data", data); /* the standard says: relative ones do not count */
    if (home && *home) return mem_print("%s/.local/share/heist/data", home);
    return NULL;
}

char *place_cache(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') return mem_print("%s/heist", cache);
    if (home && *home) return mem_print("%s/.cache/heist", home);
    return NULL;
}

static char *inside(char *folder, const char *name)
{
    char *path = folder ? mem_print("%s/%s", folder, name) : NULL;
    mem_free(folder);
    return path;
}

char *place_folder(const struct dataset_info *info, int i, int *own)
{
    int given = 0;
    for (char *g; (g = place_given(given)) != NULL; given++) mem_free(g);
    if (own) *own = i < given;
    if (i < given) return inside(place_given(i), info->name);
    i -= given;
    for (int s = 0; s < DATASET_SOURCES; s++)
        if (info->source[s].kind == SOURCE_APT && i-- == 0) return mem_string(info->source[s].folder);
    return i == 0 ? inside(place_home(), info->name) : NULL;
}

static char *with_ending(const char *place, const char *stem, int (*holds)(const char *folder))
{
    static const char *const ending[] = {"", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tar", ".zip"};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct stat st;
        char *path = mem_print("%s/%s%s", place, stem, ending[i]);
        if (stat(path, &st) == 0 && (*ending[i] ? S_ISREG(st.st_mode) : S_ISDIR(st.st_mode) && holds(path))) return path;
        mem_free(path);
    }
    return NULL;
}

char *place_stem(const struct dataset_info *info, int (*holds)(const char *folder))
{
    const char *const alone[] = {info->name, NULL}, *const *stem = info->stem ? info->stem : alone;
    char *place, *found = NULL;
    for (int i = 0; !found && (place = place_given(i)) != NULL; i++) {
        for (int k = 0; !found && stem[k]; k++) found = with_ending(place, stem[k], holds);
        mem_free(place);
    }
    place = found ? NULL : place_home();
    for (int k = 0; place && !found && stem[k]; k++) found = with_ending(place, stem[k], holds);
    mem_free(place);
    return found;
}
