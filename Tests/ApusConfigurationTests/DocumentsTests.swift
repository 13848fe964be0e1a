import ApusConfiguration
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// The documents that follow from the table.
struct DocumentsTests {
    @Test
    func `help names every flag that is not refused`() {
        let help = HelpText.render(command: "serve")
        for flag in FlagTable.standard.flags {
            switch flag.support {
            case .works, .noEffect: #expect(help.contains("--\(flag.name)"), "--\(flag.name)")
            case .only, .refused: break
            }
        }
        #expect(help.contains("--port N\n        Port to listen on. Default: 30000.\n"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 110 })
    }

    @Test
    func `the sample file holds the defaults`() throws {
        let directory = TemporaryDirectory()
        directory.write(Array(SampleFile.render().utf8), to: "apus.yaml")
        let (configuration, warnings) = try loadWithWarnings(["--config", "\(directory.path)/apus.yaml"])
        #expect(warnings.isEmpty)
        for flag in FlagTable.standard.flags where flag.name != "config" {
            #expect(configuration[flag.name] == flag.defaultValue, "\(flag.name)")
        }
    }

    @Test
    func `Config/apus.yaml is what the table says`() throws {
        #expect(try Self.text(of: "Config/apus.yaml") == SampleFile.render())
    }

    @Test
    func `every profile is accepted without a warning`() throws {
        let folder = Self.package + "/Config/profiles"
        let names = try Self.names(in: folder)
        #expect(names.count >= 3)
        for name in names {
            let (_, warnings) = try loadWithWarnings(["--config", "\(folder)/\(name)"])
            #expect(warnings.isEmpty, "\(name)")
        }
    }

    /// The package's root: three names above this file.
    private static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

    private static func text(of name: String) throws -> String {
        let file = try #require(fopen("\(package)/\(name)", "rb"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    private static func names(in folder: String) throws -> [String] {
        let directory = try #require(opendir(folder))
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".yaml") { names.append(name) }
        }
        return names.sorted()
    }
}
