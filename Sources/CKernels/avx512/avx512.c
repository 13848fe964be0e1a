// AVX-512 (F, BW, DQ, VL): thirty-two 512-bit registers, twenty-four of which hold sums.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),            \
                             apply_to = function)

#define MULTIPLY_ADD_IS_FUSED 1
#define ARITHMETIC "avx512"
#define ACCUMULATORS 24
#define ROWS 12

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/functions.inc"
#include "../body/quantise.inc"
#include "../body/fma_families.inc"

#define INT8_DOT 0
#define MULTIPLY_ADD_PAIRS(a, b) (i32v) _mm512_madd_epi16((__m512i)(a), (__m512i)(b))
#define ROW_BLOCK ROWS
#include "../body/micro_int8.inc"

#define INT4_ROWS 6
#undef ACCUMULATORS
#define ACCUMULATORS 12
#define HALVES_TO_FLOATS(x) (f32v) _mm512_cvtph_ps((__m256i)(x))
#define PART_IS_SUM 0
#define DOT_UNSIGNED(sums, weights, activations)                                                                     \
    (i32v) _mm512_add_epi16((__m512i)(sums), _mm512_maddubs_epi16((__m512i)(weights), (__m512i)(activations)))
#define PART_SUMS(part) (i32v) _mm512_madd_epi16((__m512i)(part), _mm512_set1_epi16(1))
#include "../body/int4_families.inc"

#pragma clang attribute pop

const apus_kernels apus_table_avx512 = {.name = "avx512", FLOAT32_FAMILY, BFLOAT16_FAMILY,
                                         INT8_FAMILY("avx512 int8 by int16", ROWS),
                                         INT4_FAMILIES("avx512 int4 by int8"), FUNCTIONS};
#endif
