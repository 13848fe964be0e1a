import ApusJSON

/// A JSON object read from a file, whose members are asked for by type: a wrong type is an error that names the file.
struct JSONFile {
    let path: String
    var members: JSONObject

    init(path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path)
        do {
            guard let object = try JSONValue(parsing: file.contents(), options: .files).objectValue else {
                throw CheckpointError.malformed(path: path, reason: "not a JSON object")
            }
            members = object
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw CheckpointError.malformed(path: path, reason: "\(error)")
        }
        self.path = path
    }

    init(path: String, members: JSONObject) {
        self.path = path
        self.members = members
    }

    func failure(_ reason: String) -> CheckpointError {
        .configuration(path: path, reason: reason)
    }

    /// The first of `keys` that is there and not null.
    func value(_ keys: String...) -> JSONValue? {
        for key in keys {
            if let value = members[key], !value.isNull { return value }
        }
        return nil
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
        guard let value = value(key) else { return nil }
        // Python writes some integers as 32768.0.
        let integer = value.intValue ?? value.doubleValue.flatMap { Int(exactly: $0) }
        guard let integer, range.contains(integer) else {
            throw failure("\(key) is \(value), expected an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(CheckpointError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.doubleValue, range.contains(number) else {
            throw failure("\(key) is \(value), expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func boolean(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.boolValue else { throw failure("\(key) is \(value), expected true or false") }
        return flag
    }

    func string(_ keys: String...) throws(CheckpointError) -> String? {
        for key in keys {
            guard let value = value(key) else { continue }
            guard let text = value.stringValue else { throw failure("\(key) is \(value), expected a string") }
            return text
        }
        return nil
    }

    /// `quantization_config`; nil: there is none.
    func quantization() throws(CheckpointError) -> StoredQuantization? {
        guard let json = value("quantization_config") else { return nil }
        do throws(StoredQuantization.Refusal) {
            return try StoredQuantization(json)
        } catch {
            throw failure(
                "\(error.scheme) is not supported; compressed-tensors W8A8 and W4A16 of symmetric integers are, and "
                    + "bfloat16, float16 and float32 weights, which --quantization quantises")
        }
    }

    /// One token id or a list of them.
    func tokenIDs(_ key: String) throws(CheckpointError) -> [Int32] {
        guard let value = value(key) else { return [] }
        var ids: [Int32] = []
        for item in value.arrayValue ?? [value] {
            guard let id = item.intValue.flatMap({ Int32(exactly: $0) }), id >= 0 else {
                throw failure("\(key) is \(value), expected token ids")
            }
            ids.append(id)
        }
        return ids
    }
}
