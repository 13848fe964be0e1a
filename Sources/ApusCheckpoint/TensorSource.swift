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

    /// Gives the pages back once the values have been copied out.
    package func discard() {
        file.discard(range)
    }
}
