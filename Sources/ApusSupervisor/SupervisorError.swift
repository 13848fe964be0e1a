#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A call of the system failed with `code` (errno).
package struct SupervisorError: Error, Equatable, CustomStringConvertible {
    package let call: String
    package let subject: String
    package let code: Int32

    package var description: String { "\(call)(\(subject)): \(String(cString: strerror(code)))" }
}
