#include "data/twins.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FREQ = 8, BITS = FREQ * FREQ, PARTS = 4, PART = 1 << 16, SHIFTS = 3, SAMPLE = 4096, IMAGE_CHUNK = 64 };
static const double PI = 3.14159265358979323846;

/* An image is looked at through a window that leaves a pixel free on each side, and moves by -1, 0 or 1: so that a moved copy shows the
 * same through one of them. The cosines along an axis, [SHIFTS][side][FREQ], are 0 outside the window. */
struct basis {
    struct shape shape;
    float *y, *x;
    float median[BITS];
};

static int window(int side)
{
    return side > 2 ? side - 2 : side;
}

/* Where it begins. */
static int edge(int side, int shift)
{
    return side > 2 ? shift : 0;
}

static float *cosines(int side)
{
    float *c = mem_new((size_t)(SHIFTS * side * FREQ), sizeof *c);
    for (int shift = 0; shift < SHIFTS; shift++)
        for (int i = 0; i < window(side); i++)
            for (int k = 0; k < FREQ; k++) c[(shift * side + edge(side, shift) + i) * FREQ + k] = (float)cos(PI * (i + 0.5) * k / window(side));
    return c;
}

/* grey [h][w] */
static void to_grey(struct shape s, const uint8_t *pixels, float *grey)
{
    const size_t plane = (size_t)s.h * (size_t)s.w;
    for (size_t i = 0; i < plane; i++)
        grey[i] = s.c == 1 ? (float)pixels[i] : 0.299f * (float)pixels[i] + 0.587f * (float)pixels[plane + i] + 0.114f * (float)pixels[2 * plane + i];
}

/* ---- the hash ---------------------------------------------------------------------------------- */

/* Along the rows: half [h][FREQ] of grey [h][w]. */
static void along_rows(const struct basis *b, int shift, const float *grey, float *half)
{
    const float *cosine = b->x + shift * b->shape.w * FREQ;
    for (int y = 0; y < b->shape.h; y++) {
        float sum[FREQ] = {0};
        for (int x = 0; x < b->shape.w; x++)
            for (int k = 0; k < FREQ; k++) sum[k] += grey[y * b->shape.w + x] * cosine[x * FREQ + k];
        memcpy(half + y * FREQ, sum, sizeof sum);
    }
}

/* Then along the columns: coefficients [BITS] over their norm, the mean's 0. All 0: an image of one colour. */
static void along_columns(const struct basis *b, int shift, const float *half, float *coefficient)
{
    const float *cosine = b->y + shift * b->shape.h * FREQ;
    double square = 0;
    memset(coefficient, 0, BITS * sizeof *coefficient);
    for (int y = 0; y < b->shape.h; y++)
        for (int j = 0; j < FREQ; j++)
            for (int k = 0; k < FREQ; k++) coefficient[j * FREQ + k] += cosine[y * FREQ + j] * half[y * FREQ + k];
    coefficient[0] = 0;
    for (int i = 0; i < BITS; i++) square += (double)coefficient[i] * (double)coefficient[i];
    const float scale = square > 1 ? (float)(1 / sqrt(square)) : 0; /* of one colour: rounding is left */
    for (int i = 0; i < BITS; i++) coefficient[i] *= scale;
}

/* 0: an image of one colour, which has no hash. */
static uint64_t hash_of(const struct basis *b, const float *coefficient)
{
    uint64_t bits = 0;
    float any = 0;
    for (int i = 1; i < BITS; i++) {
        bits |= (uint64_t)(coefficient[i] > b->median[i]) << i;
        any += fabsf(coefficient[i]);
    }
    return any > 0 ? bits | 1 : 0;
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The medians over up to SAMPLE images of d, evenly spread. */
static void measure_medians(struct basis *b, const struct dataset *d)
{
    const int n = d->n < SAMPLE ? d->n : SAMPLE;
    const size_t size = shape_size(d->shape), plane = (size_t)d->shape.h * (size_t)d->shape.w;
    float *all = mem_new((size_t)n * BITS, sizeof *all), *grey = mem_new(plane, sizeof *grey), *half = mem_new((size_t)d->shape.h * FREQ, sizeof *half);
    float own[BITS];
    for (int i = 0; i < n; i++) {
        to_grey(d->shape, d->pixels + (size_t)((int64_t)i * d->n / n) * size, grey);
        along_rows(b, 1, grey, half);
        along_columns(b, 1, half, own);
        for (int k = 0; k < BITS; k++) all[k * n + i] = own[k];
    }
    for (int k = 0; k < BITS; k++) {
        qsort(all + k * n, (size_t)n, sizeof *all, by_size);
        b->median[k] = all[k * n + n / 2];
    }
    mem_free(all);
    mem_free(grey);
    mem_free(half);
}

/* hash [n][shifts * shifts]: through the middle window (shifts 1), or through all of them, row by row (shifts 3). */
static uint64_t *hash_all(const struct basis *b, const struct dataset *d, int shifts)
{
    const size_t size = shape_size(d->shape), plane = (size_t)d->shape.h * (size_t)d->shape.w;
    const int each = shifts * shifts, first = (SHIFTS - shifts) / 2;
    uint64_t *hash = mem_new((size_t)d->n * (size_t)each, sizeof *hash);
#pragma omp parallel
    {
        float *grey = mem_new(plane, sizeof *grey), *half = mem_new((size_t)d->shape.h * FREQ, sizeof *half), own[BITS];
#pragma omp for schedule(dynamic, IMAGE_CHUNK)
        for (int i = 0; i < d->n; i++) {
            to_grey(d->shape, d->pixels + (size_t)i * size, grey);
            for (int dx = 0; dx < shifts; dx++) {
                along_rows(b, first + dx, grey, half);
                for (int dy = 0; dy < shifts; dy++) {
                    along_columns(b, first + dy, half, own);
                    hash[(size_t)i * (size_t)each + (size_t)(dy * shifts + dx)] = hash_of(b, own);
                }
            }
        }
        mem_free(grey);
        mem_free(half);
    }
    return hash;
}

/* ---- finding ------------------------------------------------------------------------------------- */

/* The images of a by each 16-bit part of their hash, and by the hash of their bytes. */
struct index {
    int *start[PARTS], *image[PARTS]; /* [PART + 1], [n] */
    uint64_t *hash, *bytes;           /* [n]; bytes sorted in `order` */
    int *order;
};

static unsigned part_of(uint64_t hash, int part)
{
    return (unsigned)(hash >> (16 * part)) & (PART - 1);
}

static uint64_t *bytes_hashes(const struct dataset *d)
{
    const size_t size = shape_size(d->shape);
    uint64_t *hash = mem_new((size_t)d->n, sizeof *hash);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < d->n; i++) hash[i] = hash_row(d->pixels + (size_t)i * size, size);
    return hash;
}

struct keyed {
    uint64_t key;
    int image;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : x->image - y->image;
}

static void index_new(struct index *x, const struct basis *b, const struct dataset *a)
{
    struct keyed *sorted = mem_new((size_t)a->n, sizeof *sorted);
    x->hash = hash_all(b, a, 1);
    x->bytes = bytes_hashes(a);
    for (int p = 0; p < PARTS; p++) {
        int *start = x->start[p] = mem_new(PART + 1, sizeof *start), *image = x->image[p] = mem_new((size_t)a->n, sizeof *image);
        for (int i = 0; i < a->n; i++) start[part_of(x->hash[i], p)]++;
        for (int i = 1; i <= PART; i++) start[i] += start[i - 1];
        for (int i = a->n - 1; i >= 0; i--) image[--start[part_of(x->hash[i], p)]] = i;
    }
    for (int i = 0; i < a->n; i++) sorted[i] = (struct keyed){x->bytes[i], i};
    qsort(sorted, (size_t)a->n, sizeof *sorted, by_key);
    x->order = mem_new((size_t)a->n, sizeof *x->order);
    for (int i = 0; i < a->n; i++) {
        x->order[i] = sorted[i].image;
        x->bytes[i] = sorted[i].key;
    }
    mem_free(sorted);
}

static void index_free(struct index *x)
{
    for (int p = 0; p < PARTS; p++) {
        mem_free(x->start[p]);
        mem_free(x->image[p]);
    }
    mem_free(x->hash);
    mem_free(x->bytes);
    mem_free(x->order);
}

/* The image of a with these bytes, -1: none. */
static int find_same(const struct index *x, const struct dataset *a, const uint8_t *pixels)
{
    const size_t size = shape_size(a->shape);
    const uint64_t key = hash_row(pixels, size);
    int low = 0, high = a->n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (x->bytes[middle] < key) low = middle + 1;
        else high = middle;
    }
    for (; low < a->n && x->bytes[low] == key; low++)
        if (memcmp(a->pixels + (size_t)x->order[low] * size, pixels, size) == 0) return x->order[low];
    return -1;
}

/* The correlation of two greys [h][w]: the first through the middle window, the second through the one of dy and dx. */
static double likeness(struct shape s, const float *a, const float *b, int dy, int dx)
{
    double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    const double n = (double)window(s.h) * window(s.w);
    a += edge(s.h, 1) * s.w + edge(s.w, 1);
    b += edge(s.h, dy) * s.w + edge(s.w, dx);
    for (int y = 0; y < window(s.h); y++)
        for (int x = 0; x < window(s.w); x++) {
            const double p = (double)a[y * s.w + x], q = (double)b[y * s.w + x];
            sa += p, sb += q, aa += p * p, bb += q * q, ab += p * q;
        }
    const double variance = (aa - sa * sa / n) * (bb - sb * sb / n);
    return variance > 0 ? (ab - sa * sb / n) / sqrt(variance) : 0;
}

/* What one thread needs to look closer. */
struct desk {
    float *a, *b; /* greys [h][w] */
};

/* An image of a that is nearly image i of b, whose hashes are hash [9]; -1: none. */
static int find_near(double *like, const struct index *x, const struct dataset *a, const struct dataset *b, int i, const uint64_t *hash, const struct desk *k)
{
    const size_t size = shape_size(a->shape);
    int grey = 0;
    for (int shift = 0; shift < SHIFTS * SHIFTS && hash[shift]; shift++)
        for (int p = 0; p < PARTS; p++) {
            const unsigned part = part_of(hash[shift], p);
            for (int at = x->start[p][part]; at < x->start[p][part + 1]; at++) {
                const int other = x->image[p][at];
                if (__builtin_popcountll(x->hash[other] ^ hash[shift]) > TWINS_BITS || !x->hash[other]) continue;
                if (!grey) to_grey(b->shape, b->pixels + (size_t)i * size, k->b);
                grey = 1;
                to_grey(a->shape, a->pixels + (size_t)other * size, k->a);
                *like = likeness(a->shape, k->a, k->b, shift / SHIFTS, shift % SHIFTS);
                if (*like >= TWINS_LIKENESS) return other;
            }
        }
    return -1;
}

static void tally(struct twins *out, int n, const struct twin *found)
{
    *out = (struct twins){0};
    for (int i = 0; i < n; i++) {
        if (found[i].a < 0) continue;
        if (found[i].b) out->same++;
        else out->nearly++;
        if (out->shown < TWINS_SHOWN) out->twin[out->shown++] = (struct twin){found[i].a, i, found[i].likeness};
    }
}

void twins_find(struct twins *out, const struct dataset *a, const struct dataset *b)
{
    const struct shape s = a->shape;
    assert(s.c == b->shape.c && s.h == b->shape.h && s.w == b->shape.w && (s.c == 1 || s.c == 3));
    const size_t size = shape_size(s), plane = (size_t)s.h * (size_t)s.w;
    struct basis basis = {.shape = s, .y = cosines(s.h), .x = cosines(s.w)};
    struct index index;
    measure_medians(&basis, a);
    index_new(&index, &basis, a);
    uint64_t *hash = hash_all(&basis, b, SHIFTS);
    struct twin *found = mem_new((size_t)b->n, sizeof *found); /* b: 1 the same */
#pragma omp parallel
    {
        struct desk desk = {mem_new(plane, sizeof(float)), mem_new(plane, sizeof(float))};
#pragma omp for schedule(dynamic, IMAGE_CHUNK)
        for (int i = 0; i < b->n; i++) {
            found[i] = (struct twin){find_same(&index, a, b->pixels + (size_t)i * size), 1, 1};
            if (found[i].a < 0) found[i].b = 0, found[i].a = find_near(&found[i].likeness, &index, a, b, i, hash + (size_t)i * SHIFTS * SHIFTS, &desk);
        }
        mem_free(desk.a);
        mem_free(desk.b);
    }
    tally(out, b->n, found);
    index_free(&index);
    mem_free(found);
    mem_free(hash);
    mem_free(basis.y);
    mem_free(basis.x);
}
