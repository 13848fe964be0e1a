/// How a process ended.
package enum ProcessEnding: Sendable, Hashable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)

    /// Reads what `waitpid` reported.
    package init(waitStatus status: Int32) {
        // WIFEXITED and its kin are macros; the layout is that of every Unix.
        let signal = status & 0x7F
        self = signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal)
    }

    /// As a shell reports it.
    package var shellCode: Int32 {
        switch self {
        case .code(let code): code
        case .signal(let signal): 128 + signal
        }
    }

    /// The process refused its configuration (2, or EX_CONFIG of sysexits(3)): another try would end the same.
    package var isConfigurationError: Bool { self == .code(2) || self == .code(78) }

    package var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let signal): "signal \(signal)"
        }
    }
}
