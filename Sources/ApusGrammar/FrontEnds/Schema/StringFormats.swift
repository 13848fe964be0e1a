import ApusJSON
import ApusRegex

/// `format`: what can be held to is, what says nothing about JSON text is passed over, the rest is refused.
enum StringFormats {
    /// Formats of strings as patterns of the whole string: RFC 3339, RFC 4122, RFC 5321, RFC 3986, RFC 4291, RFC 1123.
    private static let patterns: [String: String] = [
        "date": date, "time": time, "date-time": "(?:\(date))T(?:\(time))",
        "duration": #"P(?:\d{1,9}W|(?:\d{1,9}Y(?:\d{1,9}M(?:\d{1,9}D)?)?|\d{1,9}M(?:\d{1,9}D)?|\d{1,9}D)"#
            + #"(?:T\#(clock))?|T\#(clock))"#,
        "uuid": #"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"#,
        "email": #"\#(atom)(?:\.\#(atom)){0,3}@\#(label)(?:\.\#(label)){1,3}"#,
        "hostname": #"\#(label)(?:\.\#(label)){0,3}"#,
        "ipv4": ipv4, "ipv6": ipv6,
        "uri": #"[A-Za-z][A-Za-z0-9+.\-]{0,30}:(?://\#(authority)(?:/\#(segment)*)*|\#(segment)+(?:/\#(segment)*)*)"#
            + #"(?:\?(?:\#(segment)|[/?])*)?(?:#(?:\#(segment)|[/?])*)?"#,
    ]

    private static let atom = #"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]{1,15}"#
    private static let label = #"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,40}[A-Za-z0-9])?"#
    private static let octet = #"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"#
    private static let ipv4 = #"\#(octet)(?:\.\#(octet)){3}"#
    private static let segment = #"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"#
    private static let authority =
        #"(?:[A-Za-z0-9\-._~!$&'()*+,;=]{1,64}@)?\#(label)(?:\.\#(label)){0,3}(?::[0-9]{1,4})?"#

    private static let clock = #"(?:\d{1,9}H(?:\d{1,9}M(?:\d{1,9}S)?)?|\d{1,9}M(?:\d{1,9}S)?|\d{1,9}S)"#

    private static let time =
        #"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"#

    /// The 29th of February in leap years only; years from 1000 on.
    private static let date: String = {
        let leap =
            "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)"
        return "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
            + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|\(leap)-02-29)"
    }()

    /// Eight groups, or fewer with one gap.
    private static let ipv6: String = {
        let group = "[0-9A-Fa-f]{1,4}"
        var forms = ["(?:\(group):){7}\(group)", "(?:\(group):){1,7}:", ":(?::\(group)){1,7}", "::"]
        for before in 1...6 { forms.append("(?:\(group):){\(before)}(?::\(group)){1,\(7 - before)}") }
        forms.append("::(?:[fF]{4}:)?\(ipv4)")
        return "(?:\(forms.joined(separator: "|")))"
    }()

    /// Formats of numbers, and hints for programs that show or store values.
    private static let hints: Set<String> = ["float", "double", "password", "decimal"]
    /// Eighteen digits are as many as the grammar writes.
    private static let widths: [String: ClosedRange<Int64>] = [
        "int32": -2_147_483_648...2_147_483_647, "uint32": 0...4_294_967_295,
        "int64": -999_999_999_999_999_999...999_999_999_999_999_999, "uint64": 0...999_999_999_999_999_999,
    ]

    static func apply(_ name: String, at place: String, to shape: inout SchemaShape, _ limit: CompilationLimit)
        throws(GrammarError)
    {
        if let pattern = patterns[name] {
            shape.string.required.append(try StringPattern(whole: pattern, limit))
        } else if let range = widths[name], let low = DecimalNumber(.integer(range.lowerBound)),
            let high = DecimalNumber(.integer(range.upperBound))
        {
            shape.number.raise(to: .init(value: low, isExclusive: false))
            shape.number.reduce(to: .init(value: high, isExclusive: false))
        } else if !hints.contains(name) {
            throw .invalid("unsupported format '\(name)' at \(place)")
        }
    }
}
