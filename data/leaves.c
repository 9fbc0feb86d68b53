/* Dead leaves: shapes fall over one another until they cover the image, as leaves do on a forest floor.
 * Sizes follow a power law, p(radius) ~ radius^-3, which gives the scale invariance of natural images
 * (Lee, Mumford, Huang 2001, "Occlusion models for natural images"). Leaves are discs, ellipses, rectangles and
 * triangles, turned at random, each of one grey or colour with a slight shading across it.
 *
 * Drawn from the top leaf down: a pixel takes a leaf's colour by the light that the leaves above let through, so edges
 * are anti-aliased exactly once; what is left at the end is the ground. */
#include <math.h>

#include "data/synthetic.h"

enum { LEAVES = 400 };
static const double PI = 3.14159265358979323846;

struct leaf {
    int kind;            /* 0 ellipse, 1 rectangle, 2 triangle */
    float x, y, radius;  /* pixels; the radius of the circle around it */
    float cosine, sine;
    float a, b;          /* half sides, pixels */
    float colour[PAINT_CHANNELS], shade; /* shade: change of brightness across one radius */
};

/* Radius from p(r) ~ r^-3 on [low, high], by inverting its distribution. */
static double power_law(struct rng *r, double low, double high)
{
    double l = 1 / (low * low), h = 1 / (high * high);
    return 1 / sqrt(l - rng_uniform(r) * (l - h));
}

static struct leaf leaf_new(struct shape s, struct rng *r, double smallest)
{
    double radius = power_law(r, smallest, 0.7 * s.h), angle = rng_between(r, 0, 2 * PI), flat = rng_between(r, 0.45, 1);
    struct leaf l = {.radius = (float)radius, .cosine = (float)cos(angle), .sine = (float)sin(angle)};
    l.kind = rng_below(r, 3);
    l.x = (float)rng_between(r, -radius, s.w + radius);
    l.y = (float)rng_between(r, -radius, s.h + radius);
    double corner = l.kind == 1 ? 1 / sqrt(1 + flat * flat) : 1; /* a rectangle's corner lies on the circle */
    l.a = (float)(radius * corner);
    l.b = (float)(radius * corner * flat);
    double grey = rng_uniform(r);
    for (int c = 0; c < s.c; c++) l.colour[c] = (float)(s.c == 1 ? grey : 0.5 * grey + 0.5 * rng_uniform(r));
    l.shade = (float)(0.12 * rng_normal(r));
    return l;
}

/* Signed distance to the leaf's edge, pixels, above 0 inside; (u, v) in the leaf's own axes. Near the edge it is exact
 * enough for one pixel's ramp. */
static float inside(const struct leaf *l, float u, float v)
{
    if (l->kind == 0) {
        float e = sqrtf(u * u / (l->a * l->a) + v * v / (l->b * l->b));
        float slope = sqrtf(u * u / (l->a * l->a * l->a * l->a) + v * v / (l->b * l->b * l->b * l->b));
        return slope > 0 ? (1 - e) * e / slope : l->b;
    }
    if (l->kind == 1) return fminf(l->a - fabsf(u), l->b - fabsf(v));
    /* a triangle on the circle of radius a: three half-planes at 120 degrees, a/2 from the middle */
    float side = 0.5f * l->a;
    return fminf(side + u, fminf(side - 0.5f * u + 0.8660254f * v, side - 0.5f * u - 0.8660254f * v));
}

static int clip(float v, int n)
{
    return v < 0 ? 0 : v > (float)(n - 1) ? n - 1 : (int)v;
}

/* Adds what is seen of a leaf; light [h][w] is what the leaves above let through. Returns the light it took. */
static float lay(float *image, float *light, struct shape s, const struct leaf *l)
{
    int plane = s.h * s.w, x0 = clip(l->x - l->radius - 1, s.w), x1 = clip(l->x + l->radius + 1, s.w);
    int y0 = clip(l->y - l->radius - 1, s.h), y1 = clip(l->y + l->radius + 1, s.h);
    float taken = 0;
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            int i = y * s.w + x;
            if (light[i] <= 0) continue;
            float dx = (float)x + 0.5f - l->x, dy = (float)y + 0.5f - l->y;
            float u = dx * l->cosine + dy * l->sine, v = dy * l->cosine - dx * l->sine;
            float cover = inside(l, u, v) + 0.5f;
            if (cover <= 0) continue;
            float seen = light[i] * (cover < 1 ? cover : 1), bright = l->shade * u / l->radius;
            for (int c = 0; c < s.c; c++) image[c * plane + i] += seen * (l->colour[c] + bright);
            light[i] = cover < 1 ? light[i] - seen : 0;
            taken += seen;
        }
    }
    return taken;
}

void leaves_paint(uint8_t *pixels, struct shape s, struct rng *r)
{
    float image[PAINT_CHANNELS * PAINT_SIDE * PAINT_SIDE] = {0}, ground[PAINT_CHANNELS] = {0};
    float light[PAINT_SIDE * PAINT_SIDE] = {0};
    int plane = s.h * s.w;
    float left = (float)plane;
    double smallest = rng_between(r, 2, 7); /* radius, pixels: some images fine, some coarse */
    for (int i = 0; i < plane; i++) light[i] = 1;
    for (int k = 0; k < LEAVES && left > 0.01f * (float)plane; k++) {
        struct leaf l = leaf_new(s, r, smallest);
        left -= lay(image, light, s, &l);
    }
    for (int c = 0; c < s.c; c++) ground[c] = (float)rng_uniform(r);
    for (int i = 0; i < s.c * plane; i++) {
        float v = image[i] + light[i % plane] * ground[i / plane];
        pixels[i] = (uint8_t)((v < 0 ? 0 : v > 1 ? 1 : v) * 255 + 0.5f);
    }
}
