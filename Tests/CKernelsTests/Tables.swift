import CKernels
import CTileTrap

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A table of kernels that this machine can run.
struct Table: CustomStringConvertible, @unchecked Sendable {
    // Tables are constants of the C library: `@unchecked` because a pointer says nothing about that.
    let kernels: UnsafePointer<apus_kernels>

    var name: String { String(cString: kernels.pointee.name) }
    var description: String { name }

    static func named(_ name: String) -> Table? {
        apus_kernels_named(name).map(Table.init)
    }

    /// Those that the processor itself can run.
    static let native: [Table] = [
        "scalar", "amx-soft", "neon", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx",
    ].compactMap(named)

    /// AMX: the processor's, else its instructions as they are compiled, carried out by a trap.
    static let tiles: Table? = named("amx") ?? apus_tile_trap_table().map(Table.init)

    static let all: [Table] = native + (named("amx") == nil ? [tiles].compactMap(\.self) : [])

    /// Tables whose functions of vectors use fused multiply-add, hence agree bit for bit.
    static let fused: [Table] = ["neon", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"].compactMap(named)
}

/// A family of a table.
struct Family: CustomStringConvertible, @unchecked Sendable {
    // As for `Table`: function pointers and constants.
    let functions: apus_family
    let isBFloat16: Bool
    let table: String

    var description: String { "\(table): \(String(cString: functions.arithmetic))" }

    static let all: [Family] = Table.all.flatMap { [of($0, bfloat16: false), of($0, bfloat16: true)] }

    static func of(_ table: Table, bfloat16: Bool) -> Family {
        let functions = bfloat16 ? table.kernels.pointee.bfloat16 : table.kernels.pointee.float32
        return Family(functions: functions, isBFloat16: bfloat16, table: table.name)
    }

    var elementBytes: Int { isBFloat16 ? 2 : 4 }
}

/// 64-byte aligned memory, followed by a guard of numbers that no kernel may touch.
final class Memory {
    let floats: UnsafeMutablePointer<Float>
    let count: Int
    private static let guards = 16

    init(floats count: Int) {
        self.count = count
        var memory: UnsafeMutableRawPointer?
        precondition(posix_memalign(&memory, 64, (count + Self.guards) * 4) == 0)
        guard let memory else { preconditionFailure("no memory") }
        floats = memory.bindMemory(to: Float.self, capacity: count + Self.guards)
        memset(memory, 0, count * 4)
        for i in count..<count + Self.guards { floats[i] = -12_345 }
    }

    convenience init(_ values: [Float]) {
        self.init(floats: values.count)
        floats.update(from: values, count: values.count)
    }

    deinit { free(floats) }

    var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(floats) }
    var array: [Float] { Array(UnsafeBufferPointer(start: floats, count: count)) }

    /// Whether the guard is as it was.
    var isIntact: Bool { (count..<count + Self.guards).allSatisfy { floats[$0] == -12_345 } }

    func hasSameBits(as other: Memory) -> Bool {
        count == other.count && memcmp(floats, other.floats, count * 4) == 0
    }
}

/// x rounded to bfloat16, to nearest even.
func rounded(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) & 0xffff_0000)
}

func padded(_ count: Int, _ multiple: Int) -> Int {
    (count + multiple - 1) / multiple * multiple
}

func bitsEqual(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
}
