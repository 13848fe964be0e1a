import Testing

@testable import ApusText

@Suite struct NormalizationTests {
    @Test(arguments: [
        (NormalizationForm.nfc, "e\u{301}", "\u{E9}"), (.nfd, "\u{E9}", "e\u{301}"),
        (.nfc, "\u{1100}\u{1161}\u{11A8}", "\u{AC01}"),
        (.nfd, "\u{AC01}", "\u{1100}\u{1161}\u{11A8}"), (.nfkc, "ﬁ①Ａ", "fi1A"), (.nfkd, "ﬁé", "fie\u{301}"),
        (.nfc, "a\u{315}\u{300}\u{5AE}\u{300}b", "\u{E0}\u{5AE}\u{300}\u{315}b"), (.nfc, "\u{212B}", "\u{C5}"),
        (.nfc, "\u{958}", "\u{915}\u{93C}"), (.nfc, "plain", "plain"), (.nfd, "", ""),
    ])
    func normalizes(_ form: NormalizationForm, _ text: String, _ expected: String) {
        var bytes = Array(text.utf8)
        form.normalize(&bytes)
        #expect(bytes == Array(expected.utf8))
    }
}
