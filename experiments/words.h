/* Texts numbered in the order of first appearance. */
#ifndef HEIST_EXPERIMENTS_WORDS_H
#define HEIST_EXPERIMENTS_WORDS_H

struct words {
    int n, slots;
    char **word; /* [n] */
    int *slot;   /* [slots] open addressing: 1 + the word's number, 0: free */
};

void words_init(struct words *w, int most); /* for up to `most` different texts */
void words_free(struct words *w);
int words_add(struct words *w, const char *text);        /* its number, a new one where it was not there */
int words_find(const struct words *w, const char *text); /* -1: not there */

#endif
