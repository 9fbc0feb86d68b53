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
    vec v = {0};
    for (int i = 0; i < VL; i++) v[i] = x;
    return v;
}

typedef int ivec __attribute__((vector_size(4 * VL), may_alias));

INLINE vec vec_where_equal(vec a, vec b, vec yes, vec no) /* lane by lane: a == b ? yes : no */
{
    const ivec m = a == b;
    return (vec)(((ivec)yes & m) | ((ivec)no & ~m));
}

#endif
