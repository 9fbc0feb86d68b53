/* Noise: every byte uniform and independent. */
#include "data/synthetic.h"

void noise_paint(uint8_t *pixels, struct shape s, struct rng *r)
{
    size_t n = shape_size(s);
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++, bits >>= 8) {
        if (i % 8 == 0) bits = rng_u64(r);
        pixels[i] = (uint8_t)(bits & 0xff);
    }
}
