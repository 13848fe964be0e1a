// SentencePiece's C++ library behind C functions. No exception leaves them.
#ifndef CSENTENCEPIECE_H
#define CSENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A loaded model. Immutable: its functions may be called from any thread.
typedef struct apus_sentencepiece apus_sentencepiece;

typedef enum apus_sentencepiece_kind {
    APUS_PIECE_NORMAL,
    APUS_PIECE_UNKNOWN,
    APUS_PIECE_CONTROL,
    APUS_PIECE_BYTE,
    APUS_PIECE_UNUSED,
} apus_sentencepiece_kind;

/// NULL on failure; then `error` holds the reason, cut to `error_capacity` bytes with its final zero.
apus_sentencepiece *apus_sentencepiece_load(const char *path, char *error, size_t error_capacity);
void apus_sentencepiece_free(apus_sentencepiece *model);

int32_t apus_sentencepiece_count(const apus_sentencepiece *model);
/// The piece's text, zero-terminated, as long as the model lives. `id` must be below the count.
const char *apus_sentencepiece_piece(const apus_sentencepiece *model, int32_t id);
apus_sentencepiece_kind apus_sentencepiece_piece_kind(const apus_sentencepiece *model, int32_t id);
/// Whether a space is put in front of a text before it is encoded.
int apus_sentencepiece_adds_prefix(const apus_sentencepiece *model);
/// Ids of these tokens, -1 where the model has none.
int32_t apus_sentencepiece_bos(const apus_sentencepiece *model);
int32_t apus_sentencepiece_eos(const apus_sentencepiece *model);
int32_t apus_sentencepiece_pad(const apus_sentencepiece *model);

/// Encodes `length` bytes of UTF-8 and passes the ids, once, to `receive`. 0, or -1 if the library failed.
int apus_sentencepiece_encode(const apus_sentencepiece *model, const char *text, size_t length, void *context,
                              void (*receive)(void *context, const int32_t *ids, size_t count));

#ifdef __cplusplus
}
#endif
#endif
