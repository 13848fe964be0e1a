import ApusConfiguration
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Keys and certificates: where they may be, and what comes first.
@Suite struct ServerSecretsTests {
    private let folder = TemporaryDirectory()

    private func file(_ name: String, _ text: String, mode: mode_t = 0o600) -> String {
        folder.write(Array(text.utf8), to: name)
        chmod("\(folder.path)/\(name)", mode)
        return "\(folder.path)/\(name)"
    }

    private func secrets(_ arguments: [String] = []) throws -> ServerSecrets {
        try ServerSecrets(load(arguments), environment: ["CREDENTIALS_DIRECTORY": folder.path])
    }

    private func refusal(_ arguments: [String]) -> String? {
        do {
            _ = try secrets(arguments)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func aKeyIsTheFirstLineOfItsFile() throws {
        for text in ["sesam", "sesam\n", "sesam\r\n", "sesam\nsecond line\n"] {
            #expect(try secrets(["--api-key-file", file("key", text)]).apiKey == "sesam")
        }
        let path = file("key", "sesam")
        #expect(try secrets(["--admin-api-key-file", path]).adminAPIKey == "sesam")
        #expect(try secrets(["--admin-api-key-file", path]).apiKey == nil)
    }

    @Test(arguments: ["", "\n", "two words\n", String(repeating: "k", count: 4097)])
    func whatIsNoKeyIsRefused(_ text: String) {
        let path = file("key", text)
        #expect(
            refusal(["--api-key-file", path])?.hasPrefix("argument --api-key-file: \(path): the first line is") == true)
    }

    @Test func aFileThatIsNotThereIsNamed() {
        #expect(
            refusal(["--api-key-file", "/nowhere/key"])
                == "argument --api-key-file: /nowhere/key: No such file or directory")
    }

    @Test func credentialsStandInForFlags() throws {
        _ = file("apus.api-key", "user")
        _ = file("apus.admin-api-key", "boss")
        #expect(try secrets().apiKey == "user")
        #expect(try secrets().adminAPIKey == "boss")
        #expect(try secrets(["--api-key", "other"]).apiKey == "other")
        #expect(try secrets(["--api-key-file", file("key", "third")]).apiKey == "third")
        #expect(try ServerSecrets(load([]), environment: [:]).apiKey == nil)

        let (certificate, key) = (file("apus.ssl-certfile", "c"), file("apus.ssl-keyfile", "k"))
        _ = file("apus.ssl-keyfile-password", "p\n")
        #expect(
            try secrets().security
                == ServerSecrets.SecurityFiles(certificate: certificate, key: key, keyPassword: "p"))
    }

    @Test(arguments: [
        (["--api-key", "a", "--api-key-file", "f"], "argument --api-key-file: --api-key is given as well"),
        (["--ssl-keyfile", "k"], "argument --ssl-keyfile: needs --ssl-certfile"),
        (["--ssl-certfile", "c"], "argument --ssl-certfile: needs --ssl-keyfile"),
        (["--ssl-ca-certs", "c"], "argument --ssl-ca-certs: needs --ssl-certfile and --ssl-keyfile"),
    ])
    func halvesAndDoublesAreRefused(_ arguments: [String], _ message: String) {
        #expect(refusal(arguments) == message)
    }

    @Test func theAdminKeyMustBeAnother() {
        let path = file("key", "same")
        #expect(
            refusal(["--api-key", "same", "--admin-api-key-file", path])
                == "argument --admin-api-key: the same as --api-key, which protects nothing more")
    }

    @Test func aFileThatEverybodyReadsIsComplainedOf() throws {
        let path = file("key", "sesam", mode: 0o644)
        #expect(try secrets(["--api-key-file", path]).warnings == ["--api-key-file: every user may read \(path)"])
        chmod(path, 0o640)
        #expect(try secrets(["--api-key-file", path]).warnings.isEmpty)
    }

    @Test func aStampTellsFilesThatChanged() throws {
        let (certificate, key) = (file("c", "c"), file("k", "k"))
        let files = try #require(try secrets(["--ssl-certfile", certificate, "--ssl-keyfile", key]).security)
        let stamp = files.stamp
        #expect(files.stamp == stamp)
        _ = file("k", "kk")
        #expect(files.stamp != stamp)
    }
}
