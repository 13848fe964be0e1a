/// What the front must know of a model that makes vectors.
package struct EmbeddingTraits: Sendable {
    package enum Shortening: Sendable, Hashable {
        /// `dimensions` is refused.
        case none
        case any
        case only([Int])
    }

    /// Width of the vector, or number of classes.
    package var width: Int
    /// Names of a classifier's classes; nil: the model makes vectors of texts.
    package var labels: [String]?
    /// A lone number of a classifier stands for itself instead of an array of one.
    package var isCrossEncoder: Bool
    /// The model tells the first text of a pair from the second.
    package var hasSegments: Bool
    package var shortening: Shortening
    /// nil: texts become ids as they are.
    package var preparation: Preparation?

    /// What sentence-transformers does to a text for the model.
    package struct Preparation: Sendable, Hashable {
        /// Stands in front of every text.
        package var prefix: String
        /// Most tokens, special ones included, beyond which the end is cut off; nil: as many as the tokenizer says.
        package var maximumLength: Int?
        package var lowercases: Bool

        package init(prefix: String = "", maximumLength: Int? = nil, lowercases: Bool = false) {
            self.prefix = prefix
            self.maximumLength = maximumLength
            self.lowercases = lowercases
        }
    }

    package init(
        width: Int, labels: [String]? = nil, isCrossEncoder: Bool = false, hasSegments: Bool = false,
        shortening: Shortening = .none
    ) {
        self.width = width
        self.labels = labels
        self.isCrossEncoder = isCrossEncoder
        self.hasSegments = hasSegments
        self.shortening = shortening
    }
}
