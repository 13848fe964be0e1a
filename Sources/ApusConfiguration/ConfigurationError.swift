/// Why a configuration is refused, in one line. The process ends with `exitCode` before anything is started.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The command line, an environment variable or the file is at fault, as argparse has it.
    package static let exitCode: Int32 = 2

    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}
