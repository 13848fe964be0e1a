import ApusRegex

/// Tables in the form that answers fast, each made when first used.
extension UnicodeTables {
    static let whitespace = CodePointSet(whitespaceRanges)
    static let words = CodePointSet(readSet(UnicodeData.words))
    static let numbers = CodePointSet(readSet(UnicodeData.numbers))
    static let punctuation = CodePointSet(readSet(UnicodeData.punctuation))
    static let controls = CodePointSet(readSet(UnicodeData.controls))
    static let nonspacingMarks = CodePointSet(readSet(UnicodeData.nonspacingMarks))
    static let combiningMarks = CodePointSet(readSet(UnicodeData.combiningMarks))
    static let lowercase = readMappings(UnicodeData.lowercase)
}
