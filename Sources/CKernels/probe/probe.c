// Loops that do nothing but what a processor is limited by: independent multiply-adds on random operands in registers,
// and reading memory from end to end.
#include "../tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "../amx/tiles.h"
#endif

/// Keeps a result from being optimised away.
static volatile float apus_probe_sink;

/// `sums` independent chains: enough to fill the pipelines, few enough for the registers.
#define CHAINS(sums, operation)                                                                                      \
    for (size_t round = 0; round < rounds; round++) {                                                                \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < (sums); i++) sum[i] = operation;                      \
    }

#if defined(__x86_64__)

/// Random bytes as small float32 numbers of both signs: mantissas are what costs power, exponents must not run away.
#define RANDOM_FLOATS(bits) _mm512_or_ps(_mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32(0x803fffff))), \
                                         _mm512_set1_ps(0x1p-3f))

__attribute__((target("avx2,fma"))) static double fma_avx2(const void *random, size_t rounds) {
    __m256 sum[12], a[2], b[2];
    for (int i = 0; i < 2; i++) {
        __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x803fffff));
        a[i] = _mm256_or_ps(_mm256_and_ps(_mm256_loadu_ps((const float *)random + 8 * i), mask), _mm256_set1_ps(0.125f));
        b[i] = _mm256_or_ps(_mm256_and_ps(_mm256_loadu_ps((const float *)random + 16 + 8 * i), mask),
                            _mm256_set1_ps(0.125f));
    }
    for (int i = 0; i < 12; i++) sum[i] = a[i % 2];
    CHAINS(12, _mm256_fmadd_ps(a[i % 2], b[i / 2 % 2], sum[i]))
    for (int i = 1; i < 12; i++) sum[0] = _mm256_add_ps(sum[0], sum[i]);
    apus_probe_sink = _mm256_cvtss_f32(sum[0]);
    return 12.0 * 16 * (double)rounds;
}

__attribute__((target("avx2"))) static double int8_avx2(const void *random, size_t rounds) {
    __m256i sum[12], a[2], b[2];
    for (int i = 0; i < 2; i++) {
        a[i] = _mm256_loadu_si256((const __m256i *)random + i);
        b[i] = _mm256_loadu_si256((const __m256i *)random + 2 + i);
    }
    for (int i = 0; i < 12; i++) sum[i] = a[i % 2];
    // The compiler must take each operand for a new one, lest it compute equal products once.
#define FRESH(x) ({ __asm__("" : "+x"(x)); x; })
    CHAINS(12, _mm256_add_epi32(sum[i], _mm256_madd_epi16(FRESH(a[i % 2]), b[i / 2 % 2])))
    for (int i = 1; i < 12; i++) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    apus_probe_sink = (float)_mm256_extract_epi32(sum[0], 0);
    return 12.0 * 32 * (double)rounds;
}

__attribute__((target("avx512f,avx512dq"))) static double fma_avx512(const void *random, size_t rounds) {
    __m512 sum[24], a[2], b[2];
    for (int i = 0; i < 2; i++) {
        a[i] = RANDOM_FLOATS(_mm512_loadu_si512((const char *)random + 64 * i));
        b[i] = RANDOM_FLOATS(_mm512_loadu_si512((const char *)random + 128 + 64 * i));
    }
    for (int i = 0; i < 24; i++) sum[i] = a[i % 2];
    CHAINS(24, _mm512_fmadd_ps(a[i % 2], b[i / 2 % 2], sum[i]))
    for (int i = 1; i < 24; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    apus_probe_sink = _mm512_cvtss_f32(sum[0]);
    return 24.0 * 32 * (double)rounds;
}

__attribute__((target("avx512f,avx512bf16"))) static double dot_avx512bf16(const void *random, size_t rounds) {
    __m512 sum[24];
    __m512bh a[2], b[2];
    for (int i = 0; i < 2; i++) {
        __m512i bits = _mm512_set1_epi16((short)0x803f), small = _mm512_set1_epi16(0x3e00);
        const char *at = (const char *)random + 64 * i;
        a[i] = (__m512bh)_mm512_or_si512(_mm512_and_si512(_mm512_loadu_si512(at), bits), small);
        b[i] = (__m512bh)_mm512_or_si512(_mm512_and_si512(_mm512_loadu_si512(at + 128), bits), small);
    }
    for (int i = 0; i < 24; i++) sum[i] = _mm512_set1_ps((float)i);
    CHAINS(24, _mm512_dpbf16_ps(sum[i], a[i % 2], b[i / 2 % 2]))
    for (int i = 1; i < 24; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    apus_probe_sink = _mm512_cvtss_f32(sum[0]);
    return 24.0 * 64 * (double)rounds;
}

__attribute__((target("avx512f,avx512vnni"))) static double dot_avx512vnni(const void *random, size_t rounds) {
    __m512i sum[24], a[2], b[2];
    for (int i = 0; i < 2; i++) {
        a[i] = _mm512_loadu_si512((const char *)random + 64 * i);
        b[i] = _mm512_loadu_si512((const char *)random + 128 + 64 * i);
    }
    for (int i = 0; i < 24; i++) sum[i] = a[i % 2];
    CHAINS(24, _mm512_dpbusd_epi32(sum[i], a[i % 2], b[i / 2 % 2]))
    for (int i = 1; i < 24; i++) sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    apus_probe_sink = (float)_mm512_cvtsi512_si32(sum[0]);
    return 24.0 * 128 * (double)rounds;
}

/// Four sums, two tiles of either operand: what a product holds in its eight tiles.
#define TILE_PROBE(name, dot, scale)                                                                                 \
    __attribute__((target("amx-tile,amx-bf16,amx-int8"))) static double name(const void *random, size_t rounds) {    \
        _Alignas(64) tile_config config = {.palette = 1};                                                            \
        for (int t = 0; t < 8; t++) config.rows[t] = 16, config.row_bytes[t] = 64;                                   \
        _tile_loadconfig(&config);                                                                                   \
        _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);                                                  \
        _tile_loadd(4, random, 64), _tile_loadd(5, (const char *)random + 1024, 64);                                 \
        _tile_loadd(6, (const char *)random + 2048, 64), _tile_loadd(7, (const char *)random + 3072, 64);            \
        for (size_t round = 0; round < rounds; round++) {                                                            \
            dot(0, 4, 6);                                                                                            \
            dot(1, 4, 7);                                                                                            \
            dot(2, 5, 6);                                                                                            \
            dot(3, 5, 7);                                                                                            \
        }                                                                                                            \
        _Alignas(64) float sums[256];                                                                                \
        _tile_stored(0, sums, 64);                                                                                   \
        _tile_release();                                                                                             \
        apus_probe_sink = sums[0];                                                                                   \
        return 4.0 * 16 * 16 * 2 * (scale) * (double)rounds;                                                         \
    }
TILE_PROBE(dot_amx_bf16, _tile_dpbf16ps, 32)
TILE_PROBE(dot_amx_int8, _tile_dpbssd, 64)
#endif

#if defined(__aarch64__)
typedef float quad __attribute__((ext_vector_type(4)));

static double fma_neon(const void *random, size_t rounds) {
    quad sum[24], a[2], b[2];
    for (int i = 0; i < 2; i++) {
        for (int lane = 0; lane < 4; lane++) {
            a[i][lane] = (float)((const int8_t *)random)[4 * i + lane] / 512;
            b[i][lane] = (float)((const int8_t *)random)[16 + 4 * i + lane] / 512;
        }
    }
    for (int i = 0; i < 24; i++) sum[i] = a[i % 2];
    CHAINS(24, __builtin_elementwise_fma(a[i % 2], b[i / 2 % 2], sum[i]))
    for (int i = 1; i < 24; i++) sum[0] += sum[i];
    apus_probe_sink = sum[0].x;
    return 24.0 * 8 * (double)rounds;
}
#endif

enum { PROBES = 8 };

size_t apus_probes(apus_probe probes[PROBES]) {
    size_t count = 0;
    apus_cpu cpu = apus_cpu_features();
#define PROBE(runs, ...)                                                                                             \
    if (runs) probes[count++] = (apus_probe){__VA_ARGS__};
#if defined(__x86_64__)
    PROBE(cpu.avx2, "avx2", APUS_PROBE_FLOAT32, fma_avx2)
    PROBE(cpu.avx2, "avx2", APUS_PROBE_INT8, int8_avx2)
    PROBE(cpu.avx512, "avx512", APUS_PROBE_FLOAT32, fma_avx512)
    PROBE(cpu.avx512vnni, "avx512vnni", APUS_PROBE_INT8, dot_avx512vnni)
    PROBE(cpu.avx512bf16, "avx512bf16", APUS_PROBE_BFLOAT16, dot_avx512bf16)
    PROBE(cpu.amx, "amx", APUS_PROBE_BFLOAT16, dot_amx_bf16)
    PROBE(cpu.amx, "amx", APUS_PROBE_INT8, dot_amx_int8)
#endif
#if defined(__aarch64__)
    PROBE(cpu.neon, "neon", APUS_PROBE_FLOAT32, fma_neon)
#endif
    return count;
}

uint64_t apus_probe_read(const void *memory, size_t bytes) {
    typedef uint64_t line __attribute__((ext_vector_type(8)));
    const line *at = memory;
    line sums[4] = {0};
    for (size_t i = 0; i + 4 <= bytes / sizeof(line); i += 4) {
        for (int k = 0; k < 4; k++) sums[k] ^= at[i + k];
    }
    line sum = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
    return __builtin_reduce_xor(sum);
}
