/* Raised when a change to the networks' arithmetic or training makes the same options give other weights: cached victims and old rows
 * are then not taken for new ones. */
#ifndef HEIST_NN_ENGINE_H
#define HEIST_NN_ENGINE_H

#define ENGINE "engine 6"

#endif
