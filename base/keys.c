#include "base/keys.h"

#include <assert.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct keys {
    struct hsearch_data table;
    int n, room;
    char **text; /* [room] the first n are there */
};

static void *as_data(int value)
{
    return (void *)(intptr_t)value; /* the table holds a pointer; ours is the number itself */
}

/* The entry of a text; with ENTER it is there afterwards. */
static ENTRY *find(struct keys *k, char *text, int value, ACTION action)
{
    ENTRY *found = NULL;
    const int there = hsearch_r((ENTRY){.key = text, .data = as_data(value)}, action, &found, &k->table);
    return there ? found : NULL;
}

/* The table cannot grow: its entries move into one of twice the room, which stays half empty. */
static void grow(struct keys *k)
{
    struct hsearch_data old = k->table;
    char **text = k->text;
    k->room = k->room ? 2 * k->room : 64;
    k->table = (struct hsearch_data){0};
    k->text = mem_new((size_t)k->room, sizeof *k->text);
    if (!hcreate_r(2 * (size_t)k->room, &k->table)) abort(); /* out of memory, as in mem_new */
    for (int i = 0; i < k->n; i++) {
        ENTRY *was = NULL;
        k->text[i] = text[i];
        hsearch_r((ENTRY){.key = text[i]}, FIND, &was, &old);
        find(k, text[i], (int)(intptr_t)was->data, ENTER);
    }
    if (text) hdestroy_r(&old);
    mem_free(text);
}

struct keys *keys_new(void)
{
    struct keys *k = mem_new(1, sizeof *k);
    grow(k);
    return k;
}

void keys_free(struct keys *k)
{
    if (!k) return;
    for (int i = 0; i < k->n; i++) mem_free(k->text[i]);
    hdestroy_r(&k->table);
    mem_free(k->text);
    mem_free(k);
}

void keys_put(struct keys *k, const char *text, int value)
{
    assert(value >= 0);
    char *copy = mem_string(text);
    ENTRY *there = find(k, copy, 0, FIND);
    if (there) {
        there->data = as_data(value);
        mem_free(copy);
        return;
    }
    if (k->n == k->room) grow(k);
    k->text[k->n++] = copy;
    find(k, copy, value, ENTER);
}

int keys_get(struct keys *k, const char *text)
{
    ENTRY *there = find(k, (char *)(uintptr_t)text, 0, FIND);
    return there ? (int)(intptr_t)there->data : -1;
}
