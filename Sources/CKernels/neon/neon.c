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

const apus_kernels apus_table_neon = {.name = "neon", FLOAT32_FAMILY, BFLOAT16_FAMILY, FUNCTIONS};
#endif
