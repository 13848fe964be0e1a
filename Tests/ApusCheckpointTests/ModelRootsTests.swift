import ApusTestSupport
import Testing

@testable import ApusCheckpoint

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Ways into and out of the folders that models may be in.
@Suite struct ModelRootsTests {
    private let folder = TemporaryDirectory()
    private let roots: ModelRoots

    init() {
        for name in ["allowed", "allowed/model", "allowed-too", "secret"] { mkdir("\(folder.path)/\(name)", 0o700) }
        for name in ["allowed/model/config.json", "allowed-too/config.json", "secret/config.json"] {
            folder.write(Array("{}".utf8), to: name)
        }
        roots = ModelRoots(["\(folder.path)/allowed/", "/nowhere"])
    }

    private func contains(_ path: String) -> Bool { roots.contain("\(folder.path)/\(path)") }

    @Test func whatIsBelowARootIsAllowed() {
        #expect(contains("allowed"))
        #expect(contains("allowed/model"))
        #expect(contains("allowed/model/"))
        #expect(contains("secret/../allowed/./model"))
    }

    @Test(arguments: [
        "secret", "allowed-too", "allowed/../secret", "allowed/model/../../secret", "", "nothing", "allowed/nothing",
        "allowed/model/config.json",
    ])
    func everythingElseIsNot(_ path: String) {
        #expect(!contains(path))
    }

    @Test func linksAreFollowed() {
        symlink("\(folder.path)/secret", "\(folder.path)/allowed/out")
        symlink("\(folder.path)/allowed/model", "\(folder.path)/in")
        #expect(!contains("allowed/out"))
        #expect(contains("in"))
        // As in the hub's cache: a link to a file that lies below the root as well.
        symlink("config.json", "\(folder.path)/allowed/model/linked.json")
        #expect(contains("allowed/model"))
        symlink("\(folder.path)/secret/config.json", "\(folder.path)/allowed/model/leak.json")
        #expect(!contains("allowed/model"))
    }

    @Test func withoutRootsNothingIs() {
        #expect(!ModelRoots([]).contain(folder.path))
        #expect(ModelRoots(["/"]).contain("\(folder.path)/secret"))
    }
}
