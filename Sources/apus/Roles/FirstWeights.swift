import ApusConfiguration
import Logging

/// Which weights a scheduler begins with: those that the one before it, which died, served last, else the launch's.
struct FirstWeights {
    /// Where shapes and tokenizer come from: the launch's model, or, when that is gone, the one that served.
    let role: RoleLaunch
    private let launched: WeightRecord
    private let inherited: WeightRecord?
    private let isLaunchGone: Bool

    init(_ role: RoleLaunch) {
        let given = role.configuration
        launched = WeightRecord(model: given.modelPath ?? "", version: given.weightVersion)
        inherited = WeightRecord.inherited(in: role.directory, model: launched.model, logger: role.logger)
        isLaunchGone = !role.isModelThere
        self.role = role.withModelThere(inherited)
    }

    /// - Parameters:
    ///   - launch: Loads the launch's.
    ///   - update: Loads what an update named.
    func load<Model>(
        launch: () throws -> Model, update: (_ path: String, _ format: String?) throws -> Model
    ) throws -> (record: WeightRecord, model: Model) {
        guard let inherited else { return (launched, try launch()) }
        guard let path = inherited.path else { return (inherited, try launch()) }
        do {
            let model = try update(path, inherited.format)
            role.logger.notice("Loaded the weights that served before: \(path), version \(inherited.version)")
            return (inherited, model)
        } catch  where !isLaunchGone {
            role.logger.error(
                """
                The weights that served before (\(path), version \(inherited.version)) cannot be loaded again: \(error). \
                The launch's weights serve, as version \(launched.version).
                """)
            WeightRecord.forget(in: role.directory)
            return (launched, try launch())
        }
    }

    /// The weights of `record` have come to serve; whatever follows them is to be told to what is returned.
    func serving(
        _ record: WeightRecord
    ) -> (_ path: String?, _ format: String?, _ version: String) -> Void {
        if record.attempts > 0 {
            var record = record
            record.attempts = 0
            record.write(in: role.directory, logger: role.logger)
        }
        return { [role, model = record.model] path, format, version in
            WeightRecord(model: model, path: path, format: format, version: version)
                .write(in: role.directory, logger: role.logger)
        }
    }
}
