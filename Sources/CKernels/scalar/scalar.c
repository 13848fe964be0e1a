// Portable C: the reference of the other tables, and what remains when nothing better runs.
#include "../tables.h"

#define MULTIPLY_ADD_IS_FUSED 0
#define ARITHMETIC "portable"
#define ACCUMULATORS 3
#define ROWS 3

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/functions.inc"
#include "../body/fma_families.inc"

const apus_kernels apus_table_scalar = {.name = "scalar", FLOAT32_FAMILY, BFLOAT16_FAMILY, FUNCTIONS};
