// AVX-512 with int8 dot products; everything but the int8 and int4 families is AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(                                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define MULTIPLY_ADD_IS_FUSED 1
#define ACCUMULATORS 24
#define ROW_BLOCK 12

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"
#include "../body/quantise.inc"

#define INT8_DOT 1
#include "../body/micro_int8.inc"

#define INT4_ROWS 6
#undef ACCUMULATORS
#define ACCUMULATORS 12
#define HALVES_TO_FLOATS(x) (f32v) _mm512_cvtph_ps((__m256i)(x))
#define PART_IS_SUM 1
#define DOT_UNSIGNED(sums, weights, activations)                                                                     \
    (i32v) _mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(weights), (__m512i)(activations))
#include "../body/int4_families.inc"

#pragma clang attribute pop

const apus_kernels apus_table_avx512vnni = {.name = "avx512vnni", INT8_FAMILY("avx512 int8 dot products", 12),
                                             INT4_FAMILIES("avx512 int4 by int8 dot products")};
#endif
