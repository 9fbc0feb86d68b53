/* Networks as texts: what the language of nn/arch.h stands for, what it refuses, and every network of nn/arch. */
#include "nn/arch.h"
#include "nn/model.h"
#include "tests/check.h"

static void a_broken_architecture_is_refused(void)
{
    struct model *m = NULL;
    const struct shape in = {1, 8, 8, 0};
    unsetenv("HEIST_SIMD");
    CHECK_ERR(model_new(&m, "lenet6", in, 10), ERR_OPTION, "did you mean 'lenet5'");
    CHECK_ERR(model_new(&m, "lenet5", in, 10), ERR_SHAPE, "line 4: conv: found 2x2");
    CHECK_ERR(model_parse(&m, "t", "konv out=3\n", in, 10), ERR_OPTION, "did you mean 'conv'");
    CHECK_ERR(model_parse(&m, "t", "conv a out=3 kk=3\n", in, 10), ERR_OPTION, "unknown option 'kk'");
    CHECK_ERR(model_parse(&m, "t", "conv a\n", in, 10), ERR_OPTION, "option 'out' must be given");
    CHECK_ERR(model_parse(&m, "t", "flatten\nlinear a out=7\n", in, 10), ERR_SHAPE, "7 numbers come out, expected 10");
    CHECK_ERR(model_parse(&m, "t", "relu < nowhere\n", in, 10), ERR_OPTION, "no layer is called 'nowhere'");
    CHECK_ERR(model_parse(&m, "t", "linear a out=K\n", in, 10), ERR_SHAPE, "flatten before it");
    CHECK_ERR(model_parse(&m, "t", "flatten\nflatten\n", in, 64), ERR_SHAPE, "line 2: flatten: found a vector of 64, expected maps");
    CHECK_ERR(model_parse(&m, "t", "flatten\navgpool\n", in, 64), ERR_SHAPE, "avgpool: found a vector of 64, expected maps");
    CHECK_ERR(model_parse(&m, "t", "flatten\nupsample\n", in, 64), ERR_SHAPE, "unflatten before it");
    CHECK_ERR(model_parse(&m, "t", "upsample k=16\nupsample k=16\nupsample k=16\n", in, 10), ERR_SHAPE, "line 3: upsample: found maps of 2048x2048");
    CHECK_ERR(model_parse(&m, "t", "unflatten c=1 h=8 w=8\n", in, 64), ERR_SHAPE, "found 1x8x8, expected a vector of 64");
    CHECK_ERR(model_parse(&m, "t", "flatten\nunflatten c=2 h=8 w=8\n", in, 64), ERR_SHAPE, "found 64x1x1, expected a vector of 128");
    CHECK_ERR(model_parse(&m, "t", "dropout p=1\n", in, 64), ERR_OPTION, "p");
    CHECK_ERR(model_parse(&m, "t", "relu a\nrelu a\n", in, 64), ERR_OPTION, "two layers are called 'a'");
    CHECK_ERR(model_parse(&m, "t", "flatten\npad to=9\n", in, 64), ERR_SHAPE, "pad: found a vector of 64");
    CHECK_ERR(model_parse(&m, "t", "flatten\nlinear a out=K\n", (struct shape){0, 8, 8, 0}, 10), ERR_SHAPE, "sane sizes");
}

/* ---- blocks ---------------------------------------------------------------------------------------------- */

static void parse_fails(const char *text, int status, const char *part)
{
    struct model *m = NULL;
    CHECK_ERR(model_parse(&m, "t", text, (struct shape){1, 8, 8, 0}, 10), status, part);
}

/* A block stands for its lines, and its mistakes are told with its line. */
static void blocks_stand_for_their_lines(void)
{
    static const char *const texts[] = {
        "conv a out=4 k=3 pad=1\nconv s.0.c out=4 k=3 pad=1\nadd s.0.d < s.0.c a\nconv s.1.c out=4 k=3 pad=1\nadd s.1.d < s.1.c s.0.d\n"
        "conv e.c out=2 k=1 < a\navgpool\nflatten\nlinear f out=K\n",
        "block both\n  conv c out=$w k=3 pad=1\n\n  add d < c in\nend\nblock e\nconv c out=2 k=1 < a\nend\n"
        "conv a out=4 k=3 pad=1\nboth s.0-1 w=4\ne e < s.1.c\navgpool\nflatten\nlinear f out=K\n"};
    struct model *m[2] = {NULL, NULL};
    unsetenv("HEIST_SIMD");
    for (int i = 0; i < 2; i++) CHECK_OK(model_parse(&m[i], "t", texts[i], (struct shape){1, 8, 8, 0}, 10));
    if (CHECK_INT(m[1]->layers, m[0]->layers) && CHECK_INT(m[1]->params, m[0]->params))
        for (int i = 0; i < m[0]->layers; i++) {
            const struct layer *a = &m[0]->layer[i], *b = &m[1]->layer[i];
            CHECK_STR(b->name, a->name);
            CHECK(a->ops == b->ops && memcmp(a->from, b->from, sizeof a->from) == 0 && shape_size(a->out) == shape_size(b->out));
        }
    for (int i = 0; i < 2; i++) model_free(m[i]);
    parse_fails("block b\nrelu\n", ERR_OPTION, "block 'b' has no 'end'");
    parse_fails("end\n", ERR_OPTION, "line 1: 'end' without a block");
    parse_fails("block b\nblock c\nend\n", ERR_OPTION, "line 2: a block in block 'b'");
    parse_fails("block conv\nend\n", ERR_OPTION, "block 'conv': too long, or a kind of layer");
    parse_fails("block\nend\n", ERR_OPTION, "expected 'block NAME'");
    parse_fails("block b\nconv c out=$w k=1\nend\nb x v=3\n", ERR_OPTION, "line 4: b x, line 2: found '$w', but the block is given no w=");
    parse_fails("block b\nconv c out=$w k=1\nend\nb x w=3 v=3\n", ERR_OPTION, "found 'v=3', which none of its lines reads");
    parse_fails("block b\nrelu\nend\nb x.3-1\n", ERR_OPTION, "found 'x.3-1', expected numbers as in");
    parse_fails("block b\nrelu\nend\nb x.0-1y\n", ERR_OPTION, "found 'x.0-1y', expected numbers as in");
    parse_fails("block b\nrelu\nend\nb x.0-9999\n", ERR_OPTION, "more than 4096 layers");
    parse_fails("block b\nrelu\nend\nb\n", ERR_OPTION, "block 'b': expected a name");
    parse_fails("block b\nb y\nend\nb x\n", ERR_OPTION, "unknown layer 'b'");
    parse_fails("block bottle\nrelu\nend\nbotle x\n", ERR_OPTION, "did you mean 'bottle'");
    parse_fails("conv a out=$w k=1\n", ERR_OPTION, "found '$w'");
}

/* ---- every network ----------------------------------------------------------------------------------------- */

/* For both sizes of images and any number of classes; parameters as their papers and PyTorch's models count them (3x32x32, 10
 * classes). */
static void networks_take_both_images(void)
{
    static const struct {
        const char *name;
        size_t params;
    } known[] = {{"resnet18", 11173962}, {"resnet34", 21282122}, {"resnet50", 23520842}, {"wrn16_4", 2748890}, {"wrn28_10", 36479194},
                 {"vgg16", 14728266}, {"lenet5", 62006}};
    static const struct shape image[] = {{1, 28, 28, ROWS}, {3, 32, 32, ROWS}};
    unsetenv("HEIST_SIMD");
    for (int a = 0; a < arch_count(); a++)
        for (int rgb = 0; rgb < 2; rgb++) {
            struct model *m = NULL;
            if (!CHECK_OK(model_new(&m, arch_at(a)->name, image[rgb], 10))) continue;
            for (size_t i = 0; rgb && i < sizeof known / sizeof *known; i++)
                if (strcmp(known[i].name, arch_at(a)->name) == 0) CHECK_INT(m->params, known[i].params);
            model_free(m);
            if (CHECK_OK(model_new(&m, arch_at(a)->name, image[rgb], 37))) model_free(m);
        }
}

int main(void)
{
    RUN(a_broken_architecture_is_refused);
    RUN(blocks_stand_for_their_lines);
    RUN(networks_take_both_images);
    return check_done();
}
