/* Specs: how a method, a data set or a network is named with its options, everywhere:
 *
 *     mad:epsilon=0.5:oracle=argmax        one spec: a name and options
 *     ini:gamma=0.3+topk:k=3               a chain: specs in order
 *
 * Whoever owns the name declares a table of options; spec_resolve checks against it and fills in the
 * defaults, so a resolved spec says everything and two that mean the same read the same. */
#ifndef HEIST_BASE_SPEC_H
#define HEIST_BASE_SPEC_H

#include <stdint.h>

enum option_type { OPTION_INT, OPTION_REAL, OPTION_CHOICE, OPTION_TEXT };

struct option {
    const char *name;
    enum option_type type;
    const char *value;   /* the default, as text, which may lie outside the range ("inherit"); NULL: must be given */
    double min, max;     /* OPTION_INT, OPTION_REAL: the range, both ends allowed */
    const char *choices; /* OPTION_CHOICE: "a b c" */
    const char *help;    /* one line */
};
#define OPTION_END {0}

/* A named bundle of settings that is applied before the options that stand beside `preset=`. */
struct preset {
    const char *name;
    const char *settings; /* "key=value:key=value" */
    const char *help;     /* whose settings these are */
};
#define PRESET_END {0}

enum { SPEC_ITEMS = 48 };

struct spec {
    char *name;
    int n;
    char *key[SPEC_ITEMS], *value[SPEC_ITEMS];
};

/* Parses "name:key=value:..."; spec_free frees what it holds. ERR_OPTION: malformed, or a key twice. */
int spec_parse(struct spec *out, const char *text);
void spec_free(struct spec *s);

/* Sets or replaces one option; a key is checked only by spec_resolve. */
void spec_set(struct spec *s, const char *key, const char *value);

/* Takes an option out: its value, that mem_free frees; NULL: it is not there. */
char *spec_take(struct spec *s, const char *key);

/* Checks every option of s against `options` (ends with OPTION_END), applies `preset=NAME` from `presets`
 * (may be NULL), fills in defaults, orders as in the table. `what` ("defense mad") stands in messages. */
int spec_resolve(struct spec *s, const struct option *options, const struct preset *presets, const char *what);

/* The canonical text; mem_free frees. */
char *spec_text(const struct spec *s);

/* The same without the options that have their defaults, for people. */
char *spec_brief(const struct spec *s, const struct option *options);

/* Values of a resolved spec; asking for what the table does not have is a programming error (assert). */
int64_t spec_int(const struct spec *s, const char *key);
double spec_real(const struct spec *s, const char *key);
const char *spec_string(const struct spec *s, const char *key);
int spec_is(const struct spec *s, const char *key, const char *value); /* is the value this word? */
const char *spec_find(const struct spec *s, const char *key);          /* NULL where absent */

/* Splits "a+b:k=1+c" at '+'; *out is an array of *n specs that spec_chain_free frees. */
int spec_chain(struct spec **out, int *n, const char *text);
void spec_chain_free(struct spec *chain, int n);

/* The word of `names` (n of them) nearest to `word`, or NULL where none is near. */
const char *spec_nearest(const char *word, const char *const *names, int n);

/* ERR_OPTION with "unknown WHAT 'word'; did you mean 'near'? known: a b c". */
int spec_unknown(const char *what, const char *word, const char *const *names, int n);

/* The place of `word` among n names, name(0) .. name(n-1): how every registry finds its entries. ERR_OPTION as spec_unknown. */
int spec_lookup(int *at, const char *what, const char *word, int n, const char *(*name)(int i));

/* Reads a whole text as a number. ERR_OPTION where it is not one. */
int spec_number(double *out, const char *text);

#endif
