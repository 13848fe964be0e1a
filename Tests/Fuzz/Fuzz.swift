import ApusCore
import ApusJSON
import ApusJinja
import ApusText
import ApusWire

@testable import ApusCheckpoint

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A parser that reads what strangers send; it may refuse, and may do nothing else.
typealias Subject = @Sendable (UnsafeRawBufferPointer) -> Void

/// What can be fuzzed, by the name that `APUS_FUZZ` gives.
let subjects: [String: Subject] = [
    "json": { bytes in
        guard let value = try? JSONValue(parsing: bytes) else { return }
        // What was read must be readable again, as the same.
        let text = value.description
        precondition((try? JSONValue(parsing: text)) == value, "\(text)")
    },
    "wire": fuzzWire,
    "safetensors": { bytes in _ = try? Safetensors(bytes, path: "fuzz") },
    "tokenizer": { bytes in
        guard let json = try? JSONValue(parsing: bytes), let tokenizer = try? Tokenizer(json: json) else { return }
        let ids = tokenizer.encode("Zwei Wörter, 12345 \u{1F600}\n\t", addSpecialTokens: true)
        _ = tokenizer.decode(ids, skipSpecialTokens: false)
    },
    "jinja": { bytes in
        let source = String(decoding: bytes, as: UTF8.self)
        guard let template = try? Template(source) else { return }
        _ = try? template.render(conversation, now: 0)
    },
    "schema": { fuzzGrammar(.json, $0) },
    "regex": { fuzzGrammar(.regex, $0) },
    "ebnf": { fuzzGrammar(.ebnf, $0) },
    "tags": { fuzzGrammar(.structuralTag, $0) },
    "generate": fuzzGenerate,
    "chat": fuzzChat,
]

/// The first byte chooses the link; the header is put before the rest, which mutation would hardly find.
private let fuzzWire: Subject = { bytes in
    guard let first = bytes.first else { return }
    let link = LinkKind.allCases[Int(first) % LinkKind.allCases.count]
    var frame: [UInt8] = []
    withUnsafeBytes(of: WireFormat.magic.littleEndian) { frame.append(contentsOf: $0) }
    withUnsafeBytes(of: WireFormat.version.littleEndian) { frame.append(contentsOf: $0) }
    frame.append(link.rawValue)
    frame.append(contentsOf: bytes.dropFirst())
    switch link {
    case .frontToScheduler: check(FrontToScheduler.self, frame)
    case .schedulerToDetokenizer: check(SchedulerToDetokenizer.self, frame)
    case .detokenizerToFront: check(DetokenizerToFront.self, frame)
    case .schedulerToFront: check(SchedulerToFront.self, frame)
    }
}

/// A frame that is a message must come out of the writer as it went in to the reader.
private func check<Message: WireMessage>(_ type: Message.Type, _ frame: [UInt8]) {
    guard let message = try? Message.decoded(frame) else { return }
    let again = message.encoded()
    guard let copy = try? Message.decoded(again) else { preconditionFailure("its own bytes are refused: \(again)") }
    precondition(copy.encoded() == again)
}

private let conversation: [String: Value] = [
    "messages": .list([
        .dictionary(.init([("role", .string("user")), ("content", .string("Hi"))])),
        .dictionary(.init([("role", .string("assistant")), ("content", .string("Hello"))])),
    ]),
    "add_generation_prompt": .bool(true), "bos_token": .string("<s>"), "eos_token": .string("</s>"),
]

private let subject: Subject = {
    let name = getenv("APUS_FUZZ").map { String(cString: $0) } ?? ""
    guard let subject = subjects[name] else {
        fatalError("set APUS_FUZZ to one of \(subjects.keys.sorted().joined(separator: ", "))")
    }
    return subject
}()

/// libFuzzer as a library: https://llvm.org/docs/LibFuzzer.html
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ subject: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@main enum Fuzz {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(
            runDriver(&count, &arguments) { data, count in
                subject(UnsafeRawBufferPointer(start: data, count: count))
                return 0
            })
    }
}
