#include "data/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/decoded.h"

void images_drop(struct images *m)
{
    if (m->map) munmap(m->map, m->map_size);
    else mem_free(m->pixels);
    m->map = NULL;
    m->fixed = 0;
    m->pixels = NULL;
    m->hash[0] = 0;
}

void images_clear(struct images *m)
{
    images_drop(m);
    mem_free(m->labels);
    mem_free(m->names);
    *m = (struct images){0};
}

/* What the pixels and `how` are kept by: the labels have no part in it. */
static void remade_key(char key[HASH_TEXT], const struct images *m, struct shape to, const char *how)
{
    char hash[HASH_TEXT];
    images_hash(hash, &(struct images){.n = m->n, .shape = m->shape, .pixels = m->pixels});
    char *text = mem_print("remade 1 %s to %dx%dx%d of %s", how, to.c, to.h, to.w, hash);
    hash_bytes(key, text, strlen(text));
    mem_free(text);
}

void images_remake(struct images *m, struct shape to, const char *how, image_maker *one, const void *with)
{
    struct images made = {.n = m->n, .shape = to};
    struct decoded d;
    const size_t from = shape_size(m->shape), size = shape_size(to);
    const int large = decoded_large(&made);
    char key[HASH_TEXT] = "";
    if (large) remade_key(key, m, to, how);
    if (!large || !decoded_open(&made, key)) {
        if (!decoded_begin(&d, &made, large ? key : NULL)) {
#pragma omp parallel for schedule(static)
            for (int i = 0; i < m->n; i++) one(made.pixels + (size_t)i * size, m->pixels + (size_t)i * from, m->shape, with);
        }
        decoded_end(&d, &made, 1);
    }
    images_drop(m);
    m->pixels = made.pixels;
    m->map = made.map;
    m->map_size = made.map_size;
    m->fixed = made.fixed;
    m->shape = to;
}

/* The same pixels in another order. */
static void reorder(struct images *m, const char *how, image_maker *one)
{
    const size_t size = shape_size(m->shape);
    if (m->fixed) {
        images_remake(m, m->shape, how, one, NULL);
        return;
    }
    uint8_t *image = mem_new(size, 1);
    for (int i = 0; i < m->n; i++) {
        memcpy(image, m->pixels + (size_t)i * size, size);
        one(m->pixels + (size_t)i * size, image, m->shape, NULL);
    }
    mem_free(image);
}

static void transpose(uint8_t *out, const uint8_t *pixels, struct shape s, const void *with)
{
    const size_t h = (size_t)s.h, w = (size_t)s.w;
    (void)with;
    for (int c = 0; c < s.c; c++, pixels += h * w, out += h * w)
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < w; j++) out[i * w + j] = pixels[j * h + i];
}

void images_transpose(struct images *m)
{
    reorder(m, "transposed", transpose);
}

static void planes(uint8_t *out, const uint8_t *pixels, struct shape s, const void *with)
{
    const size_t plane = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    (void)with;
    for (size_t k = 0; k < c; k++)
        for (size_t i = 0; i < plane; i++) out[k * plane + i] = pixels[i * c + k];
}

void images_planes(struct images *m)
{
    if (m->shape.c > 1) reorder(m, "planes", planes);
}

int shape_of_row(struct shape *out, size_t pixels)
{
    static const struct shape known[] = {{1, 28, 28, ROWS}, {1, 32, 32, ROWS}, {3, 32, 32, ROWS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (shape_size(known[i]) == pixels) return *out = known[i], 1;
    return 0;
}

int images_label(struct images *m, const struct dataset_info *info, int *value, int classes, const char *path)
{
    const int first = info->first_label;
    m->labels = value;
    m->classes = classes;
    for (int i = 0; i < m->n; i++) {
        if (value[i] < first || value[i] >= first + classes)
            return err_set(ERR_FORMAT, "%s: label %d is %d, expected %d to %d (%s)", path, i, value[i], first, first + classes - 1, info->name);
        value[i] -= first;
    }
    return OK;
}

int images_fit(const struct images *m, const struct dataset_info *info, int split, int own, const char *path)
{
    const struct shape got = m->shape, want = info->shape;
    if (want.c && (got.c != want.c || got.h != want.h || got.w != want.w))
        return err_set(ERR_FORMAT, "%s: images of %dx%dx%d, expected %dx%dx%d (%s)", path, got.c, got.h, got.w, want.c, want.h, want.w, info->name);
    if (!own && info->n[split] && m->n != info->n[split])
        return err_set(ERR_FORMAT, "%s: %d images, expected %d (%s)", path, m->n, info->n[split], info->name);
    return OK;
}

/* The sums are whole numbers, so no order of adding changes them. */
void images_measure(struct images *m)
{
    size_t plane = (size_t)m->shape.h * (size_t)m->shape.w;
    for (int c = 0; c < m->shape.c; c++) {
        uint64_t sum = 0, squares = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum, squares)
        for (int i = 0; i < m->n; i++) {
            const uint8_t *p = m->pixels + ((size_t)i * (size_t)m->shape.c + (size_t)c) * plane;
            uint64_t a = 0, b = 0;
            for (size_t k = 0; k < plane; k++) {
                a += p[k];
                b += (unsigned)p[k] * p[k];
            }
            sum += a;
            squares += b;
        }
        double count = (double)plane * m->n, mean = (double)sum / count / 255;
        double variance = (double)squares / count / (255.0 * 255.0) - mean * mean;
        m->mean[c] = (float)mean;
        m->std[c] = variance > 1e-6 ? (float)sqrt(variance) : 1; /* a set of one colour is only centred */
    }
}

void images_hash(char out[HASH_TEXT], const struct images *m)
{
    const size_t piece = (size_t)4 << 20;
    size_t bytes[2] = {(size_t)m->n * shape_size(m->shape), m->labels ? (size_t)m->n * sizeof *m->labels : 0};
    const uint8_t *from[2] = {m->pixels, (const uint8_t *)m->labels};
    int pieces[2], total;
    for (int k = 0; k < 2; k++) pieces[k] = (int)((bytes[k] + piece - 1) / piece);
    total = pieces[0] + pieces[1];
    char(*text)[HASH_TEXT] = mem_new((size_t)total + 1, sizeof *text);
    snprintf(text[0], sizeof text[0], "%d %dx%dx%d %d", m->n, m->shape.c, m->shape.h, m->shape.w, m->classes);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < total; i++) {
        int k = i >= pieces[0];
        size_t at = (size_t)(k ? i - pieces[0] : i) * piece;
        hash_bytes(text[i + 1], from[k] + at, bytes[k] - at < piece ? bytes[k] - at : piece);
    }
    hash_bytes(out, text, ((size_t)total + 1) * sizeof *text);
    mem_free(text);
}
