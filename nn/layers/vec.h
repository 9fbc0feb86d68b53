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

INLINE ivec bytes_load(const unsigned char *p) /* VL numbers below 256 */
{
    return __builtin_convertvector(*(const bvec *)p, ivec);
}

INLINE void bytes_store(unsigned char *p, ivec v)
{
    *(bvec *)p = __builtin_convertvector(v, bvec);
}

#endif
