import ApusCheckpoint
import ApusConfiguration
import Logging

/// The launch's folder may be gone when a process begins anew: folders of training loops come and go.
extension RoleLaunch {
    /// The launch's model can be looked at.
    var isModelThere: Bool {
        (try? ModelIdentity(directory: ModelFiles.modelDirectory(self), overrides: configuration.modelOverrides)) != nil
    }

    /// Where shapes and tokenizer come from: the launch's model or, when that is gone, the one that serves, which was held
    /// against it.
    func withModelThere(_ record: WeightRecord?) -> RoleLaunch {
        guard let path = record?.path, !isModelThere else { return self }
        logger.warning("\(record?.model ?? "") is gone: tokenizer and shapes come from \(path)")
        return with(modelPath: path)
    }

    /// The same, of what serves now.
    func withModelThere() -> RoleLaunch {
        withModelThere(WeightRecord.current(in: directory, model: configuration.modelPath ?? ""))
    }
}
