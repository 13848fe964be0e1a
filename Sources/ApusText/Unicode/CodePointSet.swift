import ApusRegex

/// A set of code points that answers in two loads: pages of 256 bits, equal pages stored once.
struct CodePointSet: Sendable {
    private let pageOfBlock: [UInt16]
    private let pages: [UInt64]

    init(_ source: CodePointRanges) {
        let (emptyPage, fullPage): (UInt16, UInt16) = (0, 1)
        var pageOfBlock = [UInt16](repeating: emptyPage, count: Int(CodePointRanges.end) >> 8)
        var pages: [UInt64] = Array(repeating: 0, count: 4) + Array(repeating: .max, count: 4)
        var known: [[UInt64]: UInt16] = [:]
        // The page under construction: only blocks that a range begins or ends in need one.
        var (block, page): (Int, [UInt64]) = (0, [0, 0, 0, 0])
        func close() {
            guard page != [0, 0, 0, 0] else { return }
            if let number = known[page] {
                pageOfBlock[block] = number
            } else {
                pageOfBlock[block] = UInt16(pages.count / 4)
                known[page] = pageOfBlock[block]
                pages += page
            }
            page = [0, 0, 0, 0]
        }
        for range in source.ranges {
            var code = range.lowerBound
            while code < range.upperBound {
                if Int(code >> 8) != block {
                    close()
                    block = Int(code >> 8)
                }
                if code & 255 == 0, range.upperBound - code >= 256 {
                    pageOfBlock[block] = fullPage
                    code += 256
                } else {
                    page[Int(code & 255) >> 6] |= 1 << UInt64(code & 63)
                    code += 1
                }
            }
        }
        close()
        self.pageOfBlock = pageOfBlock
        self.pages = pages
    }

    /// `code` must be below 0x110000.
    @inline(__always)
    func contains(_ code: UInt32) -> Bool {
        let page = Int(pageOfBlock[Int(code >> 8)])
        return pages[page << 2 | Int(code & 255) >> 6] >> UInt64(code & 63) & 1 != 0
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool { contains(scalar.value) }
}
