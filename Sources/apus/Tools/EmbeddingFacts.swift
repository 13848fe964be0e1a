import ApusCheckpoint
import ApusCore
import ApusEngine
import ApusModels
import ApusText

/// What `apus inspect` says of a model that makes vectors, scores or classes.
struct EmbeddingFacts {
    private let loader: EmbeddingLoader
    private let directory: String
    private let dtype: String

    init(directory: String, dtype: String) throws {
        self.directory = directory
        self.dtype = dtype
        loader = try EmbeddingLoader(
            directory: directory, isAsked: true, elementType: BenchModel.elementType(dtype))
    }

    var facts: [(String, String)] {
        get throws {
            let texts = loader.kind.classifies ? nil : try SentenceTexts(directory: directory)
            var facts = [
                ("model", directory), ("architecture", loader.identity.architecture), ("kind", kind),
                ("pooling", "\(pooling)\(loader.normalizes ? ", divided by its length" : "")"),
            ]
            facts += loader.dense.map { dense in
                ("projection", "\(dense.inputs) to \(dense.outputs), \(dense.activation)")
            }
            facts.append(("head", head))
            facts += body
            facts.append(("context", "\(loader.contextLength) tokens"))
            if let texts {
                let limit = texts.maximumLength ?? tokenizerLength ?? .max
                facts.append(("texts", "cut at \(min(limit, loader.contextLength)) tokens"))
                if !texts.prefix.isEmpty { facts.append(("prompt", "\"\(texts.prefix)\" before each text")) }
            }
            let count = loader.parameterCount
            facts.append(("parameters", "\(count)"))
            facts.append(
                ("weights in \(dtype)", "\(MemoryBudget.gigabytes(count * loader.elementType.byteCount)) GB"))
            if let bytes = loader.bytesPerToken { facts.append(("KV of a token", "\(bytes) bytes, while it runs")) }
            return facts
        }
    }

    /// Most tokens as the tokenizer has it; nil when it does not say, or cannot be read.
    private var tokenizerLength: Int? { try? Tokenizer(directory: directory).modelMaxLength }

    private var kind: String {
        switch loader.kind {
        case .encoder(_, classifies: true): loader.width == 1 ? "cross-encoder" : "encoder with a classifier"
        case .encoder: "encoder"
        case .decoder(.none): "decoder that makes embeddings"
        case .decoder(.score): loader.width == 1 ? "decoder with a reward" : "decoder with a classifier"
        case .decoder(.reward): "decoder with a reward"
        }
    }

    private var pooling: String {
        switch loader.pooling {
        case .firstToken: "first token"
        case .lastToken: "last token"
        case .mean: "mean"
        case .maximum: "maximum"
        }
    }

    private var head: String {
        guard loader.kind.classifies else { return "none: vectors of \(loader.width)" }
        let labels = loader.identity.labels.prefix(8).joined(separator: ", ")
        return "\(loader.width) \(loader.width == 1 ? "number" : "classes: \(labels)\(loader.width > 8 ? ", …" : "")")"
    }

    private var body: [(String, String)] {
        if let encoder = loader.encoder {
            return [
                ("layers", "\(encoder.layerCount)"),
                ("hidden size", "\(encoder.hiddenSize), feed-forward \(encoder.intermediateSize)"),
                ("heads", "\(encoder.headCount) of \(encoder.headDimension)"),
                ("vocabulary", "\(encoder.vocabularySize)"), ("segments", "\(encoder.typeCount)"),
            ]
        }
        guard let decoder = loader.decoder else { preconditionFailure("a loader has one configuration") }
        return [
            ("layers", "\(decoder.layerCount)"),
            ("hidden size", "\(decoder.hiddenSize), feed-forward \(decoder.intermediateSize)"),
            (
                "heads",
                "\(decoder.headCount) of \(decoder.headDimension), \(decoder.kvHeadCount) for keys and values"
            ),
            ("vocabulary", "\(decoder.vocabularySize)"),
        ]
    }
}
