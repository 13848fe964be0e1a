import ApusJSON
import ApusTestSupport
import ApusWire
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import ApusFront

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// HTTPS: what is served, to whom, and what a change of certificates does.
@Suite struct SecurityTests {
    private let folder = TemporaryDirectory()
    private let files: TransportSecurity.Files

    init() {
        folder.write(Array(TestCertificates.first.utf8), to: "cert.pem")
        folder.write(Array(TestCertificates.firstKey.utf8), to: "key.pem")
        files = TransportSecurity.Files(certificate: "\(folder.path)/cert.pem", key: "\(folder.path)/key.pem")
    }

    /// A client that trusts `certificate` alone, and shows `identity`.
    private func client(
        _ certificate: String, identity: (certificate: String, key: String)? = nil
    ) throws -> TestClient.Configuration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)))
        if let identity {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8))
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem))
        }
        return TestClient.Configuration(
            tlsConfiguration: configuration, timeout: .seconds(20), serverName: "localhost")
    }

    /// Whether a fresh connection of `client` gets an answer.
    private func isServed(_ client: TestClient.Configuration, port: Int) async -> Bool {
        let answer = try? await TestClient.withClient(host: "127.0.0.1", port: port, configuration: client) {
            try await $0.get("/ping").status.code
        }
        return answer == 200
    }

    @Test func requestsAreAnsweredOverTLS() async throws {
        let security = try TransportSecurity(files)
        try await withFront(.live, client: try client(TestCertificates.first), configure: { $0.security = security }) {
            server in
            let answer = try await server.generate(["text": "ab", "sampling_params": ["max_new_tokens": 2]])
            #expect(answer.status == 200)
            #expect(answer.json?["text"] == "ab")
            let stream = try await server.generate(
                ["text": "ab", "sampling_params": ["max_new_tokens": 2], "stream": true])
            #expect(stream.frames.last == "[DONE]")
            // Who speaks plain HTTP gets nothing.
            let port = try #require(server.port)
            let plain = await onThread {
                let client = RawClient(port: port)
                client.send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
                return client.receive()
            }
            #expect(!plain.contains("HTTP/1.1"))
        }
    }

    @Test func aClientThatHangsUpEndsItsRequest() async throws {
        let security = try TransportSecurity(files)
        let configuration = try client(TestCertificates.first)
        try await withFront(
            .live, script: FakeRing.silence, client: configuration, configure: { $0.security = security }
        ) { server in
            let port = try #require(server.port)
            try await TestClient.withClient(host: "127.0.0.1", port: port, configuration: configuration) { client in
                try await client.executeAndDontWaitForResponse(
                    TestClient.Request(
                        "/generate", method: .post, authority: "localhost",
                        headers: [.contentType: "application/json"], body: ByteBuffer(string: #"{"text":"abc"}"#)))
                #expect(await server.ring.waits { $0.requests.count == 1 })
            }
            #expect(await server.ring.waits { $0.aborted == [$0.requests[0].rid] })
        }
    }

    @Test func aChangeOfCertificatesTouchesNoConnection() async throws {
        let security = try TransportSecurity(files)
        let (old, new) = (try client(TestCertificates.first), try client(TestCertificates.second))
        try await withFront(.live, client: old, configure: { $0.security = security }) { server in
            let port = try #require(server.port)
            #expect(try await server.get("/ping").status == 200)
            // What cannot be used changes nothing.
            folder.write(Array("nothing".utf8), to: "cert.pem")
            #expect(throws: TransportSecurity.Failure.self) { try security.reload(files) }
            folder.write(Array(TestCertificates.second.utf8), to: "cert.pem")
            #expect(throws: TransportSecurity.Failure.self) { try security.reload(files) }
            #expect(await isServed(old, port: port))
            #expect(await !isServed(new, port: port))

            folder.write(Array(TestCertificates.secondKey.utf8), to: "key.pem")
            try security.reload(files)
            // The connection from before goes on; new ones see the new certificate.
            #expect(try await server.get("/ping").status == 200)
            #expect(await isServed(new, port: port))
            #expect(await !isServed(old, port: port))
        }
    }

    @Test func clientsCertificatesAreChecked() async throws {
        folder.write(Array(TestCertificates.client.utf8), to: "ca.pem")
        var files = files
        files.authorities = "\(folder.path)/ca.pem"
        let security = try TransportSecurity(files)
        let trusted = try client(
            TestCertificates.first, identity: (TestCertificates.client, TestCertificates.clientKey))
        let stranger = try client(
            TestCertificates.first, identity: (TestCertificates.second, TestCertificates.secondKey))
        try await withFront(.live, client: trusted, configure: { $0.security = security }) { server in
            #expect(try await server.get("/ping").status == 200)
            let port = try #require(server.port)
            #expect(await !isServed(stranger, port: port))
            // Who shows none is served, as on the reference server.
            #expect(await isServed(try client(TestCertificates.first), port: port))
        }
    }

    @Test func lockedKeysNeedTheirPassword() throws {
        folder.write(Array(TestCertificates.firstLockedKey.utf8), to: "key.pem")
        var files = files
        for password in [nil, "wrong"] {
            files.keyPassword = password
            #expect(
                throws: TransportSecurity.Failure(
                    description: "--ssl-keyfile: \(files.key): not in PEM, or encrypted with another password")
            ) { try TransportSecurity(files) }
        }
        files.keyPassword = "geheim"
        _ = try TransportSecurity(files)
    }

    @Test func whatIsMissingIsNamed() throws {
        var files = files
        files.certificate = "/nowhere/cert.pem"
        do {
            _ = try TransportSecurity(files)
            Issue.record("a certificate that is not there was read")
        } catch {
            #expect(error.description.hasPrefix("--ssl-certfile: /nowhere/cert.pem: "))
        }
        folder.write(Array(TestCertificates.secondKey.utf8), to: "key.pem")
        #expect(
            throws: TransportSecurity.Failure(
                description:
                    "--ssl-keyfile: \(self.files.key) does not belong to the certificate in \(self.files.certificate)")
        ) { try TransportSecurity(self.files) }
    }
}

/// Sockets that somebody else holds.
@Suite struct ListenerTests {
    /// A listening socket on a free port, as systemd hands it over.
    private func socket() async -> (descriptor: Int32, port: Int) {
        await onThread {
            #if canImport(Glibc)
                let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #else
                let descriptor = Darwin.socket(AF_INET, SOCK_STREAM, 0)
            #endif
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    precondition(bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0)
                    getsockname(descriptor, pointer, &length)
                }
                return (descriptor, Int(UInt16(bigEndian: pointer.pointee.sin_port)))
            }
        }
    }

    @Test func aGivenSocketOutlivesTheServer() async throws {
        let (descriptor, port) = await socket()
        defer { close(descriptor) }
        let ping = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
        // The first one serves, and says that its connections should end.
        try await withFront(.live, configure: { $0.place = .sockets([dup(descriptor)]) }) { server in
            #expect(server.port == port)
            let before = try await server.get("/ping")
            #expect(before.headers[.connection] == nil)
            server.front.service.setDraining()
            let after = try await server.get("/ping")
            #expect(after.headers[.connection] == "close")
        }
        // Nobody serves: who connects is not refused, and waits.
        let waiting = await onThread {
            let client = RawClient(port: port)
            client.send(ping)
            return Unchecked(client)
        }
        // The second one answers who has waited.
        try await withFront(.live, configure: { $0.place = .sockets([dup(descriptor)]) }) { _ in
            let answer = await onThread { waiting.value.receive(until: "\r\n\r\n") }
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func listeningEndsWhileConnectionsGoOn() async throws {
        let (descriptor, port) = await socket()
        defer { close(descriptor) }
        let (front, ring) = try await startedFront(configure: { $0.place = .sockets([dup(descriptor)]) })
        front.service.setUp()
        let listener = front.listener { _ in }
        let running = Task { try await listener.run() }
        let client = await onThread {
            let client = RawClient(port: port)
            client.send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            return Unchecked(client)
        }
        await listener.stopAccepting()
        await onThread {
            client.value.send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.value.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        }
        #expect(listener.connectionCount == 1)
        listener.quiesce()
        #expect(await onThread { client.value.receive() } == "")
        try await running.value
        #expect(listener.connectionCount == 0)
        await front.stop()
        ring.stop()
    }

    @Test func datesAreThoseOfHTTP() {
        // The example of RFC 9110, section 5.6.7.
        #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate().now.hasSuffix(" GMT"))
    }
}
