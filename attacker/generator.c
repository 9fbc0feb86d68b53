#include "attacker/generator.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* The side that two upsamplings by 2 reach. */
static int padded(int side)
{
    return (side + 3) / 4 * 4;
}

int generator_new(struct generator **out, struct shape image, int latent, int width, int affine, int batch, uint64_t seed)
{
    const int h = padded(image.h), w = padded(image.w), half = width > 1 ? width / 2 : 1;
    struct generator *g = mem_new(1, sizeof *g);
    *g = (struct generator){.image = image, .latent = latent, .batch = batch};
    char *text = mem_print("flatten\n"
                           "linear l1 out=%d\n"
                           "unflatten c=%d h=%d w=%d\n"
                           "batchnorm bn0\n"
                           "upsample\n"
                           "conv conv1 out=%d k=3 pad=1\n"
                           "batchnorm bn1\n"
                           "leakyrelu slope=0.2\n"
                           "upsample\n"
                           "conv conv2 out=%d k=3 pad=1\n"
                           "batchnorm bn2\n"
                           "leakyrelu slope=0.2\n"
                           "conv conv3 out=%d k=3 pad=1\n"
                           "batchnorm bn3 affine=%d\n"
                           "flatten\n",
                           width * (h / 4) * (w / 4), width, h / 4, w / 4, width, half, image.c, affine);
    int code = model_parse(&g->net, "generator", text, (struct shape){latent, 1, 1, ROWS}, image.c * h * w);
    mem_free(text);
    if (code) {
        mem_free(g);
        return code;
    }
    model_init(g->net, seed);
    g->tape = tape_new(g->net, batch, TAPE_BACKWARD);
    tape_train(g->tape, g->net->stat);
    g->z = mem_new((size_t)batch * (size_t)latent, sizeof *g->z);
    g->dout = mem_new((size_t)batch * (size_t)(image.c * h * w), sizeof *g->dout);
    *out = g;
    return code;
}

void generator_free(struct generator *g)
{
    if (!g) return;
    tape_free(g->tape);
    model_free(g->net);
    mem_free(g->z);
    mem_free(g->dout);
    mem_free(g);
}

/* Where row y of map i of the image lies in the padded one. */
static size_t at(const struct generator *g, int i, int y)
{
    const int h = padded(g->image.h), w = padded(g->image.w);
    return ((size_t)i * (size_t)h + (size_t)(y + (h - g->image.h) / 2)) * (size_t)w + (size_t)((w - g->image.w) / 2);
}

void generator_make(struct generator *g, uint64_t seed, uint64_t index, int n, float *pre)
{
    struct rng r = rng_stream(seed, "generator/z", index);
    for (size_t i = 0; i < (size_t)n * (size_t)g->latent; i++) g->z[i] = (float)rng_normal(&r);
    const float *wide = model_forward(g->net, g->tape, g->z, n);
    const size_t w = (size_t)g->image.w;
    for (int i = 0; i < n * g->image.c; i++)
        for (int y = 0; y < g->image.h; y++) memcpy(pre + (size_t)(i * g->image.h + y) * w, wide + at(g, i, y), w * sizeof *pre);
}

void generator_backward(struct generator *g, int n, const float *dpre, float *dparams)
{
    const size_t w = (size_t)g->image.w;
    memset(g->dout, 0, (size_t)n * (size_t)g->net->classes * sizeof *g->dout);
    for (int i = 0; i < n * g->image.c; i++)
        for (int y = 0; y < g->image.h; y++) memcpy(g->dout + at(g, i, y), dpre + (size_t)(i * g->image.h + y) * w, w * sizeof *dpre);
    model_backward(g->net, g->tape, g->dout, dparams, NULL);
}

void generator_pixels(const float *pre, size_t n, float *x)
{
    for (size_t i = 0; i < n; i++) x[i] = 0.5f * tanhf(pre[i]) + 0.5f;
}
