// AMX tiles with AVX-512 around them; float32 and functions of vectors are AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(                                                                                        \
    __attribute__((target(                                                                                           \
        "amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))),                 \
    apply_to = function)

#define TILES_REAL 1
#define MULTIPLY_ADD_IS_FUSED 1
#define HALVES_TO_FLOATS(x) (f32v) _mm512_cvtph_ps((__m256i)(x))
#define FEW_ROWS_TABLE apus_table_avx512vnni
#define INT4_FEW "avx512 dot products"

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"
#include "../body/quantise.inc"
#include "tiles.h"
#include "tiles.inc"

#pragma clang attribute pop

const apus_kernels apus_table_amx = {.name = "amx", TILES_FAMILIES("amx")};
#endif
