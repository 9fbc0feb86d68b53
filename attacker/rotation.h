/* Rotation self-supervision: beside its classes a network says which of four quarter turns an image was given, from the same
 * features (Gidaris et al., ICLR 2018; as S4L, Zhai et al., ICCV 2019). No label and no answer is needed for that. */
#ifndef HEIST_ATTACKER_ROTATION_H
#define HEIST_ATTACKER_ROTATION_H

#include "data/dataset.h"
#include "nn/model.h"

struct rotation;

/* A twin of `clone` with four logits more in its last layer, for steps of up to `batch` images, and the images index[0..n) of the
 * pool, which it takes in turns. weight: of the rotations' loss. rotation_free frees. ERR_SHAPE: the images are not square. */
int rotation_new(struct rotation **out, const struct model *clone, const struct dataset *pool, const int *index, int n, double weight,
                 int batch, uint64_t seed);
void rotation_free(struct rotation *r); /* accepts NULL */

struct model *rotation_twin(struct rotation *r); /* what is trained */

/* Gradient (g [twin->params] +=) and value of KL(q || classes) of n answered images + weight * the mean cross entropy of the
 * turns of n images of the pool, each turned in all four ways. x [n][c][h][w], q [n][K]. */
double rotation_step(struct rotation *r, const float *x, const float *q, int n, float *g);

/* The twin without its four logits. */
void rotation_give(const struct rotation *r, struct model *clone);

/* y = x turned by `quarters` quarter turns, counterclockwise; x, y [c][side][side], not the same. */
void rotation_turn(const float *x, int channels, int side, int quarters, float *y);

#endif
