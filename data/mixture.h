/* Mixtures of data sets: "strokes+leaves+noise:n=2000". */
#ifndef HEIST_DATA_MIXTURE_H
#define HEIST_DATA_MIXTURE_H

#include "data/format.h"

/* As many images of each part as the smallest has, evenly spread over each, unlabelled. *name: the parts' resolved specs with
 * '+'; mem_free frees. ERR_OPTION: a part that is missing or unknown; ERR_SHAPE: images of two shapes. */
int mixture_open(struct images *out, char **name, const char *text, const char *split);

#endif
