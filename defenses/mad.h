/* Prediction Poisoning (MAD): the pieces that tests compare with the published way. */
#ifndef HEIST_DEFENSES_MAD_H
#define HEIST_DEFENSES_MAD_H

enum mad_oracle { MAD_EXTREME, MAD_ARGMAX, MAD_ARGMIN, MAD_RANDOM };
enum mad_ball { MAD_L1, MAD_L2 };

/* How far a candidate v leads the clone's gradient away from that of y: the objective H(v).
 * gram NULL: closed form from the surrogate's posterior p; else from gram [K][K] = G G', G the Jacobian. */
struct mad_objective {
    int classes, distance; /* distance 0: angle, |G'v/|G'v| - G'y/|G'y||^2; 1: |G'(v - y)|^2 (closed form: up to |h|^2) */
    const float *p, *y;    /* [K] */
    const double *gram;
};

double mad_value(const struct mad_objective *o, const float *v);

/* The best answer of the oracle, star [K]; u in [0,1) chooses for MAD_RANDOM. */
void mad_star(const struct mad_objective *o, enum mad_oracle oracle, double u, float *star);

/* q = (1 - a) y + a star with the largest a in [0,1] that keeps |q - y| within epsilon. q may be star. */
void mad_mix(int classes, const float *y, const float *star, double epsilon, enum mad_ball ball, float *q);

#endif
