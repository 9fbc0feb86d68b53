/* DeepFool: how far an image is from the nearest decision boundary (Moosavi-Dezfooli, Fawzi, Frossard, CVPR 2016, algorithm 2). */
#ifndef HEIST_ATTACKER_DEEPFOOL_H
#define HEIST_ATTACKER_DEEPFOOL_H

#include "nn/model.h"

/* distance [n]: the L2 norm, in pixels of [0,1], of the smallest sum of steps to the boundaries of the `classes` most likely
 * classes (at most m->classes) after which the class has changed, each step overshooting by this part; after `steps` steps without a
 * change, what was gone. x [n][c][h][w]. On a linear network one step is exact. */
void deepfool(const struct model *m, const float *x, int n, int classes, int steps, double overshoot, float *distance);

#endif
