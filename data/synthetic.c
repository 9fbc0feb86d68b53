#include "data/synthetic.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/format.h"

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "two sets that share no image"},
    {"n", OPTION_INT, "10000", 1, 1e6, NULL, "images to make"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the images"},
    {"shape", OPTION_CHOICE, "1x28x28", 0, 0, "1x28x28 3x32x32", "channels x height x width"},
    OPTION_END,
};

static struct shape parse_shape(const char *text)
{
    struct shape s = {.lanes = ROWS};
    sscanf(text, "%dx%dx%d", &s.c, &s.h, &s.w);
    return s;
}

/* Images are made in parallel, each from the stream of its own number. */
static int synthetic_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    struct images m = {.n = (int)spec_int(spec, "n"), .shape = parse_shape(spec_string(spec, "shape"))};
    size_t size = shape_size(m.shape);
    uint64_t seed = (uint64_t)spec_int(spec, "seed");
    char *stream = mem_print("%s%s", info->name, spec_is(spec, "split", "test") ? "/test" : "");
    m.pixels = mem_new((size_t)m.n, size);
#pragma omp parallel for schedule(dynamic, 64)
    for (int i = 0; i < m.n; i++) {
        struct rng r = rng_stream(seed, stream, (uint64_t)i);
        info->paint(m.pixels + (size_t)i * size, m.shape, &r);
    }
    mem_free(stream);
    *out = m;
    return OK;
}

const struct dataset_format synthetic_format = {
    .name = "synthetic", .options = options, .open = synthetic_open, .makes_n = 1};
