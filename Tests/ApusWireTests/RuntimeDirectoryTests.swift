import ApusTestSupport
import ApusWire
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct RuntimeDirectoryTests {
    private let temporary = TemporaryDirectory()

    private func reason(_ path: String) -> String? {
        do throws(WireError) {
            _ = try RuntimeDirectory(path: path)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func whereItIs() {
        func path(_ flag: String?, _ environment: [String: String]) -> String {
            RuntimeDirectory.path(flag: flag, environment: environment)
        }
        let all = ["RUNTIME_DIRECTORY": "/run/apus:/run/other", "XDG_RUNTIME_DIR": "/run/user/7"]
        #expect(path("/flag", all) == "/flag")
        #expect(path(nil, all) == "/run/apus")
        #expect(path(nil, ["XDG_RUNTIME_DIR": "/run/user/7"]) == "/run/user/7/apus")
        #expect(path(nil, [:]) == "/tmp/apus-\(geteuid())")
        #expect(path("", ["RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""]) == "/tmp/apus-\(geteuid())")
    }

    @Test func isCreatedWithItsParentsForUsAlone() throws {
        let directory = try RuntimeDirectory(flag: "\(temporary.path)/a/b/", environment: [:])
        #expect(directory.path == "\(temporary.path)/a/b")
        var status = stat()
        #expect(stat(directory.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        // The same again: it is there.
        #expect(try RuntimeDirectory(path: directory.path) == directory)
        #expect(directory.socketPath(of: .front) == "\(directory.path)/front.sock")
        #expect(directory.address(of: .detokenizer) == "ipc://\(directory.path)/detokenizer.sock")
    }

    @Test func serversOfOneUserAreApart() throws {
        let base = try RuntimeDirectory(path: temporary.path)
        let one = try base.subdirectory("30000")
        let other = try base.subdirectory("30001")
        #expect(one.socketPath(of: .front) != other.socketPath(of: .front))
        one.remove()
        #expect(access(one.path, F_OK) != 0)
        #expect(access(other.path, F_OK) == 0)
    }

    @Test func linksAndFilesAreRefused() throws {
        #expect(symlink("/", "\(temporary.path)/link") == 0)
        #expect(reason("\(temporary.path)/link")?.hasSuffix("is a symbolic link or not a directory") == true)
        temporary.write([], to: "file")
        #expect(reason("\(temporary.path)/file")?.hasSuffix("is a symbolic link or not a directory") == true)
        #expect(reason("\(temporary.path)/file/below")?.hasPrefix("mkdir(") == true)
    }

    @Test func directoriesOpenToOthersAreRefused() throws {
        #expect(chmod(temporary.path, 0o750) == 0)
        #expect(reason(temporary.path)?.contains("has mode 750") == true)
        #expect(chmod(temporary.path, 0o700) == 0)
        #expect(reason(temporary.path) == nil)
    }

    @Test func directoriesOfOthersAreRefused() throws {
        // /proc belongs to root: as root there is nobody else's directory to try, so make one.
        let path: String
        if geteuid() == 0 {
            path = "\(temporary.path)/theirs"
            #expect(mkdir(path, 0o700) == 0)
            #expect(chown(path, 65534, 65534) == 0)
        } else {
            path = "/proc"
        }
        #expect(reason(path)?.contains("belongs to user") == true)
    }

    @Test func tooLongAPathIsSaidClearly() throws {
        let room = RuntimeDirectory.longestSocketPath - "\(temporary.path)//detokenizer.sock".utf8.count
        #expect(reason("\(temporary.path)/" + String(repeating: "x", count: room)) == nil)
        let long = reason("\(temporary.path)/" + String(repeating: "x", count: room + 1))
        #expect(long?.contains("takes 108 bytes, and Unix sockets allow 107") == true)
    }
}
