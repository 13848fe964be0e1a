import ApusJSON

/// Writes safetensors files for tests.
struct SafetensorsFile {
    private var header = JSONObject()
    private var data: [UInt8] = []

    init() {
        header["__metadata__"] = ["format": "pt"]
    }

    mutating func add(_ name: String, type: String, shape: [Int], bytes: [UInt8]) {
        header[name] = [
            "dtype": .string(type), "shape": .array(shape.map { JSONValue($0) }),
            "data_offsets": [JSONValue(data.count), JSONValue(data.count + bytes.count)],
        ]
        data += bytes
    }

    /// A bfloat16 tensor of zeros.
    mutating func add(_ name: String, shape: [Int]) {
        add(name, type: "BF16", shape: shape, bytes: [UInt8](repeating: 0, count: shape.reduce(2, *)))
    }

    var bytes: [UInt8] { Self.bytes(header: JSONValue.object(header).description, data: data) }

    static func bytes(header: String, data: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8) + data
    }
}
