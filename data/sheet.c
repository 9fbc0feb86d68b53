#include "data/sheet.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/picture.h"
#include "data/transform.h"

enum { TILE = 56, GAP = 4, LETTER_W = 4, LETTER_H = 5, LETTER_SCALE = 2 }; /* pixels; a letter is 3x5 with one free column */
static const uint8_t PAPER[3] = {232, 232, 228}, INK[3] = {20, 20, 20};

struct canvas {
    int w, h;
    uint8_t *rgb; /* [h][w][3] */
};

/* ---- letters --------------------------------------------------------------------------------- */

/* Five rows from the top, an octal digit each: 4 is the left pixel, 1 the right one. */
static unsigned letter(int c)
{
    static const unsigned digit[] = {075557, 026227, 071747, 071317, 055711, 074717, 074757, 071122, 075757, 075717};
    static const unsigned alpha[] = {025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227, 011152, 055655, 044447, 057755,
                                     065555, 025552, 065644, 025563, 065655, 034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247};
    static const char signs[] = " -.,:/+=%()_#'";
    static const unsigned sign[] = {0, 000700, 000002, 000024, 002020, 011244, 002720, 007070, 051245, 012221, 042224, 000007, 057575, 022000};
    const char *at = strchr(signs, c);
    if (isdigit(c)) return digit[c - '0'];
    if (isalpha(c)) return alpha[toupper(c) - 'A'];
    return c && at ? sign[at - signs] : 061202; /* a question mark */
}

static void put(struct canvas *p, int x, int y, const uint8_t rgb[3])
{
    memcpy(p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x), rgb, 3);
}

static void put_text(struct canvas *p, int x, int y, const char *text)
{
    for (; *text; text++, x += LETTER_W * LETTER_SCALE) {
        const unsigned bits = letter((unsigned char)*text);
        for (int i = 0; i < LETTER_H * LETTER_SCALE; i++)
            for (int j = 0; j < 3 * LETTER_SCALE; j++)
                if (bits >> (3 * (LETTER_H - 1 - i / LETTER_SCALE) + 2 - j / LETTER_SCALE) & 1) put(p, x + j, y + i, INK);
    }
}

/* ---- images ----------------------------------------------------------------------------------- */

static void put_image(struct canvas *p, int x, int y, int scale, struct shape s, const uint8_t *pixels)
{
    const size_t plane = (size_t)s.h * (size_t)s.w;
    for (int i = 0; i < s.h * scale; i++)
        for (int j = 0; j < s.w * scale; j++) {
            const uint8_t *at = pixels + (i / scale) * s.w + j / scale;
            put(p, x + j, y + i, s.c == 1 ? (uint8_t[3]){at[0], at[0], at[0]} : (uint8_t[3]){at[0], at[plane], at[2 * plane]});
        }
}

static int label_width(int rows, const char *const *label)
{
    size_t most = 0;
    for (int i = 0; i < rows; i++)
        if (label[i] && strlen(label[i]) > most) most = strlen(label[i]);
    return most ? (int)most * LETTER_W * LETTER_SCALE + GAP : 0;
}

int sheet_write(const char *path, struct shape s, int rows, int columns, const char *const *label, const uint8_t *const *tile)
{
    if (s.c != 1 && s.c != 3) return err_set(ERR_SHAPE, "a sheet of images with %d channels, expected 1 or 3", s.c);
    const int side = s.h > s.w ? s.h : s.w, scale = side < TILE ? (TILE + side - 1) / side : 1;
    const int left = GAP + label_width(rows, label), dx = s.w * scale + GAP, dy = s.h * scale + GAP;
    if (rows > TRANSFORM_SIDE / dy || columns > (TRANSFORM_SIDE - left) / dx)
        return err_set(ERR_SHAPE, "%s: %d x %d images of %dx%d pixels, expected a sheet of at most %d pixels a side: ask for fewer", path, rows, columns, s.h * scale,
                       s.w * scale, TRANSFORM_SIDE);
    struct canvas p = {.w = left + columns * dx, .h = GAP + rows * dy};
    uint8_t *bytes = NULL;
    size_t size = 0;
    p.rgb = mem_new((size_t)p.w * (size_t)p.h, 3);
    for (int i = 0; i < p.w * p.h; i++) put(&p, i % p.w, i / p.w, PAPER);
    for (int r = 0; r < rows; r++) {
        const int y = GAP + r * dy;
        if (label[r]) put_text(&p, GAP, y + (dy - GAP - LETTER_H * LETTER_SCALE) / 2, label[r]);
        for (int c = 0; c < columns; c++)
            if (tile[r * columns + c]) put_image(&p, left + c * dx, y, scale, s, tile[r * columns + c]);
    }
    int code = picture_encode(&bytes, &size, p.rgb, p.h, p.w);
    if (!code) code = file_write(path, bytes, size);
    mem_free(bytes);
    mem_free(p.rgb);
    return code;
}
