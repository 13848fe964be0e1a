import ApusCheckpoint
package import ApusTensor

/// Writes a model's checkpoint anew with its projections quantised, in the layout of the compressed-tensors library: what
/// `--quantization` would make of the checkpoint at load, bit for bit, without the work.
///
/// Everything but the projections is copied as it is. The files keep their names and what each of them holds.
package struct CheckpointQuantizer {
    private let checkpoint: Checkpoint
    private let scheme: QuantizedLayout
    private let projections: Set<String>
    private let ignored: [String]
    private let runtime: TensorRuntime

    /// - Parameter loader: Of a checkpoint that is not quantised, asked for a quantisation.
    package init(_ loader: ModelLoader, _ runtime: TensorRuntime) throws {
        guard let checkpoint = loader.checkpoint, let survey = loader.survey, let quantization = loader.quantization,
            loader.configuration.quantization == nil
        else {
            throw ModelError.unfitQuantization(reason: "the checkpoint is quantised already")
        }
        self.checkpoint = checkpoint
        self.runtime = runtime
        scheme = QuantizedLayout(quantization)
        projections = Set(survey.multiplied.filter { $0.kind == .projection }.map { "\($0.name).weight" })
        ignored =
            survey.multiplied.filter { $0.kind == .decision || $0.kind == .router }.map(\.name) + ["lm_head"]
    }

    /// - Parameters:
    ///   - directory: A folder that is not there yet; it appears when all of it is written.
    ///   - progress: Called with the share that is done.
    package func write(to directory: String, progress: (Double) -> Void) throws {
        let folder = try NewModelFolder(directory)
        let total = checkpoint.files.reduce(0) { $0 + $1.bytes.count }
        var done = 0
        var shards: [(tensor: String, file: String)] = []
        for (index, file) in checkpoint.files.enumerated() {
            let name = file.path.split(separator: "/").last.map(String.init) ?? "model.safetensors"
            let entries = checkpoint.entries(ofFile: index)
            let announcements = try entries.map(announcements(of:))
            for announcement in announcements.joined() { shards.append((announcement.name, name)) }
            var writer = try SafetensorsWriter(path: folder.path(name), tensors: Array(announcements.joined()))
            for entry in entries {
                if projections.contains(entry.name) {
                    let source = try checkpoint.tensor(entry.name)
                    for part in try scheme.quantised(source, runtime) {
                        try writer.append(part)
                    }
                } else {
                    try writer.append(UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]))
                }
                file.discard(entry.range)
                done += entry.range.count
                progress(Double(done) / Double(total))
            }
            try writer.finish()
        }
        try folder.copyOthers(from: checkpoint.directory)
        try folder.writeConfiguration(from: checkpoint.directory, adding: scheme.configuration(ignored: ignored))
        if checkpoint.isIndexed { try folder.writeIndex(shards) }
        try folder.finish()
    }

    private func announcements(of entry: Safetensors.Entry) throws -> [SafetensorsWriter.Announcement] {
        guard projections.contains(entry.name) else {
            return [.init(name: entry.name, typeName: entry.typeName, shape: entry.shape)]
        }
        return try scheme.announcements(of: entry.name, outputs: entry.shape[0], inputs: entry.shape[1])
    }
}
