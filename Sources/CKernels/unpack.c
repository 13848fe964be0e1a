// Reading single rows out of packed weights.
#include <string.h>

#include "tables.h"

void apus_unpack_row(const void *weight, apus_element element, size_t inner, size_t row, float *out) {
    size_t stride = (inner + APUS_INNER_BLOCK - 1) / APUS_INNER_BLOCK * APUS_INNER_BLOCK;
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

void apus_unpack_row_int8(const void *weight, const float *scales, size_t inner, size_t row, float *out) {
    size_t stride = (inner + APUS_INNER_BLOCK_INT8 - 1) / APUS_INNER_BLOCK_INT8 * APUS_INNER_BLOCK_INT8;
    const int8_t *at = (const int8_t *)weight + row / APUS_PANEL * stride * APUS_PANEL + row % APUS_PANEL * 4;
    for (size_t k = 0; k < inner; k++) out[k] = at[k / 4 * APUS_PANEL * 4 + k % 4] * scales[row];
}
