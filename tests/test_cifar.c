/* CIFAR's binary files: whole sets written by the published layout, read from folders and archives; and what is broken. */
#include "data/cifar.h"

#include "data/dataset.h"
#include "data/format.h"
#include "tests/scratch.h"

enum { TEST = 10000, BATCH = 10000 };

/* The pixel k of record i of a file, and its labels. */
static uint8_t pixel(int file, int i, int k)
{
    return (uint8_t)(file * 31 + i * 7 + k * 13 + k / 1024);
}

/* n records; CIFAR-100: labels coarse, fine. mem_free frees. */
static uint8_t *records(int n, int file, int hundred)
{
    const size_t record = (size_t)CIFAR_PIXELS + (hundred ? 2 : 1);
    uint8_t *bytes = mem_new((size_t)n * record, 1), *to = bytes;
    for (int i = 0; i < n; i++, to += record) {
        to[0] = (uint8_t)(hundred ? i % 20 : (i + file) % 10);
        if (hundred) to[1] = (uint8_t)(i % 100);
        for (int k = 0; k < CIFAR_PIXELS; k++) to[record - CIFAR_PIXELS + (size_t)k] = pixel(file, i, k);
    }
    return bytes;
}

static void put_records(const char *name, int n, int file, int hundred)
{
    uint8_t *bytes = records(n, file, hundred);
    write_at(name, bytes, (size_t)n * ((size_t)CIFAR_PIXELS + (hundred ? 2 : 1)));
    mem_free(bytes);
}

static void cifar10_is_read_batch_after_batch(void)
{
    static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    struct dataset *d = NULL;
    for (int b = 1; b <= 5; b++) {
        char *name = mem_print("cifar-10-batches-bin/data_batch_%d.bin", b);
        put_records(name, BATCH, b, 0);
        mem_free(name);
    }
    put_records("cifar-10-batches-bin/test_batch.bin", TEST, 9, 0);
    write_at("cifar-10-batches-bin/batches.meta.txt", names, strlen(names));
    if (!CHECK_OK(dataset_open(&d, "cifar10", "train"))) return;
    CHECK_INT(d->n, 50000);
    CHECK_INT(d->classes, 10);
    CHECK(strncmp(d->names, "airplane\nautomobile\n", 20) == 0);
    for (int i = 0; i < 50000; i += 4999) {
        CHECK_INT(d->labels[i], (i % BATCH + i / BATCH + 1) % 10);
        for (int k = 0; k < CIFAR_PIXELS; k += 511) CHECK_INT(d->pixels[(size_t)i * CIFAR_PIXELS + (size_t)k], pixel(i / BATCH + 1, i % BATCH, k));
    }
    struct dataset *again = NULL, *in_memory = NULL; /* it was kept, and is mapped */
    if (!CHECK_OK(dataset_open(&again, "cifar10", "train"))) return;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    if (!CHECK_OK(dataset_open(&in_memory, "cifar10", "train"))) return;
    setenv("XDG_CACHE_HOME", scratch, 1);
    CHECK(((const struct images *)d->memory)->fixed && ((const struct images *)again->memory)->fixed && !((const struct images *)in_memory->memory)->map);
    CHECK_STR(again->hash, d->hash);
    CHECK_STR(in_memory->hash, d->hash);
    CHECK_STR(again->names, in_memory->names);
    CHECK(memcmp(again->pixels, in_memory->pixels, (size_t)50000 * CIFAR_PIXELS) == 0 && memcmp(again->labels, in_memory->labels, 50000 * sizeof *d->labels) == 0);
    dataset_free(in_memory);
    dataset_free(again);
    dataset_free(d);
    put_records("cifar-10-batches-bin/data_batch_3.bin", BATCH - 1, 3, 0); /* other files are another key */
    CHECK_ERR(dataset_open(&d, "cifar10", "train"), ERR_FORMAT, "49999 training images, expected 50000");
    if (!CHECK_OK(dataset_open(&d, "cifar10:n=100", "test"))) return;
    CHECK_INT(d->n, 100);
    dataset_free(d);
    CHECK_ERR(dataset_open(&d, "cifar10:labels=coarse", "test"), ERR_OPTION, "only cifar100 has coarse labels");
}

static void cifar100_has_two_kinds_of_labels(void)
{
    struct dataset *d = NULL;
    put_records("in/cifar-100-binary/test.bin", TEST, 3, 1);
    char *command = mem_print("tar cf %s/cifar-100-binary.tar -C %s/in cifar-100-binary", scratch, scratch);
    CHECK_INT(system(command), 0);
    mem_free(command);
    if (!CHECK_OK(dataset_open(&d, "cifar100", "test"))) return;
    CHECK_INT(d->n, TEST);
    CHECK_INT(d->classes, 100);
    CHECK_INT(d->labels[137], 37);
    CHECK_INT(d->pixels[137 * CIFAR_PIXELS + 2000], pixel(3, 137, 2000));
    dataset_free(d);
    if (!CHECK_OK(dataset_open(&d, "cifar100:labels=coarse", "test"))) return;
    CHECK_INT(d->classes, 20);
    CHECK_INT(d->labels[137], 17);
    dataset_free(d);
    CHECK_ERR(dataset_open(&d, "cifar100", "train"), ERR_FORMAT, "0 training images, expected 50000");
}

static void what_is_broken_is_refused(void)
{
    uint8_t *bytes = records(TEST, 9, 0), pixels[2 * CIFAR_PIXELS];
    struct dataset *d = NULL;
    int n, label[2];
    const char *name = "cifar-10-batches-bin/test_batch.bin";
    write_at(name, bytes, (size_t)TEST * 3073 - 1);
    CHECK_ERR(dataset_open(&d, "cifar10", "test"), ERR_FORMAT, "30729999 bytes, expected a multiple of 3073");
    write_at(name, bytes, (size_t)(TEST - 1) * 3073);
    CHECK_ERR(dataset_open(&d, "cifar10", "test"), ERR_FORMAT, "9999 test images, expected 10000");
    bytes[3073 * 5] = 10;
    write_at(name, bytes, (size_t)TEST * 3073);
    CHECK_ERR(dataset_open(&d, "cifar10", "test"), ERR_FORMAT, "test_batch.bin: offset 15365: label 10, expected 0 to 9");
    CHECK_ERR(cifar_records(&n, 0, 1, "f"), ERR_FORMAT, "f: 0 bytes");
    CHECK_OK(cifar_records(&n, 2 * 3074, 2, "f"));
    CHECK_INT(n, 2);
    CHECK_OK(cifar_decode(pixels, label, bytes, 2 * 3073, 1, 0, 10, "f"));
    mem_free(bytes);
}

int main(void)
{
    if (!mkdtemp(scratch)) return 1;
    setenv("HEIST_DATA", scratch, 1);
    setenv("XDG_CACHE_HOME", scratch, 1);
    RUN(cifar10_is_read_batch_after_batch);
    RUN(cifar100_has_two_kinds_of_labels);
    RUN(what_is_broken_is_refused);
    remove_all(scratch);
    return check_done();
}
