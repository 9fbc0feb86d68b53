/* Content hashes: SHA-256 (libmd) as lower-case hexadecimal. */
#ifndef HEIST_BASE_HASH_H
#define HEIST_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_TEXT = 65 };

/* The hash of `size` bytes, 64 digits and a 0. */
void hash_bytes(char out[HASH_TEXT], const void *bytes, size_t size);

/* The hash of a file's bytes. ERR_MISSING, ERR_IO. */
int hash_file(char out[HASH_TEXT], const char *path);

/* The MD5 of a file's bytes, for sums that others publish. ERR_MISSING, ERR_IO. */
enum { MD5_TEXT = 33 };
int hash_md5(char out[MD5_TEXT], const char *path);

/* A fast 64-bit hash of a row, for tables in memory (not for files). */
uint64_t hash_row(const void *bytes, size_t size);

#endif
