/* Strokes: one to three strokes of a pen, made as a hand makes them and fitted to the image as MNIST's digits are.
 *
 * Most strokes pass through a few places of a box that is taller than wide, in curves or with corners, and may come
 * back to where they were (a 6, an 8, a P); the others are walked with a curvature that drifts, turns over and breaks
 * (an S, a spiral, a 3). Later strokes are short and begin near an earlier one, so they cross it or touch it (a 4, a t).
 * All are slanted alike, scaled and moved into a box of about 20 pixels, and drawn with a round pen whose width swells
 * and thins: ink = how much of a pixel lies under the pen, 0 to 1, along a ramp of one to two pixels. */
#include <math.h>

#include "data/synthetic.h"

enum { STROKES = 3, PLACES = 5, PIECE = 10, STEPS = PLACES * PIECE, POINTS = STROKES * STEPS };
static const double PI = 3.14159265358979323846;

struct pen {
    float x, y, radius;
    int start; /* 1: a new stroke begins here */
};

struct drawing {
    int n;
    struct pen at[POINTS];
};

struct place {
    double x, y, tx, ty; /* position and tangent; the box is 0.7 wide and 1 tall */
};

static void mark(struct drawing *d, double x, double y, int start)
{
    d->at[d->n++] = (struct pen){.x = (float)x, .y = (float)y, .start = start};
}

static struct place anywhere(struct rng *r)
{
    double x = rng_between(r, 0, 0.7), y = rng_between(r, 0, 1); /* one after the other: C leaves an initialiser's order open */
    return (struct place){.x = x, .y = y};
}

static struct place close_to(double x, double y, double off, struct rng *r)
{
    double dx = off * rng_normal(r), dy = off * rng_normal(r);
    return (struct place){.x = x + dx, .y = y + dy};
}

/* Does the way a-b-c nearly go back on itself? Pens seldom do: lines would run together. */
static int reverses(const struct place *a, const struct place *b, const struct place *c)
{
    double ux = b->x - a->x, uy = b->y - a->y, vx = c->x - b->x, vy = c->y - b->y;
    return ux * vx + uy * vy < -0.75 * hypot(ux, uy) * hypot(vx, vy);
}

/* Places in the box, each well away from the one before. */
static void choose_places(struct place *p, int n, struct rng *r)
{
    for (int i = 1; i < n; i++) {
        int good = 0;
        for (int tries = 0; tries < 12 && !good; tries++) {
            p[i] = anywhere(r);
            good = hypot(p[i].x - p[i - 1].x, p[i].y - p[i - 1].y) > 0.35;
            if (i > 1 && reverses(&p[i - 2], &p[i - 1], &p[i])) good = 0;
        }
    }
    if (n > 3 && rng_uniform(r) < 0.4) { /* comes back */
        const struct place *back = &p[rng_below(r, n - 3)];
        p[n - 1] = close_to(back->x, back->y, 0.05, r);
    }
}

/* Tangents: along the neighbours (Catmull and Rom), none at a corner; the ends leave a little to one side. */
static void choose_tangents(struct place *p, int n, struct rng *r)
{
    double round = rng_between(r, 0.6, 1.3);
    for (int i = 0; i < n; i++) {
        const struct place *before = &p[i > 0 ? i - 1 : 0], *after = &p[i < n - 1 ? i + 1 : i];
        double dx = after->x - before->x, dy = after->y - before->y;
        int end = i == 0 || i == n - 1;
        double turn = end ? (n > 2 ? 0.7 : 0.3) * rng_normal(r) : 0;
        double pull = end ? round : rng_uniform(r) < 0.25 ? 0 : 0.75 * round;
        p[i].tx = pull * (dx * cos(turn) - dy * sin(turn));
        p[i].ty = pull * (dx * sin(turn) + dy * cos(turn));
    }
}

/* Cubic Hermite pieces through the places. */
static void through(struct drawing *d, const struct place *p, int n)
{
    for (int i = 0; i < n - 1; i++) {
        const struct place *a = &p[i], *b = &p[i + 1];
        int last = i == n - 2;
        for (int k = 0; k < PIECE + last; k++) {
            double t = (double)k / PIECE, t2 = t * t, t3 = t2 * t;
            double h[4] = {2 * t3 - 3 * t2 + 1, 3 * t2 - 2 * t3, t3 - 2 * t2 + t, t3 - t2};
            mark(d, h[0] * a->x + h[1] * b->x + h[2] * a->tx + h[3] * b->tx,
                 h[0] * a->y + h[1] * b->y + h[2] * a->ty + h[3] * b->ty, i == 0 && k == 0);
        }
    }
}

/* A walk whose heading turns by a curvature that drifts towards its own aim, which now and then changes its sign. */
static void walk(struct drawing *d, struct rng *r, double x, double y)
{
    int steps = 24 + rng_below(r, STEPS - 24 + 1);
    double heading = rng_between(r, -PI, PI), step = rng_between(r, 1.4, 2.8) / steps;
    int side = rng_uniform(r) < 0.5 ? -1 : 1;
    double aim = side * rng_between(r, 2.5, 8) / steps, bend = aim;
    double corner = 0.8 / steps, over = rng_uniform(r) < 0.6 ? 1.5 / steps : 0;
    for (int i = 0; i < steps; i++) {
        mark(d, x, y, i == 0);
        if (rng_uniform(r) < corner) heading += (aim < 0 ? 1 : -1) * rng_between(r, 1.2, 2.6);
        if (rng_uniform(r) < over) aim = -aim;
        bend += 0.35 * (aim - bend);
        heading += bend;
        x += step * cos(heading);
        y += step * sin(heading);
    }
}

static void draw_paths(struct drawing *d, struct rng *r)
{
    double u = rng_uniform(r);
    int strokes = u < 0.55 ? 1 : u < 0.9 ? 2 : STROKES;
    for (int k = 0; k < strokes; k++) {
        struct place p[PLACES] = {{0}};
        int n = k == 0 ? 3 + rng_below(r, PLACES - 2) : 2 + rng_below(r, 2);
        if (k == 0 && strokes == 1 && rng_uniform(r) < 0.08) n = 2; /* a 1 */
        if (k == 0) {
            p[0] = anywhere(r);
        } else {
            const struct pen *from = &d->at[rng_below(r, d->n)];
            double off = rng_uniform(r) < 0.5 ? 0.03 : 0.2; /* touching, or set beside */
            p[0] = close_to(from->x, from->y, off, r);
        }
        if (k == 0 && n > 2 && rng_uniform(r) < 0.3) {
            walk(d, r, p[0].x, p[0].y);
            continue;
        }
        choose_places(p, n, r);
        choose_tangents(p, n, r);
        through(d, p, n);
    }
}

/* Scales and moves the paths so that the longer side of their box is `box` pixels, a little squeezed and slanted, and
 * the middle of their ink lies near the image's, which nothing leaves; gives the pen its width, half of it `pen`. */
static void fit(struct drawing *d, struct rng *r, struct shape s, double pen, double soft)
{
    double slant = 0.15 + 0.2 * rng_normal(r), squeeze = rng_between(r, 0.85, 1.25);
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9}, sum[2] = {0};
    for (int i = 0; i < d->n; i++) {
        struct pen *p = &d->at[i];
        p->x = (float)(squeeze * p->x - slant * p->y);
        double v[2] = {p->x, p->y};
        for (int k = 0; k < 2; k++) {
            low[k] = v[k] < low[k] ? v[k] : low[k];
            high[k] = v[k] > high[k] ? v[k] : high[k];
            sum[k] += v[k];
        }
    }
    double wide = high[0] - low[0], tall = high[1] - low[1], longer = wide > tall ? wide : tall;
    double box = rng_between(r, 0.66, 0.80) * s.h - 2 * pen, scale = longer > 0 ? box / longer : 1;
    double side[2] = {s.w, s.h}, move[2], phase = rng_between(r, 0, 2 * PI), swell = rng_between(r, 0, 0.2);
    for (int k = 0; k < 2; k++) {
        double margin = pen * (1 + swell) + 0.5 * soft + 0.5;
        double most = side[k] - margin - scale * high[k], least = margin - scale * low[k];
        move[k] = side[k] / 2 - scale * sum[k] / d->n + rng_normal(r) * 0.5;
        move[k] = move[k] > most ? most : move[k];
        move[k] = move[k] < least ? least : move[k];
    }
    for (int i = 0; i < d->n; i++) {
        d->at[i].x = (float)(scale * d->at[i].x + move[0]);
        d->at[i].y = (float)(scale * d->at[i].y + move[1]);
        d->at[i].radius = (float)(pen * (1 + swell * sin(phase + 0.15 * i)));
    }
}

static int clip(float v, int n)
{
    return v < 0 ? 0 : v > (float)(n - 1) ? n - 1 : (int)v;
}

/* Ink of the pen drawn from a to b: for each pixel the deepest it lies under the pen, 0..1, over all segments. */
static void segment(float *ink, struct shape s, const struct pen *a, const struct pen *b, float soft)
{
    float radius = 0.5f * (a->radius + b->radius), reach = radius + 0.5f * soft;
    float dx = b->x - a->x, dy = b->y - a->y, length2 = dx * dx + dy * dy;
    int x0 = clip((a->x < b->x ? a->x : b->x) - reach, s.w), x1 = clip((a->x > b->x ? a->x : b->x) + reach, s.w);
    int y0 = clip((a->y < b->y ? a->y : b->y) - reach, s.h), y1 = clip((a->y > b->y ? a->y : b->y) + reach, s.h);
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            float px = (float)x + 0.5f - a->x, py = (float)y + 0.5f - a->y;
            float t = length2 > 0 ? (px * dx + py * dy) / length2 : 0;
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            float ex = px - t * dx, ey = py - t * dy, cover = (reach - sqrtf(ex * ex + ey * ey)) / soft;
            float *out = &ink[y * s.w + x];
            if (cover > *out) *out = cover < 1 ? cover : 1;
        }
    }
}

/* Lays ink over the image in one colour; grey images are white ink on black. */
static void stain(float *image, struct shape s, const float *ink, const float *colour)
{
    int plane = s.h * s.w;
    for (int c = 0; c < s.c; c++)
        for (int i = 0; i < plane; i++) image[c * plane + i] += ink[i] * (colour[c] - image[c * plane + i]);
}

/* A colour that can be told from the ground: some channel differs by at least 0.35. */
static void choose_colour(float *colour, int c, const float *ground, struct rng *r)
{
    float most;
    do {
        most = 0;
        for (int k = 0; k < c; k++) {
            colour[k] = (float)rng_uniform(r);
            most = fmaxf(most, fabsf(colour[k] - ground[k]));
        }
    } while (most < 0.35f);
}

void strokes_paint(uint8_t *pixels, struct shape s, struct rng *r)
{
    struct drawing d;
    float image[PAINT_CHANNELS * PAINT_SIDE * PAINT_SIDE] = {0}, ink[PAINT_SIDE * PAINT_SIDE] = {0};
    float ground[PAINT_CHANNELS] = {0};
    float colour[PAINT_CHANNELS] = {1, 1, 1};
    int plane = s.h * s.w, coloured = s.c > 1;
    d.n = 0;
    double unit = s.h / 28.0, pen = unit * rng_between(r, 0.75, 1.75); /* half the pen's width, pixels */
    float soft = (float)(unit * rng_between(r, 1.0, 1.9));             /* width of the edge's ramp, pixels */
    draw_paths(&d, r);
    if (d.n > STEPS) pen *= 0.8; /* much to draw in the same box: a finer pen */
    fit(&d, r, s, pen, soft);
    for (int c = 0; c < s.c && coloured; c++) ground[c] = (float)rng_uniform(r);
    for (int i = 0; i < s.c * plane; i++) image[i] = ground[i / plane];
    int one_colour = !coloured || rng_uniform(r) < 0.5;
    if (coloured) choose_colour(colour, s.c, ground, r);
    for (int i = 0; i < d.n;) {
        for (int k = 0; k < plane; k++) ink[k] = 0;
        int k = i + 1;
        for (; k < d.n && (one_colour || !d.at[k].start); k++)
            if (!d.at[k].start) segment(ink, s, &d.at[k - 1], &d.at[k], soft);
        stain(image, s, ink, colour);
        if (!one_colour) choose_colour(colour, s.c, ground, r);
        i = k;
    }
    for (int i = 0; i < s.c * plane; i++) pixels[i] = (uint8_t)(image[i] * 255 + 0.5f);
}
