#include "attacker/bandit.h"

#include <assert.h>
#include <math.h>

#include "base/mem.h"

struct bandit {
    int actions, *drawn; /* [actions] */
    double *preference;  /* [actions] H */
    double mean;
    int rewards;
};

struct bandit *bandit_new(int actions)
{
    struct bandit *b = mem_new(1, sizeof *b);
    *b = (struct bandit){.actions = actions, .drawn = mem_new((size_t)actions, sizeof *b->drawn), .preference = mem_new((size_t)actions, sizeof *b->preference)};
    return b;
}

void bandit_free(struct bandit *b)
{
    if (!b) return;
    mem_free(b->drawn);
    mem_free(b->preference);
    mem_free(b);
}

void bandit_policy(const struct bandit *b, const char *open, double *pi)
{
    double top = -INFINITY, sum = 0;
    for (int a = 0; a < b->actions; a++)
        if (open[a] && b->preference[a] > top) top = b->preference[a];
    assert(top > -INFINITY);
    for (int a = 0; a < b->actions; a++) sum += pi[a] = open[a] ? exp(b->preference[a] - top) : 0;
    for (int a = 0; a < b->actions; a++) pi[a] /= sum;
}

int bandit_draw(const struct bandit *b, const char *open, struct rng *r)
{
    double *pi = mem_new((size_t)b->actions, sizeof *pi), at = rng_uniform(r);
    int last = -1;
    bandit_policy(b, open, pi);
    for (int a = 0; a < b->actions; a++) {
        if (!open[a]) continue;
        last = a;
        if ((at -= pi[a]) < 0) break;
    }
    mem_free(pi);
    return last;
}

void bandit_reward(struct bandit *b, int z, double r, const double *pi)
{
    b->mean += (r - b->mean) / ++b->rewards;
    const double step = (r - b->mean) / ++b->drawn[z];
    for (int a = 0; a < b->actions; a++) b->preference[a] += step * ((a == z) - pi[a]);
}
