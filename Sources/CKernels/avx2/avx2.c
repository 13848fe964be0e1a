// AVX2 and FMA: sixteen 256-bit registers, twelve of which hold sums.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define MULTIPLY_ADD_IS_FUSED 1
#define ARITHMETIC "avx2"
#define ACCUMULATORS 6
#define ROWS 6

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/functions.inc"
#include "../body/quantise.inc"
#include "../body/fma_families.inc"

/// Products of neighbouring int16, added in pairs (VPMADDWD on both halves).
INLINE i32v multiply_add_pairs(i32v a, i32v b) {
    i32v sums;
    sums.lo = (i32h)_mm256_madd_epi16((__m256i)a.lo, (__m256i)b.lo);
    sums.hi = (i32h)_mm256_madd_epi16((__m256i)a.hi, (__m256i)b.hi);
    return sums;
}

#define INT8_DOT 0
#define MULTIPLY_ADD_PAIRS(a, b) multiply_add_pairs(a, b)
#define ROW_BLOCK ROWS
#include "../body/micro_int8.inc"

/// Adds products of neighbouring bytes, the weights' without sign, in int16 (VPMADDUBSW on both halves).
INLINE i32v dot_unsigned(i32v sums, u32v weights, i32v activations) {
    __m256i low = _mm256_maddubs_epi16((__m256i)weights.lo, (__m256i)activations.lo);
    __m256i high = _mm256_maddubs_epi16((__m256i)weights.hi, (__m256i)activations.hi);
    sums.lo = (i32h)_mm256_add_epi16((__m256i)sums.lo, low);
    sums.hi = (i32h)_mm256_add_epi16((__m256i)sums.hi, high);
    return sums;
}

INLINE f32v halves_to_floats(u16v x) {
    f32v y;
    y.lo = (f32h)_mm256_cvtph_ps((__m128i)x.lo);
    y.hi = (f32h)_mm256_cvtph_ps((__m128i)x.hi);
    return y;
}

#define INT4_ROWS 3
#undef ACCUMULATORS
#define ACCUMULATORS 3
#define HALVES_TO_FLOATS(x) halves_to_floats(x)
#define PART_IS_SUM 0
#define DOT_UNSIGNED(sums, weights, activations) dot_unsigned(sums, weights, activations)
#define PART_SUMS(part) multiply_add_pairs(part, (i32v)(0x00010001))
#include "../body/int4_families.inc"

#pragma clang attribute pop

const apus_kernels apus_table_avx2 = {.name = "avx2", FLOAT32_FAMILY, BFLOAT16_FAMILY,
                                       INT8_FAMILY("avx2 int8 by int16", ROWS),
                                       INT4_FAMILIES("avx2 int4 by int8"), FUNCTIONS};
#endif
