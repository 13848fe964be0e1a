// AVX-512 with int8 dot products; everything but the int8 family is AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(                                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#define MULTIPLY_ADD_IS_FUSED 1
#define ACCUMULATORS 24
#define ROW_BLOCK 12

#include "../body/vector.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"

#define INT8_DOT 1
#include "../body/micro_int8.inc"

#pragma clang attribute pop

const apus_kernels apus_table_avx512vnni = {.name = "avx512vnni", INT8_FAMILY("avx512 int8 dot products", 12)};
#endif
