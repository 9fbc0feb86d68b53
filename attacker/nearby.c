#include "attacker/nearby.h"

#include <math.h>
#include <stddef.h>

#include "base/mem.h"

enum { LEAF = 16 }; /* points in a node that is not split */

struct node {
    int from, to; /* points order[from..to) */
    int child;    /* its two: child, child + 1; 0: a leaf */
};

struct nearby {
    const float *point, *value;
    int d, nodes;
    int *order;
    struct node *node;
    float *low, *high; /* [nodes][d]: the box of a node's points */
    double *sum;       /* [nodes][d] */
};

static const float *point_at(const struct nearby *t, int i)
{
    return t->point + (size_t)t->order[i] * (size_t)t->d;
}

/* ---- building ---------------------------------------------------------------------------------------------- */

/* The box of a node and the sum of its values; returns the widest dimension. */
static int measure(struct nearby *t, int at)
{
    const struct node *node = &t->node[at];
    const size_t d = (size_t)t->d;
    float *low = t->low + (size_t)at * d, *high = t->high + (size_t)at * d;
    double *sum = t->sum + (size_t)at * d;
    int widest = 0;
    for (size_t k = 0; k < d; k++) low[k] = INFINITY, high[k] = -INFINITY;
    for (int i = node->from; i < node->to; i++) {
        const float *x = point_at(t, i), *v = t->value + (size_t)t->order[i] * d;
        for (size_t k = 0; k < d; k++) {
            low[k] = x[k] < low[k] ? x[k] : low[k];
            high[k] = x[k] > high[k] ? x[k] : high[k];
            sum[k] += (double)v[k];
        }
    }
    for (int k = 1; k < t->d; k++)
        if (high[k] - low[k] > high[widest] - low[widest]) widest = k;
    return widest;
}

static void swap(int *a, int *b)
{
    const int was = *a;
    *a = *b;
    *b = was;
}

/* Orders [from, to) so that the middle one is in place by dimension k, no larger ones before it (Hoare's selection). */
static void select_middle(struct nearby *t, int from, int to, int k)
{
    const int middle = from + (to - from) / 2;
    for (int low = from, high = to - 1; low < high;) {
        const float pivot = point_at(t, low + (high - low) / 2)[k];
        int i = low, j = high;
        while (i <= j) {
            while (point_at(t, i)[k] < pivot) i++;
            while (point_at(t, j)[k] > pivot) j--;
            if (i <= j) swap(&t->order[i++], &t->order[j--]);
        }
        if (middle <= j) high = j;
        else if (middle >= i) low = i;
        else return;
    }
}

struct nearby *nearby_new(const float *point, const float *value, int n, int d)
{
    const size_t most = 4 * ((size_t)n / LEAF + 1), all = most * (size_t)d; /* a split leaves at least LEAF / 2 points a side */
    struct nearby *t = mem_new(1, sizeof *t);
    *t = (struct nearby){.point = point, .value = value, .d = d, .nodes = 1, .order = mem_new((size_t)n, sizeof *t->order), .node = mem_new(most, sizeof *t->node),
                         .low = mem_new(all, sizeof *t->low), .high = mem_new(all, sizeof *t->high), .sum = mem_new(all, sizeof *t->sum)};
    for (int i = 0; i < n; i++) t->order[i] = i;
    t->node[0] = (struct node){0, n, 0};
    for (int at = 0; at < t->nodes; at++) {
        struct node *node = &t->node[at];
        const int widest = measure(t, at), middle = node->from + (node->to - node->from) / 2;
        const size_t w = (size_t)at * (size_t)d + (size_t)widest;
        if (node->to - node->from <= LEAF || t->high[w] <= t->low[w]) continue; /* few points, or all of them one */
        select_middle(t, node->from, node->to, widest);
        node->child = t->nodes;
        t->node[t->nodes++] = (struct node){node->from, middle, 0};
        t->node[t->nodes++] = (struct node){middle, node->to, 0};
    }
    return t;
}

void nearby_free(struct nearby *t)
{
    if (!t) return;
    mem_free(t->order);
    mem_free(t->node);
    mem_free(t->low);
    mem_free(t->high);
    mem_free(t->sum);
    mem_free(t);
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b, int d)
{
    double far = 0;
    for (int k = 0; k < d; k++) far += fabs((double)a[k] - (double)b[k]);
    return far;
}

/* From q to the nearest and to the furthest place of a node's box. */
static void to_box(const struct nearby *t, int at, const float *q, double *nearest, double *furthest)
{
    const float *low = t->low + (size_t)at * (size_t)t->d, *high = t->high + (size_t)at * (size_t)t->d;
    *nearest = *furthest = 0;
    for (int k = 0; k < t->d; k++) {
        const double under = (double)low[k] - (double)q[k], over = (double)q[k] - (double)high[k];
        *nearest += under > 0 ? under : over > 0 ? over : 0;
        *furthest += fmax(fabs(under), fabs(over));
    }
}

static void search(const struct nearby *t, int at, const float *q, double *best)
{
    const struct node *node = &t->node[at];
    double near[2], far;
    if (!node->child) {
        for (int i = node->from; i < node->to; i++) *best = fmin(*best, distance(q, point_at(t, i), t->d));
        return;
    }
    for (int i = 0; i < 2; i++) to_box(t, node->child + i, q, &near[i], &far);
    const int first = near[1] < near[0];
    if (near[first] < *best) search(t, node->child + first, q, best);
    if (near[!first] < *best) search(t, node->child + !first, q, best);
}

double nearby_least(const struct nearby *t, const float *q)
{
    double best = INFINITY;
    search(t, 0, q, &best);
    return best;
}

static int add(const struct nearby *t, int at, const float *q, double radius, double *sum)
{
    const struct node *node = &t->node[at];
    const size_t d = (size_t)t->d;
    double nearest, furthest;
    int count = 0;
    to_box(t, at, q, &nearest, &furthest);
    if (nearest > radius) return 0;
    if (furthest <= radius) {
        for (size_t k = 0; k < d; k++) sum[k] += t->sum[(size_t)at * d + k];
        return node->to - node->from;
    }
    if (node->child) return add(t, node->child, q, radius, sum) + add(t, node->child + 1, q, radius, sum);
    for (int i = node->from; i < node->to; i++) {
        if (distance(q, point_at(t, i), t->d) > radius) continue;
        for (size_t k = 0; k < d; k++) sum[k] += (double)t->value[(size_t)t->order[i] * d + k];
        count++;
    }
    return count;
}

int nearby_sum(const struct nearby *t, const float *q, double radius, double *sum)
{
    return add(t, 0, q, radius, sum);
}
