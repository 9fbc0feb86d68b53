#include "base/hash.h"

#include <errno.h>
#include <md5.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static void finish(char out[HASH_TEXT], SHA2_CTX *c)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, c);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void hash_bytes(char out[HASH_TEXT], const void *bytes, size_t size)
{
    SHA2_CTX c;
    SHA256Init(&c);
    SHA256Update(&c, bytes, size);
    finish(out, &c);
}

int hash_md5(char out[MD5_TEXT], const char *path)
{
    if (MD5File(path, out)) return OK;
    return err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
}

int hash_file(char out[HASH_TEXT], const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
    SHA2_CTX c;
    SHA256Init(&c);
    uint8_t block[1 << 16];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) SHA256Update(&c, block, n);
    int bad = ferror(f);
    fclose(f);
    if (bad) return err_set(ERR_IO, "%s: cannot be read", path);
    finish(out, &c);
    return OK;
}

uint64_t hash_row(const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    uint64_t h = 0x9E3779B97F4A7C15u ^ size, w;
    for (; size >= 8; size -= 8, b += 8) {
        memcpy(&w, b, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, b, size);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}
