/* Layout: 8 bytes little-endian header length, a JSON header, the bytes of the tensors.
 * Nothing in a header is believed: every size and offset is checked against the file. */
#include "nn/safetensors.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static const size_t MOST_HEADER = 100u << 20; /* bytes; the reference implementation's own limit */

/* ---- reading ------------------------------------------------------------------------------------ */

static size_t type_size(enum tensor_type t)
{
    return t == TENSOR_F32 ? 4 : 8;
}

static enum tensor_type type_of(const char *name)
{
    if (strcmp(name, "F32") == 0) return TENSOR_F32;
    if (strcmp(name, "F64") == 0) return TENSOR_F64;
    return strcmp(name, "I64") == 0 ? TENSOR_I64 : TENSOR_OTHER;
}

/* A JSON number that is a whole one from 0 to most. */
static int whole(const cJSON *v, double most, double *out)
{
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble > most || v->valuedouble != floor(v->valuedouble)) return 0;
    *out = v->valuedouble;
    return 1;
}

static int read_shape(struct tensor *t, const cJSON *shape, const char *path)
{
    double v;
    const int dims = cJSON_GetArraySize(shape);
    if (!cJSON_IsArray(shape) || dims > 8) return err_set(ERR_FORMAT, "%s: tensor '%s': found no shape of up to 8 numbers", path, t->name);
    t->dims = dims;
    t->count = 1;
    int i = 0;
    for (const cJSON *d = shape->child; d; d = d->next, i++) {
        if (!whole(d, 1e12, &v)) return err_set(ERR_FORMAT, "%s: tensor '%s': a dimension is not a whole number", path, t->name);
        t->dim[i] = (int64_t)v;
        if (__builtin_mul_overflow(t->count, (size_t)v, &t->count) || t->count > (size_t)1 << 48)
            return err_set(ERR_FORMAT, "%s: tensor '%s': its dimensions overflow", path, t->name);
    }
    return OK;
}

static int read_tensor(struct tensor *t, const cJSON *item, const char *data, size_t size, const char *path)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "dtype"), *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    double from, to;
    t->name = mem_string(item->string);
    if (!cJSON_IsString(type) || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2)
        return err_set(ERR_FORMAT, "%s: tensor '%s': found no dtype and data_offsets", path, t->name);
    t->type = type_of(type->valuestring);
    int code = read_shape(t, cJSON_GetObjectItemCaseSensitive(item, "shape"), path);
    if (code) return code;
    if (!whole(cJSON_GetArrayItem(offsets, 0), (double)size, &from) || !whole(cJSON_GetArrayItem(offsets, 1), (double)size, &to) || from > to)
        return err_set(ERR_FORMAT, "%s: tensor '%s': its offsets lie outside the file's %zu bytes of data", path, t->name, size);
    if (t->type != TENSOR_OTHER && (size_t)(to - from) != t->count * type_size(t->type))
        return err_set(ERR_FORMAT, "%s: tensor '%s': found %.0f bytes, expected %zu", path, t->name, to - from, t->count * type_size(t->type));
    t->bytes = data + (size_t)from;
    return OK;
}

static int read_meta(struct safetensors *f, const cJSON *meta, const char *path)
{
    if (!cJSON_IsObject(meta)) return err_set(ERR_FORMAT, "%s: __metadata__ is not an object", path);
    const size_t n = (size_t)cJSON_GetArraySize(meta);
    f->key = mem_new(n, sizeof *f->key);
    f->value = mem_new(n, sizeof *f->value);
    for (const cJSON *m = meta->child; m; m = m->next) {
        if (!cJSON_IsString(m)) return err_set(ERR_FORMAT, "%s: metadata '%s' is not a string", path, m->string);
        f->key[f->entries] = mem_string(m->string);
        f->value[f->entries++] = mem_string(m->valuestring);
    }
    return OK;
}

static int read_header(struct safetensors *f, const cJSON *head, const char *data, size_t size, const char *path)
{
    int code = OK;
    if (!cJSON_IsObject(head)) return err_set(ERR_FORMAT, "%s: its header is not a JSON object", path);
    f->tensor = mem_new((size_t)cJSON_GetArraySize(head), sizeof *f->tensor);
    for (const cJSON *item = head->child; item && !code; item = item->next) {
        if (strcmp(item->string, "__metadata__") == 0) {
            if (f->key) return err_set(ERR_FORMAT, "%s: two __metadata__", path);
            code = read_meta(f, item, path);
        } else if (!cJSON_IsObject(item)) {
            code = err_set(ERR_FORMAT, "%s: tensor '%s' is not an object", path, item->string);
        } else {
            code = read_tensor(&f->tensor[f->n++], item, data, size, path);
        }
    }
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

int safetensors_read(struct safetensors **out, const char *path)
{
    struct safetensors *f = mem_new(1, sizeof *f);
    cJSON *head = NULL;
    size_t size = 0, length = 0;
    int code = file_read(&f->memory, &size, path);
    if (code) goto out;
    for (int i = 0; i < 8 && size >= 8; i++) length |= (size_t)(unsigned char)f->memory[i] << (8 * i);
    if (size < 8 || length > size - 8 || length > MOST_HEADER || length < 2) {
        code = err_set(ERR_FORMAT, "%s: its header claims %zu bytes, the file has %zu", path, length, size);
        goto out;
    }
    head = cJSON_ParseWithLength(f->memory + 8, length);
    code = head ? read_header(f, head, f->memory + 8 + length, size - 8 - length, path)
                : err_set(ERR_FORMAT, "%s: its header is not JSON", path);
    if (code) goto out;
    qsort(f->tensor, (size_t)f->n, sizeof *f->tensor, by_name);
    for (int i = 1; i < f->n && !code; i++)
        if (strcmp(f->tensor[i].name, f->tensor[i - 1].name) == 0) code = err_set(ERR_FORMAT, "%s: tensor '%s' is there twice", path, f->tensor[i].name);
out:
    cJSON_Delete(head);
    if (code) safetensors_free(f);
    else *out = f;
    return code;
}

void safetensors_free(struct safetensors *f)
{
    if (!f) return;
    for (int i = 0; i < f->n; i++) mem_free(f->tensor[i].name);
    for (int i = 0; i < f->entries; i++) {
        mem_free(f->key[i]);
        mem_free(f->value[i]);
    }
    mem_free(f->tensor);
    mem_free(f->key);
    mem_free(f->value);
    mem_free(f->memory);
    mem_free(f);
}

const struct tensor *safetensors_find(const struct safetensors *f, const char *name)
{
    const struct tensor want = {.name = (char *)(uintptr_t)name};
    return f->n ? bsearch(&want, f->tensor, (size_t)f->n, sizeof *f->tensor, by_name) : NULL;
}

const char *safetensors_meta(const struct safetensors *f, const char *key)
{
    for (int i = 0; i < f->entries; i++)
        if (strcmp(f->key[i], key) == 0) return f->value[i];
    return NULL;
}

int tensor_floats(const struct tensor *t, float *out)
{
    const char *b = t->bytes;
    double d;
    int64_t v;
    switch (t->type) {
    case TENSOR_F32:
        memcpy(out, b, t->count * sizeof *out);
        return OK;
    case TENSOR_F64:
        for (size_t i = 0; i < t->count; i++) {
            memcpy(&d, b + 8 * i, 8);
            out[i] = (float)d;
        }
        return OK;
    case TENSOR_I64:
        for (size_t i = 0; i < t->count; i++) {
            memcpy(&v, b + 8 * i, 8);
            out[i] = (float)v;
        }
        return OK;
    case TENSOR_OTHER:
        break;
    }
    return err_set(ERR_FORMAT, "tensor '%s': its dtype is none of F32, F64, I64", t->name);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static cJSON *header_of(int n, const struct tensor *tensor, int entries, const char *const *key, const char *const *value)
{
    cJSON *head = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(head, "__metadata__");
    for (int i = 0; i < entries; i++) cJSON_AddStringToObject(meta, key[i], value[i]);
    double at = 0;
    for (int i = 0; i < n; i++) {
        cJSON *t = cJSON_AddObjectToObject(head, tensor[i].name);
        cJSON_AddStringToObject(t, "dtype", tensor[i].type == TENSOR_I64 ? "I64" : "F32");
        cJSON *shape = cJSON_AddArrayToObject(t, "shape"), *offsets = cJSON_AddArrayToObject(t, "data_offsets");
        for (int j = 0; j < tensor[i].dims; j++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor[i].dim[j]));
        cJSON_AddItemToArray(offsets, cJSON_CreateNumber(at));
        at += (double)(tensor[i].count * type_size(tensor[i].type));
        cJSON_AddItemToArray(offsets, cJSON_CreateNumber(at));
    }
    return head;
}

int safetensors_write(const char *path, int n, const struct tensor *tensor, int entries, const char *const *key, const char *const *value)
{
    cJSON *head = header_of(n, tensor, entries, key, value);
    char *json = cJSON_PrintUnformatted(head);
    cJSON_Delete(head);
    const size_t length = strlen(json), padded = (length + 7) / 8 * 8;
    size_t size = 8 + padded;
    for (int i = 0; i < n; i++) size += tensor[i].count * type_size(tensor[i].type);
    char *bytes = mem_new(size, 1), *at = bytes + 8;
    for (int i = 0; i < 8; i++) bytes[i] = (char)(padded >> (8 * i) & 255);
    memset(at, ' ', padded);
    memcpy(at, json, length);
    at += padded;
    for (int i = 0; i < n; i++) {
        const size_t part = tensor[i].count * type_size(tensor[i].type);
        memcpy(at, tensor[i].bytes, part);
        at += part;
    }
    int code = file_write(path, bytes, size);
    mem_free(bytes);
    cJSON_free(json);
    return code;
}
