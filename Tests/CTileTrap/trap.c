// Decodes and carries out AMX-TILE, AMX-INT8 and AMX-BF16 (Intel SDM, volume 1 chapter 18, volume 2 chapters 3 to 5).
//
// Written from the manual alone, apart from the kernels: operand order, strides, shapes and configuration are judged here
// by what the compiler emitted. Whatever would fault on a processor (a bad palette, shapes that do not fit each other)
// ends the process with a message.
#define _GNU_SOURCE 1
#include "CTileTrap.h"

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

// The kernel library's own (`tables.h`): a table whether or not this processor can run it.
extern const apus_kernels *apus_kernels_unchecked(const char *name);

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

typedef struct tile_state {
    bool configured;
    uint8_t rows[TILES];
    uint16_t row_bytes[TILES];
    uint8_t data[TILES][ROWS][ROW_BYTES];
} tile_state;

// Tiles are registers: each thread has its own.
static _Thread_local tile_state tiles;
static _Atomic unsigned long count;

/// What the processor would refuse.
static void fault(const char *what) {
    fprintf(stderr, "tile instruction: %s\n", what);
    abort();
}

/// An instruction with a three-byte VEX prefix in the map 0F 38.
typedef struct instruction {
    int prefix;  // 0 none, 1 66, 2 F3, 3 F2
    int opcode;
    int third;  // VEX.vvvv
    int reg, rm;
    bool is_memory, has_index;
    uint64_t base, index;  // values of the address's base with displacement, and of the index register
    int scale;
    int length;
} instruction;

static uint64_t general_register(const ucontext_t *context, int number) {
    static const int places[16] = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    };
    return (uint64_t)context->uc_mcontext.gregs[places[number]];
}

static int32_t displacement(const uint8_t *bytes, int size) {
    if (size == 0) return 0;
    if (size == 1) return (int8_t)bytes[0];
    int32_t wide;
    memcpy(&wide, bytes, sizeof(wide));
    return wide;
}

static bool decode(const ucontext_t *context, const uint8_t *code, instruction *out) {
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return false;
    int r = code[1] >> 7 & 1 ? 0 : 8, x = code[1] >> 6 & 1 ? 0 : 8, b = code[1] >> 5 & 1 ? 0 : 8;
    memset(out, 0, sizeof(*out));
    out->prefix = code[2] & 3;
    out->third = ~(code[2] >> 3) & 15;
    out->opcode = code[3];
    int mode = code[4] >> 6, rm = code[4] & 7;
    out->reg = (code[4] >> 3 & 7) | r;
    out->length = 5;
    if (mode == 3) {
        out->rm = rm | b;
        return true;
    }
    out->is_memory = true;
    int size = mode == 0 ? 0 : mode == 1 ? 1 : 4;
    if (rm == 4) {
        int sib = code[out->length++];
        int base = sib & 7, index = (sib >> 3 & 7) | x;
        out->scale = 1 << (sib >> 6);
        if (index != 4) {
            out->has_index = true;
            out->index = general_register(context, index);
        }
        if (base == 5 && mode == 0) {
            size = 4;
        } else {
            out->base = general_register(context, base | b);
        }
    } else if (rm == 5 && mode == 0) {
        size = 4;
        out->base = (uint64_t)(uintptr_t)code + 9;
    } else {
        out->base = general_register(context, rm | b);
    }
    out->base += (uint64_t)(int64_t)displacement(code + out->length, size);
    out->length += size;
    return true;
}

static void release(void) { memset(&tiles, 0, sizeof(tiles)); }

static void configure(const uint8_t *config) {
    release();
    if (config[0] == 0) return;
    if (config[0] != 1) fault("LDTILECFG of an unknown palette");
    for (int i = 2; i < 16; i++) {
        if (config[i]) fault("LDTILECFG with reserved bytes set");
    }
    for (int t = 0; t < 16; t++) {
        uint16_t bytes;
        memcpy(&bytes, config + 16 + 2 * t, sizeof(bytes));
        uint8_t rows = config[48 + t];
        if (t >= TILES ? bytes || rows : bytes > ROW_BYTES || rows > ROWS || !bytes != !rows) {
            fault("LDTILECFG of an impossible shape");
        }
        if (t < TILES) {
            tiles.row_bytes[t] = bytes;
            tiles.rows[t] = rows;
        }
    }
    tiles.configured = true;
}

static void check(int tile) {
    if (!tiles.configured) fault("used before LDTILECFG");
    if (tile >= TILES || tiles.rows[tile] == 0) fault("used on a tile without a shape");
}

static void move(const instruction *i, bool store) {
    check(i->reg);
    uint64_t stride = i->has_index ? i->index * (uint64_t)i->scale : 0;
    if (!store) memset(tiles.data[i->reg], 0, sizeof(tiles.data[i->reg]));
    for (int r = 0; r < tiles.rows[i->reg]; r++) {
        uint8_t *memory = (uint8_t *)(uintptr_t)(i->base + (uint64_t)r * stride);
        uint8_t *row = tiles.data[i->reg][r];
        memcpy(store ? memory : row, store ? row : memory, tiles.row_bytes[i->reg]);
    }
}

static void check_product(const instruction *i) {
    int c = i->reg, a = i->rm, b = i->third;
    check(c);
    check(a);
    check(b);
    if (c == a || c == b || a == b) fault("a product of a tile with itself");
    if (tiles.rows[c] != tiles.rows[a] || tiles.row_bytes[c] != tiles.row_bytes[b]
        || tiles.row_bytes[a] / 4 != tiles.rows[b] || tiles.row_bytes[a] % 4 || tiles.row_bytes[b] % 4) {
        fault("a product of shapes that do not fit");
    }
}

/// Subnormal numbers count, and come out, as zero.
static float flushed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if ((bits & 0x7f800000) == 0) bits &= 0x80000000;
    memcpy(&value, &bits, sizeof(bits));
    return value;
}

static float bfloat16(const uint8_t *at) {
    uint32_t bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 24;
    float value;
    memcpy(&value, &bits, sizeof(bits));
    return flushed(value);
}

static void dot_bfloat16(const instruction *i) {
    check_product(i);
    for (int m = 0; m < tiles.rows[i->reg]; m++) {
        for (int n = 0; n < tiles.row_bytes[i->reg] / 4; n++) {
            float even = 0, odd = 0, sum;
            for (int k = 0; k < tiles.rows[i->third]; k++) {
                const uint8_t *a = tiles.data[i->rm][m] + 4 * k, *b = tiles.data[i->third][k] + 4 * n;
                even = flushed(__builtin_fmaf(bfloat16(a), bfloat16(b), even));
                odd = flushed(__builtin_fmaf(bfloat16(a + 2), bfloat16(b + 2), odd));
            }
            memcpy(&sum, tiles.data[i->reg][m] + 4 * n, sizeof(sum));
            sum = flushed(flushed(sum) + flushed(even + odd));
            memcpy(tiles.data[i->reg][m] + 4 * n, &sum, sizeof(sum));
        }
    }
}

static int32_t byte_at(const uint8_t *at, bool is_signed) { return is_signed ? (int32_t)(int8_t)*at : (int32_t)*at; }

static void dot_bytes(const instruction *i, bool a_signed, bool b_signed) {
    check_product(i);
    for (int m = 0; m < tiles.rows[i->reg]; m++) {
        for (int n = 0; n < tiles.row_bytes[i->reg] / 4; n++) {
            uint32_t sum;
            memcpy(&sum, tiles.data[i->reg][m] + 4 * n, sizeof(sum));
            for (int k = 0; k < tiles.rows[i->third]; k++) {
                const uint8_t *a = tiles.data[i->rm][m] + 4 * k, *b = tiles.data[i->third][k] + 4 * n;
                for (int j = 0; j < 4; j++) sum += (uint32_t)(byte_at(a + j, a_signed) * byte_at(b + j, b_signed));
            }
            memcpy(tiles.data[i->reg][m] + 4 * n, &sum, sizeof(sum));
        }
    }
}

/// Carries `i` out, or returns false if it is no tile instruction.
static bool execute(const instruction *i) {
    enum { NONE, P66, F3, F2 };
    switch (i->opcode) {
    case 0x49:
        if (i->prefix == NONE && i->is_memory && i->reg == 0) {
            configure((const uint8_t *)(uintptr_t)(i->base + (i->has_index ? i->index * (uint64_t)i->scale : 0)));
        } else if (i->prefix == NONE && !i->is_memory && i->reg == 0 && i->rm == 0) {
            release();
        } else if (i->prefix == F2 && !i->is_memory && i->rm == 0) {
            check(i->reg);
            memset(tiles.data[i->reg], 0, sizeof(tiles.data[i->reg]));
        } else {
            return false;
        }
        return true;
    case 0x4b:
        if (!i->is_memory || i->prefix == NONE) return false;
        move(i, i->prefix == F3);
        return true;
    case 0x5c:
        if (i->is_memory || i->prefix != F3) return false;
        dot_bfloat16(i);
        return true;
    case 0x5e:
        if (i->is_memory) return false;
        dot_bytes(i, i->prefix == F2 || i->prefix == F3, i->prefix == F2 || i->prefix == P66);
        return true;
    default:
        return false;
    }
}

static void trap(int number, siginfo_t *info, void *raw) {
    (void)info;
    ucontext_t *context = raw;
    const uint8_t *code = (const uint8_t *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    instruction i;
    if (!decode(context, code, &i) || !execute(&i)) {
        // Not ours: with the default action restored, the same instruction now ends the process.
        signal(number, SIG_DFL);
        return;
    }
    count++;
    context->uc_mcontext.gregs[REG_RIP] += i.length;
}

const apus_kernels *apus_tile_trap_table(void) {
    if (apus_kernels_named("amx") || !apus_kernels_named("avx512bf16")) return NULL;
    struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGILL, &action, NULL) != 0) return NULL;
    return apus_kernels_unchecked("amx");
}
#else
const apus_kernels *apus_tile_trap_table(void) { return 0; }
#endif

unsigned long apus_tile_trap_count(void) {
#if defined(__x86_64__) && defined(__linux__)
    return count;
#else
    return 0;
#endif
}
