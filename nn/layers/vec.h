/* The vector of the instruction set a layer file is compiled for: VL floats. Lanes are a multiple of VL. */
#ifndef HEIST_NN_LAYERS_VEC_H
#define HEIST_NN_LAYERS_VEC_H

#if defined __AVX512F__
enum { VL = 16 };
#elif defined __AVX2__
enum { VL = 8 };
#else
enum { VL = 4 };
#endif
typedef float vec __attribute__((vector_size(4 * VL), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec vec_load(const float *p)
{
    return *(const vec *)p;
}

INLINE void vec_store(float *p, vec v)
{
    *(vec *)p = v;
}

INLINE vec vec_all(float x)
{
    return x - (vec){0}; /* a broadcast: -0 stays what it is */
}

typedef int ivec __attribute__((vector_size(4 * VL), may_alias)); /* also a comparison's result: -1 or 0 a lane */
typedef unsigned char bvec __attribute__((vector_size(VL), may_alias));

INLINE ivec ivec_all(int x)
{
    return x - (ivec){0};
}

INLINE vec vec_where(ivec mask, vec yes, vec no) /* lane by lane: mask ? yes : no */
{
    return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask));
}

typedef unsigned short svec __attribute__((vector_size(2 * VL), may_alias));

/* VL numbers below 256; by way of svec, or GCC takes the lanes one by one. */
INLINE ivec bytes_load(const unsigned char *p)
{
    return __builtin_convertvector(__builtin_convertvector(*(const bvec *)p, svec), ivec);
}

INLINE void bytes_store(unsigned char *p, ivec v)
{
    *(bvec *)p = __builtin_convertvector(__builtin_convertvector(v, svec), bvec);
}

typedef float vec_any __attribute__((vector_size(4 * VL), aligned(4), may_alias));

INLINE vec vec_load_any(const float *p) /* any alignment */
{
    return *(const vec_any *)p;
}

INLINE void vec_store_any(float *p, vec v)
{
    *(vec_any *)p = v;
}

/* One round of a transposition exchanges blocks of s lanes between v[i] and v[i + s]. */
#define VEC_LOW(t, s) ((t) & (s) ? (t) - (s) + VL : (t))
#define VEC_HIGH(t, s) ((t) & (s) ? (t) + VL : (t) + (s))
#if defined __AVX512F__
#define VEC_SHUFFLE(a, b, F, s) __builtin_shufflevector(a, b, F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s), \
                                                        F(8, s), F(9, s), F(10, s), F(11, s), F(12, s), F(13, s), F(14, s), F(15, s))
#elif defined __AVX2__
#define VEC_SHUFFLE(a, b, F, s) __builtin_shufflevector(a, b, F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s))
#else
#define VEC_SHUFFLE(a, b, F, s) __builtin_shufflevector(a, b, F(0, s), F(1, s), F(2, s), F(3, s))
#endif
#define VEC_ROUND(v, s)                                                  \
    for (int i = 0; i < VL; i++)                                         \
        if (!(i & (s))) {                                                \
            const vec low = VEC_SHUFFLE(v[i], v[i + (s)], VEC_LOW, s);   \
            v[i + (s)] = VEC_SHUFFLE(v[i], v[i + (s)], VEC_HIGH, s);     \
            v[i] = low;                                                  \
        }

INLINE void vec_transpose(vec v[VL]) /* v[i][t] <-> v[t][i] */
{
    VEC_ROUND(v, 1)
    VEC_ROUND(v, 2)
#if defined __AVX2__ || defined __AVX512F__
    VEC_ROUND(v, 4)
#endif
#if defined __AVX512F__
    VEC_ROUND(v, 8)
#endif
}

#endif
