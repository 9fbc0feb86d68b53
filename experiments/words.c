#include "experiments/words.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

static int *find_slot(const struct words *w, const char *text)
{
    uint64_t i = rng_hash(text) % (uint64_t)w->slots;
    while (w->slot[i] && strcmp(w->word[w->slot[i] - 1], text)) i = (i + 1) % (uint64_t)w->slots;
    return &w->slot[i];
}

void words_init(struct words *w, int most)
{
    w->slots = 2 * most + 1;
    w->word = mem_new((size_t)most + 1, sizeof *w->word);
    w->slot = mem_new((size_t)w->slots, sizeof *w->slot);
}

void words_free(struct words *w)
{
    for (int i = 0; i < w->n; i++) mem_free(w->word[i]);
    mem_free(w->word);
    mem_free(w->slot);
}

int words_add(struct words *w, const char *text)
{
    int *slot = find_slot(w, text);
    if (!*slot) {
        w->word[w->n] = mem_string(text);
        *slot = ++w->n;
    }
    return *slot - 1;
}

int words_find(const struct words *w, const char *text)
{
    return *find_slot(w, text) - 1;
}
