import ApusCore
import ApusJSON

/// The weights of a Hugging Face model folder, by name: one safetensors file, or shards with or without an index.
///
/// Opening reads the headers only. Every name, shape and length is known to be good before any weight is touched.
package struct Checkpoint: Sendable {
    package let directory: String
    /// In the order of their names.
    package let files: [MappedFile]
    /// There is a model.safetensors.index.json.
    package let isIndexed: Bool
    private let tensors: [String: (file: Int, entry: Safetensors.Entry)]

    package init(directory: String) throws(CheckpointError) {
        self.directory = directory
        let index = "\(directory)/model.safetensors.index.json"
        let expected = FileSystem.isFile(index) ? try Self.shards(index: index) : nil
        let names: [String]
        if let expected {
            names = Set(expected.values).sorted()
        } else {
            names = try Self.weightFiles(in: directory)
        }

        var files: [MappedFile] = []
        var tensors: [String: (file: Int, entry: Safetensors.Entry)] = [:]
        for name in names {
            let path = "\(directory)/\(name)"
            if let expected, !FileSystem.isFile(path) {
                let tensor = expected.filter { $0.value == name }.keys.min() ?? ""
                throw CheckpointError.missingShard(directory: directory, shard: name, tensor: tensor)
            }
            let file = try MappedFile(path: path)
            for entry in try Safetensors(file).entries {
                if let expected, expected[entry.name] != name { continue }
                if let other = tensors[entry.name] {
                    throw CheckpointError.duplicateTensor(
                        tensor: entry.name, first: files[other.file].path, second: path)
                }
                tensors[entry.name] = (files.count, entry)
            }
            files.append(file)
        }
        if let missing = expected?.keys.filter({ tensors[$0] == nil }).min(), let shard = expected?[missing] {
            throw CheckpointError.missingTensor(directory: "\(directory)/\(shard)", tensor: missing)
        }
        isIndexed = expected != nil
        self.files = files
        self.tensors = tensors
    }

    /// - Throws: `CheckpointError.changed` if one of the files was written to since it was opened.
    package func checkUnchanged() throws(CheckpointError) {
        for file in files { try file.checkUnchanged() }
    }

    package var tensorNames: Dictionary<String, (file: Int, entry: Safetensors.Entry)>.Keys { tensors.keys }

    /// What one of `files` has, in the order of its bytes.
    package func entries(ofFile index: Int) -> [Safetensors.Entry] {
        tensors.values.filter { $0.file == index }.map(\.entry).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    package func contains(_ name: String) -> Bool { tensors[name] != nil }

    /// Shape of a tensor; nil when it is not there.
    package func shape(of name: String) -> [Int]? { tensors[name]?.entry.shape }

    /// The tensor of that name, in a number format that weights are read from.
    package func tensor(_ name: String) throws(CheckpointError) -> TensorSource {
        guard let (file, entry) = tensors[name] else {
            throw CheckpointError.missingTensor(directory: directory, tensor: name)
        }
        guard let elementType = entry.elementType else {
            throw CheckpointError.unsupportedElement(path: files[file].path, tensor: name, element: entry.typeName)
        }
        return TensorSource(
            name: name, elementType: elementType, shape: entry.shape, file: files[file], range: entry.range)
    }

    /// The tensor of that name, which must have that shape.
    package func tensor(_ name: String, shape: [Int]) throws(CheckpointError) -> TensorSource {
        let tensor = try tensor(name)
        guard tensor.shape == shape else {
            throw CheckpointError.wrongShape(
                path: tensor.file.path, tensor: name, found: tensor.shape, expected: shape)
        }
        return tensor
    }

    /// Where the integers of a tensor are, which must have that shape and that type (`I8`, `I32`).
    package func integers(
        _ name: String, type: String, shape: [Int]
    ) throws(CheckpointError) -> (file: MappedFile, range: Range<Int>) {
        guard let (file, entry) = tensors[name] else {
            throw CheckpointError.missingTensor(directory: directory, tensor: name)
        }
        guard entry.typeName == type else {
            throw CheckpointError.wrongType(
                path: files[file].path, tensor: name, found: entry.typeName, expected: type)
        }
        guard entry.shape == shape else {
            throw CheckpointError.wrongShape(
                path: files[file].path, tensor: name, found: entry.shape, expected: shape)
        }
        return (files[file], entry.range)
    }

    /// `weight_map` of an index: tensor to file name.
    private static func shards(index path: String) throws(CheckpointError) -> [String: String] {
        let file = try MappedFile(path: path)
        let json: JSONValue
        do {
            json = try JSONValue(parsing: file.contents(), options: .files)
        } catch {
            throw CheckpointError.malformed(path: path, reason: "\(error)")
        }
        guard let map = json["weight_map"]?.objectValue, !map.isEmpty else {
            throw CheckpointError.malformed(path: path, reason: "no weight_map")
        }
        var shards: [String: String] = [:]
        for member in map {
            guard let name = member.value.stringValue, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")),
                name.hasSuffix(".safetensors")
            else {
                throw CheckpointError.malformed(
                    path: path, reason: "weight_map names \(member.value) for \(member.key), not a .safetensors file")
            }
            shards[member.key] = name
        }
        return shards
    }

    /// What to do about a file of weights that is not read.
    private static func wayOut(_ name: String) -> String {
        name.hasSuffix(".gguf")
            ? "GGUF (\(name)) is not read; take the model's safetensors, which --quantization int4 quantises alike"
            : "\(name) is not read; convert it to safetensors"
    }

    private static func weightFiles(in directory: String) throws(CheckpointError) -> [String] {
        guard let names = FileSystem.names(in: directory) else {
            throw CheckpointError.unreadable(path: directory, reason: FileSystem.lastError())
        }
        let files = names.filter { $0.hasSuffix(".safetensors") }
        if files.contains("model.safetensors") { return ["model.safetensors"] }
        guard files.isEmpty else { return files }
        let other = names.first { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".gguf") }
        throw CheckpointError.noWeights(
            directory: directory, reason: other.map(Self.wayOut) ?? "there is no *.safetensors file")
    }
}
