import ApusText
import Logging
import Synchronization

/// Says so when an update's folder has another tokenizer than the one in use, which the update, as in SGLang, does not
/// change.
final class TokenizerWatch: Sendable {
    private let role: RoleLaunch
    private let launched: TokenizerFiles
    /// What was looked at: a training loop brings the same files again and again.
    private let seen = Mutex<Set<[String: UInt64]>>([])

    init(_ role: RoleLaunch) throws {
        self.role = role
        launched = TokenizerFiles(directory: try ModelFiles.tokenizerDirectory(role))
    }

    /// - Parameter path: What the update names; nil: the launch's.
    func look(at path: String?) {
        guard let path, let directory = try? ModelFiles.directory(path, role.configuration, role.environment) else {
            return
        }
        let files = TokenizerFiles(directory: directory)
        guard files.content != launched.content, seen.withLock({ $0.insert(files.content).inserted }) else { return }
        let differences = files.differences(from: launched)
        guard !differences.isEmpty else { return }
        role.logger.warning(
            """
            The tokenizer in \(path) is another (\(differences.joined(separator: ", "))): texts go on being read and \
            written with the launch's. Another one takes a restart with --model-path or --tokenizer-path.
            """)
    }
}
