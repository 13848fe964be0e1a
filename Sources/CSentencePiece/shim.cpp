#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

struct apus_sentencepiece {
    sentencepiece::SentencePieceProcessor processor;
    bool adds_prefix = false;
};

namespace {

void describe(const char *reason, char *error, size_t capacity) {
    if (capacity > 0) std::snprintf(error, capacity, "%s", reason);
}

// A letter that the model writes after a space only if it puts one there itself. The space's piece is U+2581.
bool adds_prefix(const sentencepiece::SentencePieceProcessor &processor) {
    std::vector<std::string> pieces;
    if (!processor.Encode("a", &pieces).ok() || pieces.empty()) return false;
    return pieces.front().compare(0, 3, "\xE2\x96\x81") == 0;
}

}  // namespace

extern "C" apus_sentencepiece *apus_sentencepiece_load(const char *path, char *error, size_t error_capacity) {
    apus_sentencepiece *model = nullptr;
    try {
        model = new apus_sentencepiece;
        const auto status = model->processor.Load(path);
        if (status.ok()) {
            model->adds_prefix = adds_prefix(model->processor);
            return model;
        }
        describe(status.ToString().c_str(), error, error_capacity);
    } catch (const std::exception &exception) {
        describe(exception.what(), error, error_capacity);
    } catch (...) {
        describe("unknown failure", error, error_capacity);
    }
    delete model;
    return nullptr;
}

extern "C" void apus_sentencepiece_free(apus_sentencepiece *model) { delete model; }

extern "C" int32_t apus_sentencepiece_count(const apus_sentencepiece *model) {
    return model->processor.GetPieceSize();
}

extern "C" const char *apus_sentencepiece_piece(const apus_sentencepiece *model, int32_t id) {
    return model->processor.IdToPiece(id).c_str();
}

extern "C" apus_sentencepiece_kind apus_sentencepiece_piece_kind(const apus_sentencepiece *model, int32_t id) {
    const auto &processor = model->processor;
    if (processor.IsUnknown(id)) return APUS_PIECE_UNKNOWN;
    if (processor.IsControl(id)) return APUS_PIECE_CONTROL;
    if (processor.IsByte(id)) return APUS_PIECE_BYTE;
    if (processor.IsUnused(id)) return APUS_PIECE_UNUSED;
    return APUS_PIECE_NORMAL;
}

extern "C" int apus_sentencepiece_adds_prefix(const apus_sentencepiece *model) { return model->adds_prefix; }
extern "C" int32_t apus_sentencepiece_bos(const apus_sentencepiece *model) { return model->processor.bos_id(); }
extern "C" int32_t apus_sentencepiece_eos(const apus_sentencepiece *model) { return model->processor.eos_id(); }
extern "C" int32_t apus_sentencepiece_pad(const apus_sentencepiece *model) { return model->processor.pad_id(); }

extern "C" int apus_sentencepiece_encode(const apus_sentencepiece *model, const char *text, size_t length,
                                         void *context,
                                         void (*receive)(void *context, const int32_t *ids, size_t count)) {
    try {
        std::vector<int> ids;
        if (!model->processor.Encode({text, length}, &ids).ok()) return -1;
        receive(context, ids.data(), ids.size());
        return 0;
    } catch (...) {
        return -1;
    }
}
