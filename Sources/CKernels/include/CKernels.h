// The arithmetic of Apus: one table of functions per instruction set, chosen at run time.
//
// Everything here takes raw pointers, sizes and strides, allocates nothing and starts no thread: the caller splits
// work by ranges of panels, rows or tasks. `README.md` beside this target has the layouts and the numerics.
#ifndef APUS_CKERNELS_H
#define APUS_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /// Output columns of one packed weight panel: the lanes of a 512-bit register of float32.
    APUS_PANEL = 16,
    /// The inner dimension of packed operands is padded with zeros to a multiple of this: one AMX tile of bfloat16.
    APUS_INNER_BLOCK = 32,
    /// The same for int8 operands.
    APUS_INNER_BLOCK_INT8 = 64,
    /// The same for int4 operands in groups of 32, and in groups of 128.
    APUS_INNER_BLOCK_INT4_32 = 64,
    APUS_INNER_BLOCK_INT4_128 = 128,
    /// Positions of one attention block. Blocks begin at multiples of it, whatever the batch.
    APUS_KV_BLOCK = 64,
    /// Positions of one attention span: spans are computed independently and merged in ascending order.
    APUS_KV_SPAN = 1024,
    /// Alignment in bytes of packed operands and scratch memory.
    APUS_ALIGNMENT = 64,
};

/// Formats of numbers in memory.
typedef enum apus_element {
    APUS_FLOAT32 = 0,
    APUS_FLOAT16 = 1,
    APUS_BFLOAT16 = 2,
    /// Weights that come quantised: bytes, times a scale a row.
    APUS_INT8 = 3,
    /// The same in 4 bits, times a scale a group of inputs: a byte holds two neighbours, the first in its lower half,
    /// each 8 more than what it means.
    APUS_INT4 = 4,
} apus_element;

// MARK: Packing

/// One panel to pack: up to 16 rows of a `[outputs, inner]` matrix become 16 interleaved columns.
///
/// float32: `[inner][16]`. bfloat16: `[inner / 2][16][2]`, pairs of neighbouring k together. int8:
/// `[inner / 4][16][4]`. int4: blocks of 64 bytes of scales (float16 in groups of 32, float32 in groups of 128), then
/// `[block / 8][16][4]` bytes, of which the lower half is k ... k + 3, the upper k + 4 ... k + 7. `inner` is padded.
typedef struct apus_panel {
    /// The row of each lane, or null for a lane of zeros.
    const void *rows[APUS_PANEL];
    /// The format of each row.
    uint8_t elements[APUS_PANEL];
    /// Elements of each row.
    size_t inner;
    /// Where the panel goes, 64-byte aligned: 16 x padded inner elements.
    void *packed;
    /// int8 only, 16 of each: a number is scale x its byte; the sums of a column's bytes.
    float *scales;
    int32_t *sums;
    /// Of rows that come quantised: their scales, in which format, and how many inputs share one (a multiple of the
    /// family's group; all of a row's for int8).
    const void *row_scales[APUS_PANEL];
    uint8_t scale_elements[APUS_PANEL];
    size_t scale_group;
} apus_panel;

/// Activation rows to bring into the order in which a product reads them.
///
/// Rows are cut into `ceil(rows / row_block)` groups whose sizes differ by at most one; group g holds
/// `[padded inner / 32][rows of g][32]` elements (int8: 64 for 32), groups follow one another without gaps. int4: a
/// row's block (for tiles: a block of all rows) is followed by 16 bytes a row: a float32 scale and an int32 offset (-8 x
/// the sum) for each group of inputs. A group's layout may depend on its number of rows.
typedef struct apus_lhs {
    const float *source;
    /// Floats from one row to the next.
    size_t stride;
    /// Rows of the whole matrix, which fix the grouping.
    size_t rows;
    /// Columns present in the source.
    size_t inner;
    /// 64-byte aligned, `rows * padded inner / inner_block * lhs_block_bytes` bytes.
    void *packed;
    /// The groups to pack in this call.
    size_t group_begin, group_end;
    /// int8 only: one per row, the row's largest magnitude / 127.
    float *scales;
} apus_lhs;

// MARK: Products

/// What becomes of a product before it is written.
typedef enum apus_epilogue {
    /// out = product + bias
    APUS_STORE = 0,
    /// out += product + bias
    APUS_ACCUMULATE = 1,
    /// Panels come in pairs (gate, up), and out = silu(gate) * up has half as many columns.
    APUS_SILU_MULTIPLY = 2,
    /// The same, and `out` is what `pack_lhs` would make of it, for the next product of the same family: a pass over memory
    /// less. float32 and bfloat16 weights only, whose products take numbers as they are; `outputs` is a multiple of 64.
    APUS_SILU_PACK = 3,
} apus_epilogue;

/// out[rows, outputs] = lhs[rows, inner] x weight, for a range of panels and of row groups.
///
/// Every output element is one chain of additions in ascending k, so it depends on its row and its column alone.
typedef struct apus_gemm {
    /// Packed by `pack_lhs` of the same family.
    const void *lhs;
    size_t rows;
    /// Padded to a multiple of `inner_block`.
    size_t inner;
    /// Packed panels, `panel_end` of them at least.
    const void *weight;
    /// Columns of the product (before `APUS_SILU_MULTIPLY` halves them); the last panel may be partly used.
    size_t outputs;
    /// One value per packed column (16 x panels of them, padding included), or null.
    const float *bias;
    float *out;
    /// Floats from one row of `out` to the next; without meaning for `APUS_SILU_PACK`.
    size_t out_stride;
    apus_epilogue epilogue;
    /// For pairs both are even.
    size_t panel_begin, panel_end;
    size_t group_begin, group_end;
    /// 64-byte aligned, `gemm_scratch(rows)` bytes, private to the call; without it (null) large products are slower.
    void *scratch;
    /// int8 only: the scales of rows and of packed columns, and the columns' sums.
    const float *lhs_scales, *weight_scales;
    const int32_t *weight_sums;
} apus_gemm;

// MARK: Attention

/// A long past may be divided among threads: spans are computed wherever, and joined in their order by one.
typedef enum apus_attention_stage {
    /// All of it in one call.
    APUS_ATTEND = 0,
    /// Some of the spans, left in `partials`.
    APUS_ATTEND_SPANS = 1,
    /// All spans from `partials`: the same bits as `APUS_ATTEND`.
    APUS_JOIN_SPANS = 2,
} apus_attention_stage;

/// Attention of the query heads that share one KV head, for some tokens of one sequence.
///
/// Position p of the sequence lies in row `slots[p]` of the key and value planes. Flash attention: positions are
/// taken in blocks of `APUS_KV_BLOCK`, blocks merge within spans of `APUS_KV_SPAN`, spans merge in ascending order.
typedef struct apus_attention {
    /// The first query head's row of token 0; heads follow one another.
    const float *query;
    size_t query_stride;
    float *out;
    size_t out_stride;
    /// The KV head's row in slot 0, in the family's own format (float32 or bfloat16), or int8 with scales.
    const void *keys;
    const void *values;
    /// Elements from one slot to the next.
    size_t key_stride, value_stride;
    /// The slot of each position from 0 on, or null when position p lies in row p.
    const int32_t *slots;
    /// The position of token 0.
    size_t position;
    /// Positions that exist (keys written), at least position + token_end when causal.
    size_t length;
    /// At most 256.
    size_t head_dimension;
    /// Query heads of this KV head.
    size_t group;
    /// Tokens of this call; `apus_attention_rows` says how many query rows fit the scratch memory.
    size_t token_begin, token_end;
    float scale;
    bool causal;
    /// A token at p sees p - window + 1 ... p; 0 for no limit. Causal only.
    size_t window;
    /// 64-byte aligned, `attention_scratch(...)` bytes, private to the call.
    void *scratch;
    /// Both or none: planes are int8, and a slot's row is its bytes times the slot's scale.
    const float *key_scales, *value_scales;
    apus_attention_stage stage;
    /// The spans of `APUS_ATTEND_SPANS`.
    size_t span_begin, span_end;
    /// Outcomes of the spans from 0 on, `apus_attention_partial(rows, head_dimension)` floats each.
    float *partials;
} apus_attention;

// MARK: Tables

/// One way of multiplying: the packed formats and the functions that agree on them.
typedef struct apus_family {
    /// What multiplies, e.g. "avx512 fma" or "amx bf16 tiles".
    const char *arithmetic;
    /// Rows of a full group of packed activations.
    size_t row_block;
    /// What inner dimensions are padded to, and the bytes of so much of a packed row and of a packed panel.
    size_t inner_block, lhs_block_bytes, panel_block_bytes;
    void (*pack_lhs)(const apus_lhs *job);
    void (*pack_panel)(const apus_panel *job);
    void (*gemm)(const apus_gemm *job);
    /// Bytes of scratch memory of a product with that many rows.
    size_t (*gemm_scratch)(size_t rows);
    /// Bytes of scratch memory for `rows` query rows (tokens x group).
    size_t (*attention_scratch)(size_t rows, size_t head_dimension);
    void (*attention)(const apus_attention *job);
} apus_family;

/// The functions of one instruction set. Rows it has no better code for are those of the next lower set.
typedef struct apus_kernels {
    /// "scalar", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx", "amx-soft", "neon".
    const char *name;

    /// float32 activations and weights.
    apus_family float32;
    /// float32 activations rounded to bfloat16, bfloat16 weights, float32 sums.
    apus_family bfloat16;
    /// float32 activations quantised row by row, int8 weights, exact sums: the same bits on every set. No attention.
    apus_family int8;
    /// float32 activations quantised group by group, int4 weights in groups of 32 and of 128 inputs, exact sums within
    /// a group: the same bits on every set. No attention.
    apus_family int4_32, int4_128;

    /// y[i] = x[i] for `count` numbers, converted (round to nearest even).
    void (*convert)(const void *source, apus_element from, void *target, apus_element to, size_t count);

    /// out = x / sqrt(mean(x^2) + epsilon) * (weight + weight_offset), `columns` wide; rows may overlap in place.
    void (*rms_norm)(const float *source, size_t stride, const float *weight, float weight_offset, float epsilon,
                     float *out, size_t out_stride, size_t rows, size_t columns);
    /// out = (x - mean) / sqrt(variance + epsilon) * weight + bias.
    void (*layer_norm)(const float *source, size_t stride, const float *weight, const float *bias, float epsilon,
                       float *out, size_t out_stride, size_t rows, size_t columns);

    /// Rotates `heads` heads of one row in place: the first and second halves of the first `2 * half` numbers are
    /// real and imaginary parts (RoFormer, NeoX order). Heads are `head_dimension` apart.
    void (*rotate)(float *row, size_t heads, size_t head_dimension, const float *cosines, const float *sines,
                   size_t half);

    /// out = silu(gate) * up.
    void (*silu_multiply)(const float *gate, const float *up, float *out, size_t count);
    /// out = gelu(x); the error function is within 2e-7 of exact.
    void (*gelu_erf)(const float *source, float *out, size_t count);
    /// out = gelu(x) by its tanh approximation.
    void (*gelu_tanh)(const float *source, float *out, size_t count);
    /// out = tanh(x).
    void (*tanh)(const float *source, float *out, size_t count);
    /// out = exp(x).
    void (*exp)(const float *source, float *out, size_t count);
    /// out = a + b.
    void (*add)(const float *a, const float *b, float *out, size_t count);
    /// out = a + factor * b; `out` may be `a`.
    void (*add_scaled)(const float *a, const float *b, float factor, float *out, size_t count);

    /// The index of the largest number, the lowest of equals; NaN never wins. 0 when there is none.
    size_t (*argmax)(const float *source, size_t count);
    /// The largest number, NaN ignored; -infinity when there is none.
    float (*maximum)(const float *source, size_t count);
    /// out[i] = exp((source[i] - shift) * scale); returns their sum. `out` may be null, or `source`.
    float (*exponentials)(const float *source, float shift, float scale, float *out, size_t count);
    /// A row as int8: out = round(source / scale) with scale = largest magnitude / 127, which is returned.
    float (*quantise)(const float *source, int8_t *out, size_t count);
    /// out = source * factor.
    void (*scale)(const float *source, float factor, float *out, size_t count);
    /// The sum of products.
    float (*dot)(const float *a, const float *b, size_t count);
} apus_kernels;

/// The best table of this machine, or the one that the environment variable APUS_KERNELS names.
///
/// Decided once. A name that this machine cannot run is ignored here: `apus_kernels_refused` says so.
const apus_kernels *apus_kernels_best(void);

/// The table of that name, or null when this machine (or build) cannot run it.
///
/// "amx-soft" is the AMX code over tiles emulated in C: the same results on any machine, for tests.
const apus_kernels *apus_kernels_named(const char *name);

/// The value of APUS_KERNELS when it names no table that this machine can run, else null.
const char *apus_kernels_refused(void);

/// Names of all tables in ascending order of preference, null terminated; some may not run here.
const char *const *apus_kernels_names(void);

/// Writes one output's row of a packed weight back as float32: an embedding looked up in a tied output head.
void apus_unpack_row(const void *weight, apus_element element, size_t inner, size_t row, float *out);

/// Query rows that suit one attention task: larger wastes scratch memory, smaller packs keys more often.
size_t apus_attention_rows(void);

/// Floats of one span's outcome for `rows` query rows.
static inline size_t apus_attention_partial(size_t rows, size_t head_dimension) {
    return rows * ((head_dimension + 15) / 16 * 16 + 2);
}

/// The same for an int8 weight, whose columns have these scales.
void apus_unpack_row_int8(const void *weight, const float *scales, size_t inner, size_t row, float *out);

/// The same for an int4 weight in groups of 32 or 128.
void apus_unpack_row_int4(const void *weight, size_t group, size_t inner, size_t row, float *out);

/// The bytes of one output of an int8 weight as they were before packing, [inner].
void apus_unpack_codes_int8(const void *weight, size_t inner, size_t row, int8_t *codes);

/// The halves (8 more than they mean) of one output of an int4 weight, [inner], and its scales, [inner / group].
void apus_unpack_codes_int4(const void *weight, size_t group, size_t inner, size_t row, uint8_t *codes, float *scales);

// MARK: Limits of the machine

typedef enum apus_probe_number {
    APUS_PROBE_FLOAT32 = 0,
    APUS_PROBE_BFLOAT16 = 1,
    APUS_PROBE_INT8 = 2,
} apus_probe_number;

/// A loop of multiply-adds of one instruction set on one kind of number.
typedef struct apus_probe {
    const char *set;
    apus_probe_number number;
    /// Runs the loop and returns its operations (a multiply-add counts two). `random`: 4 KiB of random bytes, 64-byte
    /// aligned.
    double (*work)(const void *random, size_t rounds);
} apus_probe;

/// The probes that this machine can run, at most 8; returns their number.
size_t apus_probes(apus_probe probes[8]);

/// Reads memory from end to end, as fast as one thread can. `bytes` is a multiple of 256, `memory` 64-byte aligned.
uint64_t apus_probe_read(const void *memory, size_t bytes);

/// Names the calling thread (at most 15 bytes).
void apus_thread_name(const char *name);

/// Keeps the calling thread on one core; false when it may not run there.
bool apus_thread_pin(int core);

/// Lets the calling thread run wherever the first thread that was pinned might before: threads inherit their creator's
/// binding. Without effect while none was pinned.
void apus_thread_release(void);

/// Tells the core that this is a spinning loop.
static inline void apus_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#ifdef __cplusplus
}
#endif

#endif
