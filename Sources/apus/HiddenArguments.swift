import ApusConfiguration

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Takes secrets out of the command line that `ps` and /proc/<pid>/cmdline show to every user of the machine.
///
/// There is a moment between the start and this when they can be seen: keys are better kept in files.
enum HiddenArguments {
    static func hide() {
        #if os(Linux)
            guard let range = place() else { return }
            var arguments: [UnsafeMutableBufferPointer<UInt8>] = []
            var start = range.lowerBound
            let memory = UnsafeMutableBufferPointer(
                start: UnsafeMutablePointer<UInt8>(bitPattern: range.lowerBound), count: range.count)
            for address in range where memory[Int(address - range.lowerBound)] == 0 {
                arguments.append(
                    UnsafeMutableBufferPointer(
                        rebasing: memory[Int(start - range.lowerBound)..<Int(address - range.lowerBound)]))
                start = address + 1
            }
            let texts = arguments.map { String(decoding: $0, as: UTF8.self) }
            for (argument, shown) in zip(arguments, LaunchCommand.redacted(texts))
            where !argument.elementsEqual(shown.utf8) {
                // "--api-key=secret" keeps its name, so that one still sees what was given.
                let kept = argument.firstIndex(of: UInt8(ascii: "=")).map { $0 + 1 } ?? 0
                for index in (argument.starts(with: "--".utf8) ? kept : 0)..<argument.count {
                    argument[index] = UInt8(ascii: "*")
                }
            }
        #endif
    }

    #if os(Linux)
        /// Where the kernel reads the command line from: fields 48 and 49 of /proc/self/stat (proc(5)).
        private static func place() -> Range<UInt>? {
            guard let file = fopen("/proc/self/stat", "re") else { return nil }
            defer { fclose(file) }
            var line = [UInt8](repeating: 0, count: 2048)
            let count = fread(&line, 1, line.count, file)
            guard let bracket = line[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
            let fields = line[(bracket + 1)..<count].split(separator: UInt8(ascii: " "))
                .map { String(decoding: $0, as: UTF8.self) }
            guard fields.count > 46, let start = UInt(fields[45]), let end = UInt(fields[46]), start > 0, start < end
            else { return nil }
            return start..<end
        }
    #endif
}
