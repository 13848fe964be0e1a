// Reading single rows out of packed weights.
#include <string.h>

#include "tables.h"

static size_t padded(size_t inner, size_t block) { return (inner + block - 1) / block * block; }

void apus_unpack_row(const void *weight, apus_element element, size_t inner, size_t row, float *out) {
    size_t stride = padded(inner, APUS_INNER_BLOCK);
    size_t panel = row / APUS_PANEL, lane = row % APUS_PANEL;
    if (element == APUS_FLOAT32) {
        const float *at = (const float *)weight + panel * stride * APUS_PANEL + lane;
        for (size_t k = 0; k < inner; k++, at += APUS_PANEL) out[k] = *at;
        return;
    }
    const uint16_t *at = (const uint16_t *)weight + panel * stride * APUS_PANEL + lane * 2;
    for (size_t k = 0; k < inner; k++) {
        uint32_t bits = (uint32_t)at[k / 2 * APUS_PANEL * 2 + k % 2] << 16;
        memcpy(out + k, &bits, sizeof(bits));
    }
}

void apus_unpack_codes_int8(const void *weight, size_t inner, size_t row, int8_t *codes) {
    size_t stride = padded(inner, APUS_INNER_BLOCK_INT8);
    const int8_t *at = (const int8_t *)weight + row / APUS_PANEL * stride * APUS_PANEL + row % APUS_PANEL * 4;
    for (size_t k = 0; k < inner; k++) codes[k] = at[k / 4 * APUS_PANEL * 4 + k % 4];
}

void apus_unpack_row_int8(const void *weight, const float *scales, size_t inner, size_t row, float *out) {
    size_t stride = padded(inner, APUS_INNER_BLOCK_INT8);
    const int8_t *at = (const int8_t *)weight + row / APUS_PANEL * stride * APUS_PANEL + row % APUS_PANEL * 4;
    for (size_t k = 0; k < inner; k++) out[k] = at[k / 4 * APUS_PANEL * 4 + k % 4] * scales[row];
}

/// One IEEE half, which is not a NaN.
static float widened(uint16_t half) {
    // Shifting the fields leaves 2^112 to multiply by, which also makes subnormal numbers normal.
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float x;
    memcpy(&x, &bits, sizeof(x));
    x = (half & 0x7c00) == 0x7c00 ? __builtin_inff() : x * 0x1p112f;
    memcpy(&bits, &x, sizeof(bits));
    bits |= sign;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/// Where a lane's blocks of an int4 weight begin, and how far apart they are.
typedef struct int4_row {
    const char *block;
    size_t inputs, bytes, group, lane;
} int4_row;

static int4_row int4_at(const void *weight, size_t group, size_t inner, size_t row) {
    size_t inputs = group == 32 ? APUS_INNER_BLOCK_INT4_32 : APUS_INNER_BLOCK_INT4_128;
    size_t bytes = 64 + inputs * APUS_PANEL / 2, panel = row / APUS_PANEL;
    const char *block = (const char *)weight + panel * (padded(inner, inputs) / inputs) * bytes;
    return (int4_row){block, inputs, bytes, group, row % APUS_PANEL};
}

static uint8_t int4_code(const int4_row *row, size_t k) {
    size_t in = k % row->inputs;
    const char *at = row->block + k / row->inputs * row->bytes + 64 + in / 8 * 64 + row->lane * 4 + in % 4;
    return (uint8_t)*at >> (in / 4 % 2 * 4) & 15;
}

static float int4_scale(const int4_row *row, size_t k) {
    const char *block = row->block + k / row->inputs * row->bytes;
    float scale;
    if (row->group == 32) {
        uint16_t half;
        memcpy(&half, block + k % row->inputs / 32 * 32 + row->lane * 2, sizeof(half));
        return widened(half);
    }
    memcpy(&scale, block + row->lane * 4, sizeof(scale));
    return scale;
}

void apus_unpack_codes_int4(const void *weight, size_t group, size_t inner, size_t row, uint8_t *codes, float *scales) {
    int4_row at = int4_at(weight, group, inner, row);
    for (size_t k = 0; k < inner; k++) codes[k] = int4_code(&at, k);
    for (size_t k = 0; k < inner; k += group) *scales++ = int4_scale(&at, k);
}

void apus_unpack_row_int4(const void *weight, size_t group, size_t inner, size_t row, float *out) {
    int4_row at = int4_at(weight, group, inner, row);
    for (size_t k = 0; k < inner; k++) out[k] = (int4_code(&at, k) - 8) * int4_scale(&at, k);
}
