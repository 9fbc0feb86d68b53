/* No defense: the clean posteriors. The smallest defense, and the template to copy. */
#include "defenses/defense.h"

extern const struct defense_ops defense_none;
const struct defense_ops defense_none = {.name = "none", .about = "no defense: the clean posteriors are released",
    .formula = "q = p"};
