/* Some classes of a labelled set: "tiny-imagenet:classes=0-99", "mnist:classes=0,2,7-9". They are numbered anew, in order. */
#ifndef HEIST_DATA_CLASSES_H
#define HEIST_DATA_CLASSES_H

/* keep [n]: 1 for the classes that the text names. *canonical (mem_free frees): the text with ranges as long as they can be;
 * NULL where it names all n. ERR_OPTION: malformed, or a class that is not among 0 .. n-1. */
int classes_read(char *keep, char **canonical, int n, const char *text);

/* May two data sets, by their resolved names, share images? Two names of one set (or of two catalogue entries with the same
 * images) in any part of a mixture, unless their classes have none in common. split 1: only where their splits are one too. */
int classes_shared(const char *a, const char *b, int split);

#endif
