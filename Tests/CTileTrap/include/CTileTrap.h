// AMX for machines without it: the real instructions run, trap, and are carried out in software.
#ifndef APUS_TILE_TRAP_H
#define APUS_TILE_TRAP_H

#include <CKernels.h>

/// The table "amx", with its instructions emulated from here on in this process; null where the processor has AMX (then
/// the table itself should be tested), or lacks the AVX-512 that the table uses around the tiles.
///
/// What the processor does with an instruction that it doesn't know, SIGILL, is caught for this process. Anything that
/// isn't a tile instruction ends the process as ever.
const apus_kernels *apus_tile_trap_table(void);

/// How many tile instructions have been carried out by the trap in this process.
unsigned long apus_tile_trap_count(void);

#endif
