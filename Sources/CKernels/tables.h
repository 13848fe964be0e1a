// The tables of each instruction set, as far as this build has them. Internal to this target.
#ifndef APUS_TABLES_H
#define APUS_TABLES_H

#include "CKernels.h"

extern const apus_kernels apus_table_scalar;
#if defined(__x86_64__)
extern const apus_kernels apus_table_avx2;
extern const apus_kernels apus_table_avx512;
extern const apus_kernels apus_table_avx512vnni;
extern const apus_kernels apus_table_avx512bf16;
extern const apus_kernels apus_table_amx;
#endif
#if defined(__aarch64__)
extern const apus_kernels apus_table_neon;
#endif
extern const apus_kernels apus_table_amx_soft;

/// What this processor and operating system offer, as sets that imply all lower ones.
typedef struct apus_cpu {
    bool avx2, avx512, avx512vnni, avx512bf16, amx, neon;
} apus_cpu;

/// Detects once; asks the kernel for permission to use AMX tiles where the processor has them.
apus_cpu apus_cpu_features(void);

/// A table of this build whether or not the processor can run it, null if there is none of that name.
const apus_kernels *apus_kernels_unchecked(const char *name);

#endif
