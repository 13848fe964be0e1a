package import ApusCore

/// A tensor where it lies in its file.
package struct TensorSource: Sendable {
    package let name: String
    package let elementType: ElementType
    package let shape: [Int]
    package let file: MappedFile
    /// Bytes of the file, row-major, little endian, not necessarily aligned.
    package let range: Range<Int>

    package init(name: String, elementType: ElementType, shape: [Int], file: MappedFile, range: Range<Int>) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.file = file
        self.range = range
    }

    package var elementCount: Int { shape.reduce(1, *) }

    /// Valid as long as `file` lives.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.bytes[range])
    }

    /// Copies the values to `target`, which must have room for them.
    package func read(into target: UnsafeMutableRawPointer) throws(CheckpointError) {
        try file.read(range, into: target)
    }

    /// Gives pages back once their values have been copied out: the first `byteCount` bytes.
    package func discard(first byteCount: Int) {
        file.discard(range.lowerBound..<range.lowerBound + min(byteCount, range.count))
    }
}
