/* A map from texts to numbers, for lists too long to be searched one by one (glibc's hsearch_r). */
#ifndef HEIST_BASE_KEYS_H
#define HEIST_BASE_KEYS_H

struct keys;

/* keys_free frees (accepts NULL). */
struct keys *keys_new(void);
void keys_free(struct keys *k);

/* The number of a text becomes `value`, 0 or more; the text is copied. */
void keys_put(struct keys *k, const char *text, int value);

/* The number of a text; -1: none. */
int keys_get(struct keys *k, const char *text);

#endif
