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
#include "../body/fma_families.inc"

/// Products of neighbouring int16, added in pairs.
INLINE i32v multiply_add_pairs(i32v a, i32v b) { return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16); }

#define INT8_DOT 0
#define MULTIPLY_ADD_PAIRS(a, b) multiply_add_pairs(a, b)
#define ROW_BLOCK ROWS
#include "../body/micro_int8.inc"

const apus_kernels apus_table_neon = {.name = "neon", FLOAT32_FAMILY, BFLOAT16_FAMILY,
                                       INT8_FAMILY("neon int8 by int16", ROWS), FUNCTIONS};
#endif
