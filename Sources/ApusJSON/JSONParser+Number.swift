extension JSONParser {
    /// Reads the number that begins with the digit or minus sign at `offset`.
    mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = offset
        let isNegative = input[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        if offset < input.count, input[offset] == UInt8(ascii: "I") {
            try skipWord("Infinity")
            throw JSONError(reason: .notANumber(isNegative ? "-Infinity" : "Infinity"), offset: start)
        }

        let integerStart = offset
        var magnitude: UInt64 = 0
        var fits = true
        while let digit = digit() {
            if fits {
                let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
                (magnitude, fits) = (sum, !overflow && !carry)
            }
            offset += 1
        }
        guard offset > integerStart else { throw unexpected("a digit") }
        if input[integerStart] == UInt8(ascii: "0"), offset > integerStart + 1 {
            throw JSONError(reason: .leadingZero, offset: integerStart)
        }
        if offset < input.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(input[offset]) {
            try skipFractionAndExponent()
            return .double(try double(from: start))
        }
        if fits {
            if magnitude <= Int64.max { return .integer(isNegative ? -Int64(magnitude) : Int64(magnitude)) }
            if isNegative, magnitude == Int64.min.magnitude { return .integer(Int64.min) }
        }
        switch options.largeIntegers {
        case .refuse: throw JSONError(reason: .integerTooLarge(excerpt(from: start)), offset: start)
        case .asDouble: return .double(try double(from: start))
        }
    }

    private mutating func skipFractionAndExponent() throws(JSONError) {
        if input[offset] == UInt8(ascii: ".") {
            offset += 1
            try skipDigits()
        }
        guard offset < input.count, input[offset] | 0x20 == UInt8(ascii: "e") else { return }
        offset += 1
        if offset < input.count, input[offset] == UInt8(ascii: "+") || input[offset] == UInt8(ascii: "-") {
            offset += 1
        }
        try skipDigits()
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = offset
        while digit() != nil { offset += 1 }
        guard offset > start else { throw unexpected("a digit") }
    }

    private func digit() -> UInt8? {
        guard offset < input.count else { return nil }
        let digit = input[offset] &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }

    /// The nearest double of the text from `start` to `offset`, which is known to be a number.
    private func double(from start: Int) throws(JSONError) -> Double {
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: input[start..<offset]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONError(reason: .numberTooLarge(excerpt(from: start)), offset: start)
        }
        return value
    }

    private func excerpt(from start: Int) -> String {
        let text = input[start..<min(offset, start + 40)]
        return String(decoding: text, as: UTF8.self) + (offset > start + 40 ? "…" : "")
    }
}
