/* What the golden cases share: reading a case (tests/golden/make_golden.py has the format) and comparing with it. */
#ifndef HEIST_TESTS_GOLDEN_H
#define HEIST_TESTS_GOLDEN_H

#include "nn/safetensors.h"

enum { RESULTS = 2048 };

/* One file under check. */
struct golden {
    const char *name; /* of the file */
    struct safetensors *f;
    uint64_t seed;    /* of fill(); */
    int filled;       /* 1: weights and images come from fill() */
    int n;            /* expected tensors compared so far */
    struct compared {
        const char *name;
        double gap, want, size; /* norms: of the difference, of the expectation, of the group */
    } result[RESULTS];
};

/* Metadata, or `otherwise`. */
const char *golden_meta(const struct golden *g, const char *key, const char *otherwise);
double golden_number(const struct golden *g, const char *key, double otherwise);

/* The numbers of a tensor, *count of them (NULL: not wanted); mem_free frees. NULL: there is none. */
float *golden_floats(const struct golden *g, const char *name, size_t *count);
int *golden_integers(const struct golden *g, const char *name, size_t *count);
float *golden_images(const struct golden *g, const char *name, size_t numbers); /* from the file, or from fill() */
int golden_network(struct model **m, const struct golden *g, const char *prefix);

/* got [n] against the tensor of this name, where the file has it. */
void golden_compare(struct golden *g, const char *name, const float *got, size_t n);

/* The cases of defenses: tests/golden_defenses.c. */
int golden_mad(struct golden *g);
int golden_reverse_sigmoid(struct golden *g);
int golden_noise(struct golden *g);
int golden_modelguard_w(struct golden *g);
int golden_grad2(struct golden *g);
int golden_am(struct golden *g);
int golden_edm(struct golden *g);

#endif
