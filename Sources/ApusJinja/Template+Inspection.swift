extension Template {
    /// Some loop goes over an attribute, item or variable of this name: the template takes it apart itself.
    package func iterates(over name: String) -> Bool {
        Self.iterates(statements, over: name)
    }

    private static func iterates(_ statements: [Statement], over name: String) -> Bool {
        statements.contains { statement in
            switch statement {
            case .loop(let loop):
                names(loop.iterable, name) || iterates(loop.body, over: name) || iterates(loop.otherwise, over: name)
            case .conditional(let branches, let otherwise):
                branches.contains { iterates($0.body, over: name) } || iterates(otherwise, over: name)
            case .setBlock(_, _, let body), .filterBlock(_, let body), .with(_, let body), .group(let body):
                iterates(body, over: name)
            case .macro(let definition), .callBlock(let definition, _):
                iterates(definition.body, over: name)
            case .text, .output, .set, .breakLoop, .continueLoop: false
            }
        }
    }

    private static func names(_ expression: Expression, _ name: String) -> Bool {
        switch expression {
        case .name(let found), .attribute(_, let found): found == name
        case .subscripted(_, .literal(.string(let found))): found == name
        case .filter(let subject?, _, _): names(subject, name)
        default: false
        }
    }
}
