// NEON: thirty-two 128-bit registers, twenty-four of which hold sums (four to a 16-lane vector).
#if defined(__aarch64__)
#include "../tables.h"

#define MULTIPLY_ADD_IS_FUSED 1
#define ARITHMETIC "neon"
#define ACCUMULATORS 6
#define ROWS 6

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/functions.inc"
#include "../body/quantise.inc"
#include "../body/fma_families.inc"

/// Products of neighbouring int16, added in pairs.
INLINE i32v multiply_add_pairs(i32v a, i32v b) { return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16); }

#define INT8_DOT 0
#define MULTIPLY_ADD_PAIRS(a, b) multiply_add_pairs(a, b)
#define ROW_BLOCK ROWS
#include "../body/micro_int8.inc"

/// Products of four neighbouring bytes, the weights' without sign, added.
INLINE i32v dot_unsigned(u32v weights, i32v activations) {
    i16w w = (i16w)weights, a = (i16w)activations;
    return multiply_add_pairs((i32v)(w & 0xff), (i32v)(a << 8 >> 8)) + multiply_add_pairs((i32v)(w >> 8), (i32v)(a >> 8));
}

#define INT4_ROWS 3
#undef ACCUMULATORS
#define ACCUMULATORS 3
#define HALVES_TO_FLOATS(x) v_from_float16(x)
#define PART_IS_SUM 1
#define DOT_UNSIGNED(sums, weights, activations) ((sums) + dot_unsigned(weights, activations))
#include "../body/int4_families.inc"

const apus_kernels apus_table_neon = {.name = "neon", FLOAT32_FAMILY, BFLOAT16_FAMILY,
                                       INT8_FAMILY("neon int8 by int16", ROWS),
                                       INT4_FAMILIES("neon int4 by int16"), FUNCTIONS};
#endif
