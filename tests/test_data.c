/* Data sets: what a folder may hold, splits and subsets, mixtures, the catalogue, real sets. */
#include "data/catalogue.h"
#include "data/dataset.h"
#include "data/fetch.h"
#include "tests/idx_file.h"

static char *user_data; /* HEIST_DATA as it was given; NULL: none */

/* HEIST_DATA and the user's data folder become empty ones of this test. */
static void fresh_place(const char *name)
{
    char *given = mem_print("%s/%s", scratch, name), *home = mem_print("%s/%s-home", scratch, name);
    remove_all(given);
    remove_all(home);
    setenv("HEIST_DATA", given, 1);
    setenv("XDG_DATA_HOME", home, 1);
    mem_free(given);
    mem_free(home);
}

/* ---- sets ------------------------------------------------------------------------------- */

static void own_set_is_measured(void)
{
    fresh_place("own");
    write_set("own/mine", "train", 40, 3, 8, 4, 0);
    write_set("own/mine", "t10k", 20, 3, 8, 7, 1);
    struct dataset *d = NULL, *t = NULL;
    if (!CHECK_OK(dataset_open(&d, "mine", "train")) || !CHECK_OK(dataset_open(&t, "mine", "test"))) return;
    CHECK_STR(d->name, "mine:split=train:n=all:seed=0");
    CHECK_STR(t->name, "mine:split=test:n=all:seed=0");
    CHECK_INT(d->n, 40);
    CHECK_INT(t->n, 20);
    CHECK_INT(d->shape.c, 3);
    CHECK_INT(d->shape.h, 8);
    CHECK_INT(d->shape.lanes, ROWS);
    CHECK_INT(d->classes, 7); /* as many as in the split that has most: both agree */
    CHECK_INT(t->classes, 7);
    CHECK_INT(d->labels[5], 1);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < d->n; i++)
            for (int k = 0; k < 64; k++) {
                double v = d->pixels[(i * 3 + c) * 64 + k] / 255.0;
                sum += v;
                squares += v * v;
            }
        double mean = sum / (40 * 64);
        CHECK_NEAR(d->mean[c], mean, 1e-6);
        CHECK_NEAR(d->std[c], sqrt(squares / (40 * 64) - mean * mean), 1e-6);
    }
    dataset_free(d);
    dataset_free(t);
}

static void own_set_may_lack_labels_or_a_split(void)
{
    fresh_place("bare");
    write_set("bare/pool", "train", 10, 1, 12, 0, 1);
    struct dataset *d = NULL;
    if (CHECK_OK(dataset_open(&d, "pool", NULL))) {
        CHECK_INT(d->classes, 0);
        CHECK(d->labels == NULL);
        dataset_free(d);
    }
    CHECK_ERR(dataset_open(&d, "pool", "test"), ERR_MISSING, "has no split 'test'");
    CHECK_ERR(dataset_open(&d, "pool/../pool", "train"), ERR_OPTION, "unknown data set");
}

/* HEIST_DATA may hold a variant of a known set, but it must be of the set's kind. */
static void variants_are_checked(void)
{
    struct dataset *d = NULL;
    fresh_place("variant");
    write_set("variant/mnist", "train", 50, 1, 28, 10, 0);
    if (CHECK_OK(dataset_open(&d, "mnist", "train"))) {
        CHECK_INT(d->n, 50);
        CHECK_NEAR(d->mean[0], 0.1307, 1e-6); /* the catalogue's */
        dataset_free(d);
    }
    write_set("variant/mnist", "train", 50, 1, 28, 13, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "train-labels-idx1-ubyte: label 10 is 10, expected 0 to 9 (mnist)");
    write_set("variant/mnist", "train", 50, 1, 32, 10, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "train-images-idx3-ubyte: images of 1x32x32, expected 1x28x28 (mnist)");
    write_set("variant/mnist", "train", 51, 1, 28, 0, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "50 labels, expected 51, as many as images in ");
    char *labels = path_of("variant/mnist/train-labels-idx1-ubyte");
    CHECK_INT(unlink(labels), 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_MISSING, "the labels that belong to it are missing");
    mem_free(labels);
}

/* What heist itself puts there must be the set: as many images as it has. */
static void installed_sets_are_whole(void)
{
    struct dataset *d = NULL;
    fresh_place("part");
    write_set("part-home/heist/data/mnist", "train", 50, 1, 28, 10, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "50 images, expected 60000 (mnist)");
    fresh_place("part");
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_MISSING, "mnist: not on this machine; get it by: heist data mnist");
    CHECK_ERR(dataset_open(&d, "omniglot", "train"), ERR_MISSING, "into FOLDER/omniglot and set HEIST_DATA=FOLDER");
}

static void searches_in_order(void)
{
    struct dataset *d = NULL;
    fresh_place("order");
    write_set("order/one/mnist", "t10k", 5, 1, 28, 5, 0);
    write_set("order/two/mnist", "train", 6, 1, 28, 6, 1);
    write_set("order/two/mnist", "t10k", 7, 1, 28, 7, 1);
    char *paths = mem_print("::%s/nowhere:%s/order/one:%s/order/two:", scratch, scratch, scratch);
    setenv("HEIST_DATA", paths, 1);
    mem_free(paths);
    if (CHECK_OK(dataset_open(&d, "mnist", "test"))) CHECK_INT(d->n, 5);
    dataset_free(d);
    d = NULL;
    if (CHECK_OK(dataset_open(&d, "mnist", "train"))) CHECK_INT(d->n, 6);
    dataset_free(d);
}

static void knows_other_spellings(void)
{
    static const char *const spelling[][2] = {
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
        {"train-images.idx3-ubyte.gz", "train-labels-idx1-ubyte"},
        {"training-images-idx3-ubyte", "training-labels.idx1-ubyte"},
    };
    for (int k = 0; k < 3; k++) {
        fresh_place("spell");
        struct dataset *d = NULL;
        size_t size;
        for (int i = 0; i < 2; i++) {
            uint8_t *b = i ? idx_bytes(&size, 1, (const uint32_t[]){4}, 0) : idx_bytes(&size, 3, (const uint32_t[]){4, 28, 28}, 0);
            char *name = mem_print("spell/mnist/%s", spelling[k][i]);
            write_at(name, b, size);
            mem_free(name);
            mem_free(b);
        }
        if (CHECK_OK(dataset_open(&d, "mnist", "train"))) CHECK_INT(d->labels[3], 3);
        dataset_free(d);
    }
}

/* EMNIST as it is distributed: one folder for all of it, each image's columns where MNIST has its rows, letters from 1. */
static void emnist_is_turned(void)
{
    struct dataset *d = NULL;
    size_t size;
    fresh_place("emnist");
    uint8_t *images = idx_bytes(&size, 3, (const uint32_t[]){52, 28, 28}, 0);
    write_gz("emnist/emnist/emnist-letters-train-images-idx3-ubyte.gz", images, size);
    write_gz("emnist/emnist/emnist-digits-train-images-idx3-ubyte.gz", images, size);
    uint8_t *labels = idx_bytes(&size, 1, (const uint32_t[]){52}, 0);
    for (int i = 0; i < 52; i++) labels[8 + i] = (uint8_t)(1 + i % 26);
    write_gz("emnist/emnist/emnist-letters-train-labels-idx1-ubyte.gz", labels, size);
    write_gz("emnist/emnist/emnist-digits-train-labels-idx1-ubyte.gz", labels, size);
    if (CHECK_OK(dataset_open(&d, "emnist-letters", "train"))) {
        CHECK_INT(d->n, 52);
        CHECK_INT(d->classes, 26);
        CHECK(d->names && strncmp(d->names, "A\nB\n", 4) == 0);
        for (int i = 0; i < 52; i++) CHECK_INT(d->labels[i], i % 26);
        for (int i = 0; i < 52; i += 51)
            for (int y = 0; y < 28; y++)
                for (int x = 0; x < 28; x++) CHECK_INT(d->pixels[i * 784 + y * 28 + x], images[16 + i * 784 + x * 28 + y]);
        dataset_free(d);
    }
    CHECK_ERR(dataset_open(&d, "emnist-digits", "train"), ERR_FORMAT, "label 9 is 10, expected 0 to 9 (emnist-digits)");
    CHECK_ERR(dataset_open(&d, "emnist-letters", "test"), ERR_MISSING, "has no split 'test'");
    CHECK_ERR(dataset_open(&d, "emnist-balanced", "train"), ERR_MISSING, "put emnist-balanced-train-images-idx3-ubyte.gz and ");
    labels[8 + 7] = 0;
    write_gz("emnist/emnist-letters/emnist-letters-train-images-idx3-ubyte.gz", images, 16 + 52 * 784);
    write_gz("emnist/emnist-letters/emnist-letters-train-labels-idx1-ubyte.gz", labels, size);
    CHECK_ERR(dataset_open(&d, "emnist-letters", "train"), ERR_FORMAT, "label 7 is 0, expected 1 to 26 (emnist-letters)");
    mem_free(images);
    mem_free(labels);
}

static void kmnist_is_idx(void)
{
    struct dataset *d = NULL;
    fresh_place("kmnist");
    write_set("kmnist/kmnist", "t10k", 20, 1, 28, 10, 1);
    if (!CHECK_OK(dataset_open(&d, "kmnist", "test"))) return;
    CHECK_INT(d->classes, 10);
    CHECK_NEAR(d->std[0], 0.3483, 1e-6);
    CHECK(d->pixels[1] == 4 && strstr(d->names, "tsu\n"));
    dataset_free(d);
}

static void specs_are_checked(void)
{
    struct dataset *d = NULL;
    fresh_place("specs");
    write_set("specs/mnist", "train", 30, 1, 28, 10, 0);
    write_set("specs/omniglot", "train", 30, 1, 28, 10, 0);
    CHECK_ERR(dataset_open(&d, "minst", "train"), ERR_OPTION, "unknown data set 'minst'; did you mean 'mnist'?");
    CHECK_ERR(dataset_open(&d, "stroke", "train"), ERR_OPTION, "did you mean 'strokes'?");
    CHECK_ERR(dataset_open(&d, "mnist:cnt=3", "train"), ERR_OPTION, "data set mnist: unknown option 'cnt'");
    CHECK_ERR(dataset_open(&d, "mnist:n=31", "train"), ERR_OPTION, "found n=31, expected at most the 30 images of split=train");
    CHECK_ERR(dataset_open(&d, "mnist:n=0", "train"), ERR_OPTION, "option 'n': found 0, expected 1 to");
    CHECK_ERR(dataset_open(&d, "mnist:n=2.5", "train"), ERR_OPTION, "expected a whole number");
    CHECK_ERR(dataset_open(&d, "mnist:split=tset", "train"), ERR_OPTION, "expected one of: train test; did you mean 'test'?");
    CHECK_ERR(dataset_open(&d, "mnist:shape=3x32x32", "train"), ERR_OPTION, "unknown option 'shape'");
    CHECK_ERR(dataset_open(&d, "omniglot:split=test", "train"), ERR_OPTION, "has one split: split=train is all of it");
    CHECK_ERR(dataset_open(&d, "omniglot", "test"), ERR_OPTION, "has one split");
    CHECK_ERR(dataset_open(&d, "strokes:shape=28", "train"), ERR_OPTION, "expected one of: 1x28x28 3x32x32");
    CHECK_ERR(dataset_open(&d, "strokes:n=1e9", "train"), ERR_OPTION, "expected 1 to 1e+06");
    CHECK_ERR(dataset_open(&d, "", "train"), ERR_OPTION, "a name is missing");
    CHECK(d == NULL);
    if (CHECK_OK(dataset_open(&d, "mnist:n=30:seed=5", "train"))) CHECK_STR(d->name, "mnist:split=train:n=all:seed=0");
    dataset_free(d);
    d = NULL;
    if (CHECK_OK(dataset_open(&d, "mnist:seed=7:n=1e1", "train"))) CHECK_STR(d->name, "mnist:split=train:n=10:seed=7");
    dataset_free(d);
}

/* Every pixel of image i is i (below 250), its label i % 10: a subset shows which images it holds. */
static void write_numbered(const char *folder, uint32_t n)
{
    size_t size;
    uint8_t *b = idx_bytes(&size, 3, (const uint32_t[]){n, 28, 28}, 0);
    for (uint32_t i = 0; i < n; i++) memset(b + 16 + (size_t)i * 784, (int)i, 784);
    char *name = mem_print("%s/train-images-idx3-ubyte", folder);
    write_at(name, b, size);
    mem_free(b);
    mem_free(name);
    b = idx_bytes(&size, 1, &n, 0);
    for (uint32_t i = 0; i < n; i++) b[8 + i] = (uint8_t)(i % 10);
    name = mem_print("%s/train-labels-idx1-ubyte", folder);
    write_at(name, b, size);
    mem_free(b);
    mem_free(name);
}

static struct dataset *open_or_null(const char *spec)
{
    struct dataset *d = NULL;
    CHECK_OK(dataset_open(&d, spec, "train"));
    return d;
}

static void subsets_are_seeded(void)
{
    fresh_place("subset");
    write_numbered("subset/mnist", 200);
    struct dataset *a = open_or_null("mnist:n=50:seed=1"), *same = open_or_null("mnist:n=50:seed=1");
    struct dataset *other = open_or_null("mnist:n=50:seed=2"), *more = open_or_null("mnist:n=120:seed=1");
    if (!a || !same || !other || !more) return;
    CHECK_STR(same->hash, a->hash);
    CHECK(strcmp(other->hash, a->hash) != 0);
    int in_other = 0, seen[256] = {0}, in_more[256] = {0};
    for (int i = 0; i < 120; i++) in_more[more->pixels[i * 784]] = 1;
    for (int i = 0; i < 50; i++) {
        int image = a->pixels[i * 784];
        CHECK_INT(seen[image]++, 0); /* no image twice */
        CHECK_INT(a->labels[i], image % 10);
        CHECK(in_more[image]); /* a larger subset of one seed contains the smaller */
        if (i) CHECK(image > a->pixels[(i - 1) * 784]); /* the set's own order */
        for (int k = 0; k < 50; k++) in_other += other->pixels[k * 784] == image;
    }
    CHECK(in_other > 0 && in_other < 30); /* 12.5 of 50 by chance */
    CHECK_NEAR(a->mean[0], 0.1307, 1e-6);
    dataset_free(a);
    dataset_free(same);
    dataset_free(other);
    dataset_free(more);
}

static void batches_are_rows(void)
{
    fresh_place("batch");
    write_numbered("batch/mnist", 20);
    struct dataset *d = open_or_null("mnist");
    if (!d) return;
    float *x = mem_new(3 * 784, sizeof *x);
    const int index[3] = {19, 0, 7};
    dataset_batch(d, index, 5, 3, x);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 784; k += 783) CHECK_NEAR(x[i * 784 + k], index[i] / 255.0, 1e-7);
    dataset_batch(d, NULL, 17, 3, x);
    for (int i = 0; i < 3; i++) CHECK_NEAR(x[i * 784 + 100], (17 + i) / 255.0, 1e-7);
    CHECK(x[0] == 17 / 255.0f);
    mem_free(x);
    dataset_free(d);
}

/* The hash tells sets apart by one pixel, by one label, and by their shape. */
static void hash_sees_everything(void)
{
    fresh_place("hash");
    write_numbered("hash/mine", 20);
    struct dataset *d = open_or_null("mine");
    char *images = path_of("hash/mine/train-images-idx3-ubyte"), *labels = path_of("hash/mine/train-labels-idx1-ubyte"), *b = NULL;
    size_t size = 0;
    CHECK_OK(file_read(&b, &size, images));
    b[size - 1] ^= 1;
    CHECK_OK(file_write(images, b, size));
    struct dataset *pixel = open_or_null("mine");
    b[size - 1] ^= 1;
    b[11] = 14, b[15] = 56; /* 28x28 becomes 14x56 */
    CHECK_OK(file_write(images, b, size));
    struct dataset *shape = open_or_null("mine");
    b[11] = b[15] = 28;
    CHECK_OK(file_write(images, b, size));
    mem_free(b);
    CHECK_OK(file_read(&b, &size, labels));
    b[8] = 3;
    CHECK_OK(file_write(labels, b, size));
    struct dataset *label = open_or_null("mine"), *all[] = {d, pixel, shape, label};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++) CHECK(all[i] && all[k] && strcmp(all[i]->hash, all[k]->hash) != 0);
    for (int i = 0; i < 4; i++) dataset_free(all[i]);
    mem_free(b);
    mem_free(images);
    mem_free(labels);
}

/* ---- real sets -------------------------------------------------------------------------- */

/* SHA-256 of the pixels and the labels (a byte each) of the last 100 images. */
static void hash_tail(char out[HASH_TEXT], const struct dataset *d)
{
    const size_t size = shape_size(d->shape), all = 100 * size;
    uint8_t *bytes = mem_new(all + 100, 1);
    memcpy(bytes, d->pixels + (size_t)(d->n - 100) * size, all);
    for (int i = 0; i < 100; i++) bytes[all + (size_t)i] = (uint8_t)d->labels[d->n - 100 + i];
    hash_bytes(out, bytes, all + 100);
    mem_free(bytes);
}

/* Measures what a set really is against what the catalogue says, and against `tail`, the hash of its end that another program (Python)
 * computed from the files; 0 where it is not on this machine. */
static int real_set(const char *name, const char *split, int n, int classes, const char *tail)
{
    const struct dataset_info *info = dataset_find(name);
    struct dataset *d = NULL;
    if (user_data) setenv("HEIST_DATA", user_data, 1);
    else unsetenv("HEIST_DATA");
    unsetenv("XDG_DATA_HOME");
    int code = dataset_open(&d, name, split);
    if (code == ERR_MISSING) {
        printf("skip %s: %s\n", name, err_text());
        return 0;
    }
    if (!CHECK_OK(code) || !info) return 1;
    CHECK_INT(d->classes, classes);
    if (d->n != n) printf("skip %s: a variant of %d images\n", name, d->n); /* HEIST_DATA may hold one */
    double sum = 0, squares = 0, count = (double)d->n * (double)shape_size(d->shape);
    for (size_t i = 0; i < (size_t)count; i++) {
        double v = d->pixels[i] / 255.0;
        sum += v;
        squares += v * v;
    }
    int *per_class = mem_new((size_t)classes, sizeof *per_class);
    for (int i = 0; i < d->n; i++) per_class[d->labels[i]]++;
    for (int c = 0; c < classes && d->n == n; c++) CHECK(per_class[c] > 0);
    if (d->n == n && strcmp(split, "train") == 0) {
        CHECK_NEAR(info->mean[0], sum / count, 5.1e-5); /* the catalogue's four digits */
        CHECK_NEAR(info->std[0], sqrt(squares / count - sum / count * (sum / count)), 5.1e-5);
    }
    if (d->n == n) {
        char hash[HASH_TEXT];
        hash_tail(hash, d);
        CHECK_STR(hash, tail);
    }
    mem_free(per_class);
    dataset_free(d);
    return 1;
}

static void fashion_mnist_is_itself(void)
{
    if (!real_set("fashion-mnist", "train", 60000, 10, "706d616b7f56e7c57762c06a30bb311c0f7784cd37169720b68a30c2038c7756")) return;
    real_set("fashion-mnist", "test", 10000, 10, "b1687d1f08a6d4b5554388220e57b87ff2ba3caec4ffd4ab9411946162ac5b37");
    const struct dataset_info *info = dataset_find("fashion-mnist");
    if (info && file_exists("/usr/share/datasets/fashion-mnist")) CHECK_OK(fetch_verify(info, "/usr/share/datasets/fashion-mnist"));
}

static void mnist_is_itself(void)
{
    if (real_set("mnist", "train", 60000, 10, "8589c75c658092fae2282532a931b5f37f741efae75f402083dc8630c7bbef79"))
        real_set("mnist", "test", 10000, 10, "538e38a79c336719e92e8ff35e99e47e7b96a2cc0ae8cbeeff3896510b66ab71");
}

static void omniglot_is_itself(void)
{
    real_set("omniglot", "train", 4840, 242, "694eee88f52be1e80de199734376eaa3d8b204673887ffce793b2f5cd066187f");
}

static void catalogue_is_whole(void)
{
    CHECK(dataset_count() >= 6);
    for (int i = 0; i < dataset_count(); i++) {
        const struct dataset_info *info = dataset_at(i);
        CHECK(dataset_find(info->name) == info);
        CHECK(info->name && info->about && info->format && (info->paint != NULL) == (info->n[0] == 0));
        for (int f = 0; f < DATASET_FILES && info->file[f].name; f++) {
            CHECK(info->file[f].sha256 || info->file[f].md5);
            if (info->file[f].sha256) CHECK_INT(strlen(info->file[f].sha256), HASH_TEXT - 1);
            if (info->file[f].md5) CHECK_INT(strlen(info->file[f].md5), MD5_TEXT - 1);
        }
        for (int c = 0; info->class_name && c < info->classes; c++) CHECK(info->class_name[c] && *info->class_name[c]);
        for (int c = 1; c < info->shape.c; c++) CHECK((info->std[c] > 0) == (info->std[0] > 0)); /* all, or measured on opening */
        for (int c = 0; c < info->classes && info->class_name; c++)
            for (int k = 0; k < c; k++) CHECK(info->class_name[c] && strcmp(info->class_name[c], info->class_name[k]) != 0);
    }
    CHECK(dataset_find("imagenet") == NULL);
}

static void list_says_where(void)
{
    fresh_place("list");
    write_set("list/mnist", "train", 5, 1, 28, 5, 0);
    write_set("list/mnist", "t10k", 5, 1, 28, 5, 0);
    write_set("list/mine", "train", 5, 1, 28, 5, 0);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    data_list(f);
    fclose(f);
    char *where = mem_print("in %s/list/mnist\n", scratch), *mine = mem_print("in %s/list/mine\n", scratch);
    CHECK(strstr(text, where) != NULL);
    CHECK(strstr(text, mine) != NULL);
    CHECK(strstr(text, "made from a seed") != NULL);
    CHECK(strstr(text, "set HEIST_DATA=FOLDER") != NULL); /* omniglot is not here */
    mem_free(where);
    mem_free(mine);
    free(text);
}

static void a_mixture_takes_as_many_of_each(void)
{
    struct dataset *mix = NULL, *noise = NULL, *strokes = NULL;
    CHECK_OK(dataset_open(&mix, "strokes:n=40+noise:n=100", NULL));
    CHECK_OK(dataset_open(&noise, "noise:n=100", NULL));
    CHECK_OK(dataset_open(&strokes, "strokes:n=40", NULL));
    const size_t size = shape_size(mix->shape);
    CHECK_INT(mix->n, 80);
    CHECK_INT(mix->classes, 0);
    for (int j = 0; j < 40; j++) {
        CHECK(memcmp(mix->pixels + (size_t)(2 * j) * size, strokes->pixels + (size_t)j * size, size) == 0);
        CHECK(memcmp(mix->pixels + (size_t)(2 * j + 1) * size, noise->pixels + (size_t)(j * 100 / 40) * size, size) == 0);
    }
    CHECK(strstr(mix->name, "strokes:") && strstr(mix->name, "+noise:"));
    CHECK(strcmp(mix->hash, noise->hash) != 0);
    dataset_free(mix);
    CHECK_OK(dataset_open(&mix, "noise:n=100+strokes:n=40", NULL)); /* another order is another set */
    CHECK_INT(mix->n, 80);
    dataset_free(mix);
    dataset_free(noise);
    dataset_free(strokes);
    CHECK_ERR(dataset_open(&mix, "strokes+", NULL), ERR_OPTION, "a data set is missing");
    CHECK_ERR(dataset_open(&mix, "+strokes", NULL), ERR_OPTION, "a data set is missing");
    CHECK_ERR(dataset_open(&mix, "strokes+stroke", NULL), ERR_OPTION, "did you mean 'strokes'");
    CHECK_ERR(dataset_open(&mix, "strokes:n=4+noise:shape=3x32x32:n=4", NULL), ERR_SHAPE, "a mixture expects one shape");
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    user_data = getenv("HEIST_DATA") ? mem_string(getenv("HEIST_DATA")) : NULL;
    RUN(own_set_is_measured);
    RUN(own_set_may_lack_labels_or_a_split);
    RUN(variants_are_checked);
    RUN(installed_sets_are_whole);
    RUN(searches_in_order);
    RUN(knows_other_spellings);
    RUN(emnist_is_turned);
    RUN(kmnist_is_idx);
    RUN(specs_are_checked);
    RUN(subsets_are_seeded);
    RUN(batches_are_rows);
    RUN(hash_sees_everything);
    RUN(catalogue_is_whole);
    RUN(list_says_where);
    if (user_data) setenv("HEIST_DATA", user_data, 1);
    RUN(fashion_mnist_is_itself);
    RUN(mnist_is_itself);
    RUN(omniglot_is_itself);
    RUN(a_mixture_takes_as_many_of_each);
    mem_free(user_data);
    remove_all(scratch);
    return check_done();
}
