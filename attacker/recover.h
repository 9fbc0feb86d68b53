/* Recovering clean posteriors from perturbed ones: a table of pairs (clean, released), made by an attacker that applies the defense
 * it believes in itself, and two ways to read it backwards. Chen et al., D-DAE, IEEE S&P 2023; Tang et al., ModelGuard, USENIX
 * Security 2024 (section 5, adaptive attacks). */
#ifndef HEIST_ATTACKER_RECOVER_H
#define HEIST_ATTACKER_RECOVER_H

#include "attacker/clone.h"

struct pairs {
    int n, classes;
    float *clean, *shown; /* [n][K]: posteriors, and what the defense makes of them */
};

struct pairs *pairs_new(int n, int classes); /* pairs_free frees */
void pairs_free(struct pairs *t);            /* accepts NULL */

/* What the attacker knows of the defense, and from it which it applies itself. Rows of attack option tables. */
#define KNOWLEDGE_OPTION                                                                                                      \
    {"knowledge", OPTION_CHOICE, "none", 0, 0, "none family parameters clean",                                                \
     "of the defense: nothing (it tries several) | its names | all its options | and the clean answers to its own queries"}

/* per_answer rows an answer, by Dirichlet priors around the answers (knowledge=clean: around the clean posteriors), with parameter
 * concentration * K * answer (8 in ModelGuard's code), each for the image that was asked. Links that train or replace the victim say
 * nothing about a posterior and are left out. Errors as defense_open. */
int pairs_prior(struct pairs **out, int per_answer, double concentration, const struct transfer *t, const struct attack_env *env, const struct spec *opt);

/* The same by `shadows` victims of the attacker's own, each trained for some epochs on half of the transfer set with the answered
 * classes: pairs for every image. The table has shadows * t->n rows. */
int pairs_shadow(struct pairs **out, int shadows, int epochs, const struct transfer *t, const struct attack_env *env, const struct spec *opt);

/* Adds what an attack with `per_answer` pairs an answer does: the table and its reading are measured on a few answers, what its
 * networks and its copy of the defense do is counted. */
void pairs_work(struct work *out, const struct spec *opt, int64_t per_answer);

/* q [n][K] released -> the mean of the clean posteriors whose released ones lie within max(tolerance, the nearest) of it in L1;
 * pBayes. q may be out. */
void pairs_bayes(const struct pairs *pairs, const float *q, int n, double tolerance, float *out);

/* q [n][K] -> out by a network K-hidden-hidden-K that is trained on the table with L1; D-DAE. q may be out. ERR_NUMERIC. */
int pairs_network(const struct pairs *pairs, const struct optim *o, uint64_t seed, const float *q, int n, float *out);

/* p [K] ~ Dirichlet(alpha [K]); alpha > 0. */
void dirichlet(struct rng *r, const double *alpha, int classes, float *p);

#endif
