/* Work, counted before it is done: what attacks and defenses say that their options will do, for the estimate of `heist run
 * --dry-run`. Whoever reads it adds the time that each thing takes on this machine (experiments/estimate.h). */
#ifndef HEIST_BASE_WORK_H
#define HEIST_BASE_WORK_H

/* Images that go through each kind of pass of a network. */
struct passes {
    double train;             /* forward, backward, and their part of the optimiser's step */
    double forward, backward; /* backward: the gradient of the parameters, after a forward pass */
    double slope, tangent;    /* slope: the gradient of the images, after a forward pass */
};

struct work {
    struct passes own;   /* of the clone's network (an attack) or the victim's (a defense), or of others of that architecture */
    struct passes other; /* of a network of another architecture: */
    const char *model;   /* its name; NULL: there is none */
    char depends[64];    /* a defense's networks: the values they depend on beside victim, data and counts; "": none */

    /* of an attack */
    double queries;    /* rows asked of the black box, */
    int rows;          /* so many a call; 0: 256 */
    double looks;      /* epochs after which the clone is looked at */
    double simulated;  /* rows that the attacker's own copy of the defense answers */
    double distances;  /* of one posterior from another, in k-center */

    /* What is none of these is measured: the attack with the options `trial` in place of its own, on an undefended victim and with a
     * clone of the smallest network there is, takes one of `trials` equal parts of it. */
    double trials;
    char trial[64]; /* "budget=512:epochs=0" */
};

#endif
