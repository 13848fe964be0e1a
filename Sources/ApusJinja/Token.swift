/// A piece of a template.
enum Token: Hashable {
    case data(String)
    case blockBegin
    case blockEnd
    case variableBegin
    case variableEnd
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    /// Punctuation and operators.
    case symbol(String)
    case end
}

struct PlacedToken {
    var token: Token
    /// Counted from 1.
    var line: Int
}
