import ApusCheckpoint
import ApusTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct ModelDirectoryTests {
    private static let commit = "0123456789abcdef0123456789abcdef01234567"
    private let directory = TemporaryDirectory()

    /// A cache with one model and one branch.
    private func makeCache() -> String {
        let cache = "\(directory.path)/hub"
        let repository = "hub/models--Qwen--Qwen2.5-0.5B-Instruct"
        for folder in [
            "hub", repository, "\(repository)/refs", "\(repository)/snapshots",
            "\(repository)/snapshots/\(Self.commit)",
        ] { mkdir("\(directory.path)/\(folder)", 0o755) }
        directory.write(Array("\(Self.commit)\n".utf8), to: "\(repository)/refs/main")
        return cache
    }

    private var snapshot: String {
        "\(directory.path)/hub/models--Qwen--Qwen2.5-0.5B-Instruct/snapshots/\(Self.commit)"
    }

    private func failure(_ name: String, revision: String? = nil, environment: [String: String]) -> String? {
        do {
            _ = try ModelDirectory.resolve(name, revision: revision, environment: environment)
            return nil
        } catch {
            return error.description.replacing(directory.path, with: "DIR")
        }
    }

    @Test func aFolderIsItself() throws {
        #expect(try ModelDirectory.resolve(directory.path, environment: [:]) == directory.path)
    }

    @Test func findsHubNamesInEachPlaceOfTheCache() throws {
        let cache = makeCache()
        let name = "Qwen/Qwen2.5-0.5B-Instruct"
        for environment in [
            ["HF_HUB_CACHE": cache, "HF_HOME": "/nowhere"], ["HUGGINGFACE_HUB_CACHE": cache],
            ["HF_HOME": directory.path], ["HF_HOME": "~", "HOME": directory.path],
        ] {
            #expect(try ModelDirectory.resolve(name, environment: environment) == snapshot, "\(environment)")
        }
        #expect(try ModelDirectory.resolve(name, downloadDirectory: cache, environment: [:]) == snapshot)
        let lower = "qwen/qwen2.5-0.5b-instruct"
        #expect(try ModelDirectory.resolve(lower, downloadDirectory: cache, environment: [:]) == snapshot)
        #expect(
            try ModelDirectory.resolve(name, revision: Self.commit, downloadDirectory: cache, environment: [:])
                == snapshot)
    }

    @Test func saysWhereItLooked() {
        let environment = ["HF_HUB_CACHE": makeCache()]
        #expect(
            failure("a/b", environment: environment)
                == "model 'a/b' not found: neither a folder nor in the Hugging Face cache DIR/hub")
        #expect(failure("/no/such", environment: environment) == "model '/no/such' not found: there is no such folder")
        #expect(failure("../x", environment: environment) == "model '../x' not found: there is no such folder")
        #expect(failure("a/b/c", environment: environment) == "model 'a/b/c' not found: there is no such folder")
        #expect(failure("", environment: environment) == "model '' not found: there is no such folder")
        #expect(
            failure("a/b", environment: [:]) == "model 'a/b' not found: no such folder, and HF_HOME and HOME are unset")
        let repository = "DIR/hub/models--Qwen--Qwen2.5-0.5B-Instruct"
        #expect(
            failure("Qwen/Qwen2.5-0.5B-Instruct", revision: "v2", environment: environment)
                == "model 'Qwen/Qwen2.5-0.5B-Instruct' not found: no revision 'v2' in \(repository)")
        #expect(
            failure("Qwen/Qwen2.5-0.5B-Instruct", revision: "../refs/main", environment: environment)
                == "model 'Qwen/Qwen2.5-0.5B-Instruct' not found: no revision '../refs/main' in \(repository)")
        let other = String(repeating: "f", count: 40)
        #expect(
            failure("Qwen/Qwen2.5-0.5B-Instruct", revision: other, environment: environment)
                == "model 'Qwen/Qwen2.5-0.5B-Instruct' not found: \(repository)/snapshots/\(other) is missing")
        directory.write([], to: "file")
        #expect(
            failure("\(directory.path)/file", environment: environment)
                == "model 'DIR/file' not found: it is a file, a model is a folder")
    }
}
