/* Calibration: finds the value of a defense's option at which it costs users a stated amount, so that defenses are compared
 * at equal utility. */
#ifndef HEIST_EXPERIMENTS_CALIBRATE_H
#define HEIST_EXPERIMENTS_CALIBRATE_H

#include "data/dataset.h"
#include "defenses/defense.h"

/* What is asked: the chain's option `knob` ("mad.epsilon"), and a target:
 *     l1@0.2     mean L1 distance between released and clean posteriors
 *     drop@0.01  what the released answers lose of the victim's accuracy, a fraction
 * measured on every other image of the test set; what was reached is measured on the rest. */
struct calibration {
    const char *chain, *knob, *target;
    const struct spec *victim; /* resolved */
    const struct dataset *train, *test, *ood, *pool;
    uint64_t victim_seed, defense_seed;
    const char *cache;
};

/* The knob's full name of `option` or `link.option` in a chain; mem_free frees. ERR_OPTION: no such option, one that is no
 * real number, or a target that is none. */
int calibration_check(char **knob, const char *chain, const char *option, const char *target);

/* The chain with the knob at this text; mem_free frees. */
char *calibration_chain(const char *chain, const char *knob, const char *value);

/* *value: of the knob; *reached: on the other half of the test set. The option's measure must rise or fall with it all the
 * way. ERR_NUMERIC: no value of its range comes within 5 % (0.005 of a small target). */
int calibrate(double *value, double *reached, const struct calibration *c);

#endif
