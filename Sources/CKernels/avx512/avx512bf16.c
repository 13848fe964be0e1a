// AVX-512 with bfloat16 dot products; everything but the bfloat16 family is AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../tables.h"

#pragma clang attribute push(                                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)

#define MULTIPLY_ADD_IS_FUSED 1
#define ACCUMULATORS 24
#define ROW_BLOCK 12

#define NUMERATOR_TO_BFLOAT16(x) (u16v) _mm512_cvtneps_pbh((__m512)(x))

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"
#include "../body/micro_dot.inc"

#define FAMILY(name) name##_dot
#define FAMILY_BF16 1
#define LHS uint16_t
#define INNER_BLOCKS 32
#define UNIT char
#define UNIT_BEGIN(unit) (unit) = 0
#define UNIT_END(unit) (void)(unit)
#define MULTIPLY(unit, ...) ((void)(unit), micro_dot(__VA_ARGS__))
#define ONE_TOKEN "../avx512/attention_token.inc"
#include "../body/family.inc"

#pragma clang attribute pop

const apus_kernels apus_table_avx512bf16 = {
    .name = "avx512bf16",
    .bfloat16 =
        {
            .arithmetic = "avx512 bfloat16 dot products",
            .row_block = 12,
            .inner_block = 32,
            .lhs_block_bytes = 64,
            .panel_block_bytes = 1024,
            .pack_lhs = pack_lhs_dot,
            .pack_panel = pack_panel_dot,
            .gemm = gemm_dot,
            .gemm_scratch = gemm_scratch_dot,
            .attention_scratch = attention_scratch_dot,
            .attention = attention_dot,
        },
};
#endif
