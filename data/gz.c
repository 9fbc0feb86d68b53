#include "data/gz.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/mem.h"

enum { STEP = 1 << 20 }; /* bytes to begin with */

int gz_open(struct gz *g, const char *path)
{
    errno = 0;
    gzFile f = gzopen(path, "rbe");
    if (!f) return err_set(errno == ENOENT || errno == ENOTDIR ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
    gzbuffer(f, 1 << 17);
    *g = (struct gz){.path = path, .file = f, .packed = !gzdirect(f)};
    return OK;
}

void gz_close(struct gz *g)
{
    if (g->file) gzclose_r(g->file);
    *g = (struct gz){0};
}

static int failed(const struct gz *g, size_t at)
{
    int why = Z_OK;
    const char *text = gzerror(g->file, &why);
    if (why == Z_ERRNO) return err_set(ERR_IO, "%s: %s", g->path, strerror(errno));
    if (!text) text = "no reason given";
    size_t head = strlen(g->path); /* zlib puts the path before its text, and so do we */
    if (strncmp(text, g->path, head) == 0 && strncmp(text + head, ": ", 2) == 0) text += head + 2;
    return err_set(ERR_FORMAT, "%s: broken gzip, %zu bytes came out of it: %s", g->path, at, text);
}

/* One more piece, at most `room` bytes: *n, 0 at the end. have: for the message. */
static int read_piece(int *n, struct gz *g, void *to, size_t room, size_t have)
{
    int why = Z_OK;
    *n = gzread(g->file, to, (unsigned)(room < STEP ? room : STEP));
    if (*n >= 0) gzerror(g->file, &why);
    return *n < 0 || (*n == 0 && why != Z_OK && why != Z_STREAM_END) ? failed(g, have) : OK; /* a cut gzip gives 0 and Z_BUF_ERROR */
}

int gz_read(uint8_t **out, size_t *size, struct gz *g, size_t limit)
{
    size_t room = limit < STEP ? limit : STEP, have = 0;
    uint8_t *bytes = mem_new(room, 1);
    for (;;) {
        int n, code = read_piece(&n, g, bytes + have, room - have, have);
        if (code) {
            mem_free(bytes);
            *out = NULL;
            return code;
        }
        have += (size_t)n;
        if (n == 0 || have == limit) break;
        if (have < room) continue;
        room = room > limit / 2 ? limit : 2 * room;
        uint8_t *more = mem_new(room, 1);
        memcpy(more, bytes, have);
        mem_free(bytes);
        bytes = more;
    }
    *out = bytes;
    *size = have;
    return OK;
}

int gz_copy(uint8_t *to, size_t *size, struct gz *g, size_t limit)
{
    uint8_t *scratch = to ? NULL : mem_new(STEP, 1);
    int code = OK, n = 1;
    for (*size = 0; !code && n && *size < limit; *size += (size_t)n) {
        n = 0;
        code = read_piece(&n, g, to ? to + *size : scratch, limit - *size, *size);
        if (code) n = 0;
    }
    mem_free(scratch);
    return code;
}

int gz_hash(char out[HASH_TEXT], const char *path, size_t limit)
{
    struct gz g = {.path = path};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int code = gz_open(&g, path);
    if (!code) code = gz_read(&bytes, &size, &g, limit + 1);
    if (!code && size > limit) code = err_set(ERR_FORMAT, "%s: more than the %zu bytes expected", path, limit);
    if (!code) hash_bytes(out, bytes, size);
    mem_free(bytes);
    gz_close(&g);
    return code;
}
