import ApusCheckpoint
import ApusConfiguration
import ApusEngine
import ApusFront
import ApusModels
import ApusObserve
import ApusTensor
import ApusText
import ApusWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a process ends that cannot do its work: one line on stderr and a code.
struct Failure: Error {
    let message: String
    let code: Int32

    /// The command line or its kin are wrong, as argparse has it.
    static let usage: Int32 = 2
    /// Files or machine do not allow what is asked for (EX_CONFIG of sysexits(3)): trying again would not help.
    static let configuration: Int32 = 78
    /// Anything else.
    static let other: Int32 = 1

    init(_ message: String, code: Int32) {
        self.message = message
        self.code = code
    }

    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as ConfigurationError: self.init(error.message, code: Self.usage)
        case let error as FrontFailure where error.isUsage: self.init("\(error)", code: Self.usage)
        case is CheckpointError, is ModelError, is TextError, is TensorError, is MemoryBudget.Failure,
            is ThreadPlan.Failure, is WireError, is TransportSecurity.Failure:
            self.init("\(error)", code: Self.configuration)
        default: self.init("\(error)", code: Self.other)
        }
    }

    /// Ends the process with one line that names the command.
    static func end(command: String, with error: any Error) -> Never {
        let failure = Failure(error)
        let line = failure.message.replacing("\n", with: " ")
        StandardErrorLog.write("apus \(command): error: \(line)\n")
        exit(failure.code)
    }
}
