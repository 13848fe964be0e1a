// The AMX code over tiles in plain C: what tests run where there is no AMX, and compare with where there is.
#include "../tables.h"

#define TILES_REAL 0
#define MULTIPLY_ADD_IS_FUSED 0
#define HALVES_TO_FLOATS(x) v_from_float16(x)
#define FEW_ROWS_TABLE apus_table_scalar
#define INT4_FEW "portable"

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"
#include "../body/quantise.inc"
#include "tiles.h"
#include "tiles.inc"

const apus_kernels apus_table_amx_soft = {.name = "amx-soft", TILES_FAMILIES("emulated")};
