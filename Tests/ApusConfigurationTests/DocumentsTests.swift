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

    private static let commands = [
        DocumentedCommand(name: "serve", abstract: "Serve [it's] a model: now.", takesFlags: true),
        DocumentedCommand(name: "inspect", abstract: "Look.", takesFlags: false),
    ]

    @Test
    func `the manual page names every flag that changes something, and shows text as it is`() {
        let page = ManualPage.render(commands: Self.commands, version: "1.2.3")
        #expect(page.hasPrefix(".TH APUS 1 \"\" \"Apus 1.2.3\" \"User Commands\"\n.SH NAME\n"))
        let macros: Set = [".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".I", ".RI"]
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(macros.contains(String(line.prefix { $0 != " " })), "\(line)")
        }
        for flag in FlagTable.standard.flags {
            let name = "\\-\\-\(flag.name.replacing("-", with: "\\-"))\\fR"
            switch flag.support {
            case .works, .noEffect: #expect(page.contains(name), "--\(flag.name)")
            case .refused: #expect(!page.contains(".TP\n\\fB\(name)"), "--\(flag.name)")
            case .only: break
            }
        }
    }

    @Test(arguments: Completions.Shell.allCases)
    func `shells complete commands, flags and choices`(shell: Completions.Shell) {
        let script = Completions.render(shell, commands: Self.commands)
        let dashes = shell == .fish ? "-l " : "--"
        for flag in FlagTable.standard.flags {
            guard case .works = flag.support else { continue }
            for name in [flag.name] + flag.aliases { #expect(script.contains("\(dashes)\(name)"), "--\(name)") }
        }
        #expect(script.contains("inspect"))
        #expect(script.contains("bfloat16"))
        #expect(!script.contains("grpc-mode"))
        switch shell {
        case .bash: #expect(script.hasSuffix("complete -o filenames -F _apus apus\n"))
        case .zsh:
            #expect(script.hasPrefix("#compdef apus\n"))
            #expect(script.contains(#"'serve:Serve (it'\''s) a model\: now.'"#))
        case .fish: #expect(script.contains(#"-a serve -d 'Serve [it\'s] a model: now.'"#))
        }
    }

    @Test
    func `the changelog's newest version is the executable's`() throws {
        let first = try #require(try Self.text(of: "Deploy/debian/changelog").split(separator: "\n").first)
        let source = try Self.text(of: "Sources/apus/Version.swift")
        let version = try #require(first.split(separator: "(").last?.split(separator: ")").first)
        #expect(source.contains("\"\(version)\""))
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
