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

#pragma clang attribute pop

const apus_kernels apus_table_avx2 = {.name = "avx2", FLOAT32_FAMILY, BFLOAT16_FAMILY,
                                       INT8_FAMILY("avx2 int8 by int16", ROWS), FUNCTIONS};
#endif
