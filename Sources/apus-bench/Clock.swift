#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Seconds of a clock that never steps back.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// A gap between arrivals of a Poisson process, in seconds.
func exponential(_ rate: Double, _ random: inout Generator) -> Double {
    -log(1 - Double.random(in: 0..<1, using: &random)) / rate
}

/// Standard error is a terminal: progress may be drawn over itself.
let drawsProgress = isatty(STDERR_FILENO) == 1

func printError(_ text: String, terminator: String = "\n") {
    let line = text + terminator
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}

/// Adds a text at the end of a file, which is made when it is not there.
func append(_ text: String, to path: String) throws {
    guard let file = fopen(path, "a") else {
        throw HTTPFailure(description: "\(path): \(String(cString: strerror(errno)))")
    }
    fputs(text, file)
    fclose(file)
}
