// Which table runs: the tables of an instruction set name what they do better, the rest comes from the next lower one.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

enum { TABLES = 8 };

static const char *const names[TABLES + 1] = {
    "scalar", "amx-soft", "neon", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx", 0,
};

static apus_kernels tables[TABLES];
static bool runnable[TABLES];
static const apus_kernels *best;
static char refused[32];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/// Rows of `upper` that are set replace those of `lower`. A family is one row: its functions agree on formats.
static apus_kernels over(apus_kernels lower, const apus_kernels *upper) {
    lower.name = upper->name;
    if (upper->float32.gemm) lower.float32 = upper->float32;
    if (upper->bfloat16.gemm) lower.bfloat16 = upper->bfloat16;
    if (upper->int8.gemm) lower.int8 = upper->int8;
    if (upper->int4_32.gemm) lower.int4_32 = upper->int4_32;
    if (upper->int4_128.gemm) lower.int4_128 = upper->int4_128;
#define ROW(field)                                                                                                   \
    if (upper->field) lower.field = upper->field;
    ROW(convert)
    ROW(rms_norm)
    ROW(layer_norm)
    ROW(rotate)
    ROW(silu_multiply)
    ROW(gelu_erf)
    ROW(gelu_tanh)
    ROW(tanh)
    ROW(exp)
    ROW(add)
    ROW(add_scaled)
    ROW(argmax)
    ROW(maximum)
    ROW(exponentials)
    ROW(scale)
    ROW(quantise)
    ROW(dot)
#undef ROW
    return lower;
}

static void add_table(int index, int lower, const apus_kernels *table, bool runs) {
    tables[index] = lower < 0 ? *table : over(tables[lower], table);
    runnable[index] = runs;
}

static const apus_kernels *find(const char *name) {
    for (int i = 0; i < TABLES; i++) {
        if (strcmp(names[i], name) == 0) return runnable[i] ? &tables[i] : NULL;
    }
    return NULL;
}

static void build(void) {
    apus_cpu cpu = apus_cpu_features();
    add_table(0, -1, &apus_table_scalar, true);
    add_table(1, 0, &apus_table_amx_soft, true);
#if defined(__aarch64__)
    add_table(2, 0, &apus_table_neon, cpu.neon);
#endif
#if defined(__x86_64__)
    add_table(3, 0, &apus_table_avx2, cpu.avx2);
    add_table(4, 3, &apus_table_avx512, cpu.avx512);
    add_table(5, 4, &apus_table_avx512vnni, cpu.avx512vnni);
    add_table(6, 5, &apus_table_avx512bf16, cpu.avx512bf16);
    add_table(7, 6, &apus_table_amx, cpu.amx);
#endif
    for (int i = TABLES - 1; i >= 0 && !best; i--) {
        if (runnable[i] && i != 1) best = &tables[i];
    }
    const char *wanted = getenv("APUS_KERNELS");
    if (wanted && *wanted) {
        const apus_kernels *table = find(wanted);
        if (table) {
            best = table;
        } else {
            snprintf(refused, sizeof(refused), "%s", wanted);
        }
    }
}

const apus_kernels *apus_kernels_best(void) {
    pthread_once(&once, build);
    return best;
}

const apus_kernels *apus_kernels_named(const char *name) {
    pthread_once(&once, build);
    return find(name);
}

const apus_kernels *apus_kernels_unchecked(const char *name) {
    pthread_once(&once, build);
    for (int i = 0; i < TABLES; i++) {
        if (strcmp(names[i], name) == 0) return tables[i].name ? &tables[i] : NULL;
    }
    return NULL;
}

const char *apus_kernels_refused(void) {
    pthread_once(&once, build);
    return *refused ? refused : NULL;
}

const char *const *apus_kernels_names(void) { return names; }

size_t apus_attention_rows(void) { return 96; }
