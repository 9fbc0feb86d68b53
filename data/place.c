#include "data/place.h"

#include <stdlib.h>
#include <string.h>

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
