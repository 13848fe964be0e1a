// The tile unit as AMX has it, and the same in plain C, so that one body runs (and is tested) with or without it.
//
// Eight tiles of up to 16 rows of 64 bytes. TILES_REAL selects the instructions.
#ifndef APUS_TILES_H
#define APUS_TILES_H

#include <stdint.h>
#include <string.h>

#include "ahead.h"

/// LDTILECFG's operand (Intel SDM, volume 1, chapter 18).
typedef struct tile_config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

_Static_assert(sizeof(tile_config) == 64, "LDTILECFG reads 64 bytes");

#if TILES_REAL

#include <immintrin.h>

/// The tiles are registers: what is kept is the shape they were last configured for.
typedef struct tile_unit {
    size_t rows;
    /// Activations, weights.
    ahead ahead[2];
} tile_unit;

#define TILES_END(unit) _tile_release()
#define TILES_CONFIGURE(unit, config) ((void)(unit), _tile_loadconfig(config))
#define TILE_ZERO(unit, t) ((void)(unit), _tile_zero(t))
#define TILE_LOAD(unit, t, base, stride) ((void)(unit), _tile_loadd(t, base, stride))
#define TILE_STORE(unit, t, base, stride) ((void)(unit), _tile_stored(t, base, stride))
#define TILE_DOT_BFLOAT16(unit, c, a, b) ((void)(unit), _tile_dpbf16ps(c, a, b))
#define TILE_DOT_INT8(unit, c, a, b) ((void)(unit), _tile_dpbssd(c, a, b))

#else

typedef struct tile_unit {
    size_t rows;
    ahead ahead[2];
    tile_config config;
    _Alignas(64) uint8_t tiles[8][16][64];
} tile_unit;

static inline void soft_load(tile_unit *unit, int t, const void *base, size_t stride) {
    memset(unit->tiles[t], 0, sizeof(unit->tiles[t]));
    for (int r = 0; r < unit->config.rows[t]; r++) {
        memcpy(unit->tiles[t][r], (const char *)base + (size_t)r * stride, unit->config.row_bytes[t]);
    }
}

static inline void soft_store(const tile_unit *unit, int t, void *base, size_t stride) {
    for (int r = 0; r < unit->config.rows[t]; r++) {
        memcpy((char *)base + (size_t)r * stride, unit->tiles[t][r], unit->config.row_bytes[t]);
    }
}

/// bfloat16 bits as float32; subnormal inputs count as zero, as TDPBF16PS takes them.
static inline float soft_widen(uint16_t bits) {
    uint32_t wide = (bits & 0x7f80) == 0 ? (uint32_t)(bits & 0x8000) << 16 : (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof(x));
    return x;
}

/// TDPBF16PS: even and odd elements are summed apart, then together, then onto the old value (Intel SDM, volume 2).
static inline void soft_dot_bfloat16(tile_unit *unit, int c, int a, int b) {
    int columns = unit->config.row_bytes[c] / 4, pairs = unit->config.row_bytes[a] / 4;
    for (int m = 0; m < unit->config.rows[c]; m++) {
        float even[16] = {0}, odd[16] = {0}, old[16];
        for (int k = 0; k < pairs; k++) {
            uint16_t left[2], right[32];
            memcpy(left, unit->tiles[a][m] + k * 4, sizeof(left));
            memcpy(right, unit->tiles[b][k], sizeof(right));
            float x = soft_widen(left[0]), y = soft_widen(left[1]);
            for (int n = 0; n < columns; n++) {
                // A product of two bfloat16 numbers is exact in float32: this addition rounds as the fused one does.
                even[n] += x * soft_widen(right[2 * n]);
                odd[n] += y * soft_widen(right[2 * n + 1]);
            }
        }
        memcpy(old, unit->tiles[c][m], sizeof(old));
        for (int n = 0; n < columns; n++) old[n] += even[n] + odd[n];
        memcpy(unit->tiles[c][m], old, sizeof(old));
    }
}

/// TDPBSSD: exact sums of groups of four signed products.
static inline void soft_dot_int8(tile_unit *unit, int c, int a, int b) {
    int columns = unit->config.row_bytes[c] / 4, fours = unit->config.row_bytes[a] / 4;
    for (int m = 0; m < unit->config.rows[c]; m++) {
        int32_t sums[16];
        memcpy(sums, unit->tiles[c][m], sizeof(sums));
        for (int k = 0; k < fours; k++) {
            const int8_t *left = (const int8_t *)unit->tiles[a][m] + k * 4;
            const int8_t *right = (const int8_t *)unit->tiles[b][k];
            for (int n = 0; n < columns; n++) {
                for (int i = 0; i < 4; i++) sums[n] += left[i] * right[4 * n + i];
            }
        }
        memcpy(unit->tiles[c][m], sums, sizeof(sums));
    }
}

#define TILES_END(unit) (void)(unit)
#define TILES_CONFIGURE(unit, new_config) (unit)->config = *(new_config)
#define TILE_ZERO(unit, t) memset((unit)->tiles[t], 0, sizeof((unit)->tiles[t]))
#define TILE_LOAD(unit, t, base, stride) soft_load(unit, t, base, stride)
#define TILE_STORE(unit, t, base, stride) soft_store(unit, t, base, stride)
#define TILE_DOT_BFLOAT16(unit, c, a, b) soft_dot_bfloat16(unit, c, a, b)
#define TILE_DOT_INT8(unit, c, a, b) soft_dot_int8(unit, c, a, b)

#endif

#define TILES_BEGIN(unit) ((unit).rows = 0, (unit).ahead[0].pieces = 0, (unit).ahead[1].pieces = 0)

/// Between two tile operations of a step.
static inline void tiles_fetch_ahead(tile_unit *unit) {
    ahead_step(&unit->ahead[0]);
    ahead_step(&unit->ahead[1]);
}

#endif
