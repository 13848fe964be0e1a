/// A value in a file of `torch.save`: what `torch.load(weights_only=True)` reads back, and no more than is needed here.
indirect enum TorchValue {
    case none
    case integer(Int)
    case text(String)
    case list([TorchValue])
    case dictionary([(String, TorchValue)])
    /// int32, contiguous.
    case tensor(shape: [Int], [Int32])

    static func integers(_ numbers: [Int32]) -> TorchValue { .list(numbers.map { .integer(Int($0)) }) }
}

/// PyTorch's format since 1.6: a ZIP archive with a pickle (protocol 2) of the value, whose tensors refer by number to
/// entries that hold their bytes.
enum TorchFile {
    static func write(_ value: TorchValue, to file: consuming OutputFile) throws(ExpertError) -> String {
        var pickle = Pickle()
        pickle.write(value)
        var archive = ZipWriter(file)
        try archive.append("archive/data.pkl", pickle.finished())
        try archive.append("archive/byteorder", Array("little".utf8))
        for (index, numbers) in pickle.storages.enumerated() {
            try archive.append(
                "archive/data/\(index)", numbers.withUnsafeBytes { Array($0) })
        }
        try archive.append("archive/version", Array("3\n".utf8))
        return try archive.finish()
    }
}

/// The instructions of Python's pickle machine, as `pickletools` names them.
private struct Pickle {
    private var bytes: [UInt8] = [0x80, 2]  // PROTO
    /// The numbers of each tensor.
    private(set) var storages: [[Int32]] = []

    mutating func write(_ value: TorchValue) {
        switch value {
        case .none: op("N")
        case .integer(let number): write(number)
        case .text(let text): write(text)
        case .list(let items):
            op("](")
            for item in items { write(item) }
            op("e")  // APPENDS
        case .dictionary(let members):
            op("}(")
            for (key, value) in members {
                write(key)
                write(value)
            }
            op("u")  // SETITEMS
        case .tensor(let shape, let numbers): write(shape, numbers)
        }
    }

    func finished() -> [UInt8] { bytes + Array(".".utf8) }  // STOP

    private mutating func op(_ codes: String) { bytes += codes.utf8 }

    private mutating func write(_ number: Int) {
        if let small = Int32(exactly: number) {
            op("J")  // BININT
            bytes.append32(UInt32(bitPattern: small))
        } else {
            bytes += [0x8A, 8]  // LONG1
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
    }

    private mutating func write(_ text: String) {
        op("X")  // BINUNICODE
        bytes.append32(UInt32(text.utf8.count))
        bytes += text.utf8
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`
    private mutating func write(_ shape: [Int], _ numbers: [Int32]) {
        precondition(shape.reduce(1, *) == numbers.count)
        op("ctorch._utils\n_rebuild_tensor_v2\n((")
        write("storage")
        op("ctorch\nIntStorage\n")
        write("\(storages.count)")
        write("cpu")
        write(numbers.count)
        op("tQ")  // TUPLE, BINPERSID
        storages.append(numbers)
        write(0)
        op("(")
        for size in shape { write(size) }
        op("t(")
        for axis in shape.indices { write(shape[(axis + 1)...].reduce(1, *)) }
        op("t")
        bytes.append(0x89)  // NEWFALSE
        op("ccollections\nOrderedDict\n)RtR")  // EMPTY_TUPLE, REDUCE, TUPLE, REDUCE
    }
}
