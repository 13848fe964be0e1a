indirect enum Expression: Sendable {
    case literal(Value)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case subscripted(Expression, Expression)
    case slice(Expression, from: Expression?, to: Expression?, step: Expression?)
    case call(Expression, CallArguments)
    /// The subject is nil at the head of a filter block.
    case filter(Expression?, name: String, CallArguments)
    case test(Expression, name: String, CallArguments)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    /// `a < b < c`: each operand is evaluated once.
    case comparison(Expression, [Comparand])
    case and(Expression, Expression)
    case or(Expression, Expression)
    case conditional(test: Expression, then: Expression, otherwise: Expression?)
}

/// What a comparison goes on with.
struct Comparand: Sendable {
    var relation: ComparisonOperator
    var operand: Expression
}

struct CallArguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    /// `*items`
    var spread: Expression?
    /// `**mapping`
    var namedSpread: Expression?
}

enum UnaryOperator: Sendable {
    case not
    case minus
    case plus
}

enum BinaryOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
    case concatenate = "~"
}

enum ComparisonOperator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

indirect enum Statement: Sendable {
    case text(String)
    case output(Expression)
    case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
    case loop(Loop)
    case set([AssignmentTarget], Expression)
    /// `{% set x %} … {% endset %}`, with filters applied to what was rendered.
    case setBlock(AssignmentTarget, filters: Expression?, body: [Statement])
    case macro(MacroDefinition)
    /// `{% call(a) f(b) %} … {% endcall %}`
    case callBlock(caller: MacroDefinition, call: Expression)
    case filterBlock(Expression, body: [Statement])
    case with([(target: AssignmentTarget, value: Expression)], body: [Statement])
    /// A body rendered in place: `{% generation %}`, which marks the assistant's tokens for training.
    case group([Statement])
    case breakLoop
    case continueLoop
}

struct Loop: Sendable {
    var target: AssignmentTarget
    var iterable: Expression
    var condition: Expression?
    var isRecursive: Bool
    var body: [Statement]
    var otherwise: [Statement]
}

enum AssignmentTarget: Sendable {
    case name(String)
    case tuple([AssignmentTarget])
    /// `ns.field`, for a namespace only.
    case attribute(String, String)
}

struct MacroDefinition: Sendable {
    var name: String
    var parameters: [(name: String, fallback: Expression?)]
    var body: [Statement]
}
