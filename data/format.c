#include "data/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"

void images_drop(struct images *m)
{
    if (m->map) munmap(m->map, m->map_size);
    else mem_free(m->pixels);
    m->map = NULL;
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

void images_transpose(struct images *m)
{
    const size_t h = (size_t)m->shape.h, w = (size_t)m->shape.w;
    uint8_t *plane = mem_new(h, w);
    for (uint8_t *p = m->pixels, *end = p + (size_t)m->n * shape_size(m->shape); p < end; p += h * w) {
        memcpy(plane, p, h * w);
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < w; j++) p[i * w + j] = plane[j * h + i];
    }
    mem_free(plane);
}

void images_planes(struct images *m)
{
    const size_t plane = (size_t)m->shape.h * (size_t)m->shape.w, c = (size_t)m->shape.c;
    if (c == 1) return;
    uint8_t *one = mem_new(plane, c);
    for (uint8_t *p = m->pixels, *end = p + (size_t)m->n * plane * c; p < end; p += plane * c) {
        memcpy(one, p, plane * c);
        for (size_t i = 0; i < plane; i++)
            for (size_t k = 0; k < c; k++) p[k * plane + i] = one[i * c + k];
    }
    mem_free(one);
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
