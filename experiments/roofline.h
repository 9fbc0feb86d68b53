/* What each kind of layer of a network reaches of the machine's sgemm and memory bandwidth. */
#ifndef HEIST_EXPERIMENTS_ROOFLINE_H
#define HEIST_EXPERIMENTS_ROOFLINE_H

#include "nn/model.h"

/* Measures both roofs and every layer, forward and backward, over a batch of made-up images; prints a table. */
void roofline_print(const struct model *m, int batch);

#endif
