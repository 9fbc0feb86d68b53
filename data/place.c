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

static const char *stem_of(const struct dataset_info *info, int i)
{
    return info->stem ? info->stem[i] : i ? NULL : info->name;
}

char *place_folder(const struct dataset_info *info, int i, int *own)
{
    int given = 0, stems = 1; /* at least its name */
    for (char *g; (g = place_given(given)) != NULL; given++) mem_free(g);
    while (stem_of(info, stems)) stems++;
    if (own) *own = i < given * stems;
    if (i < given * stems) return inside(place_given(i / stems), stem_of(info, i % stems));
    i -= given * stems;
    for (int s = 0; s < DATASET_SOURCES; s++)
        if (info->source[s].kind == SOURCE_APT && i-- == 0) return mem_string(info->source[s].folder);
    return i < stems ? inside(place_home(), stem_of(info, i)) : NULL;
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
    char *place, *found = NULL;
    const char *stem;
    for (int i = 0; !found && (place = place_given(i)) != NULL; i++) {
        for (int k = 0; !found && (stem = stem_of(info, k)) != NULL; k++) found = with_ending(place, stem, holds);
        mem_free(place);
    }
    place = found ? NULL : place_home();
    for (int k = 0; place && !found && (stem = stem_of(info, k)) != NULL; k++) found = with_ending(place, stem, holds);
    mem_free(place);
    return found;
}
