// The AMX code over tiles in plain C: what tests run where there is no AMX, and compare with where there is.
#include "../tables.h"

#define TILES_REAL 0
#define MULTIPLY_ADD_IS_FUSED 0

#include "../body/vector.inc"
#include "../body/transpose.inc"
#include "../body/groups.inc"
#include "../body/convert.inc"
#include "../body/quantise.inc"
#include "tiles.h"
#include "tiles.inc"

const apus_kernels apus_table_amx_soft = {.name = "amx-soft", TILES_FAMILIES("emulated")};
