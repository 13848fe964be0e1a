// AVX2 and FMA: sixteen 256-bit registers, twelve of which hold sums.
#if defined(__x86_64__)
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

#pragma clang attribute pop

const apus_kernels apus_table_avx2 = {.name = "avx2", FLOAT32_FAMILY, BFLOAT16_FAMILY, FUNCTIONS};
#endif
