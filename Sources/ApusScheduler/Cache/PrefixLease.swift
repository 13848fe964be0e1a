/// One request's hold on a cached prefix: while it lasts, the nodes from `node` to the root stay in the tree.
///
/// It cannot be copied, and only `RadixTree` opens, extends and closes it; a closed lease holds nothing.
struct PrefixLease: ~Copyable {
    /// The node in which the prefix ends; nil when closed, or when nothing is cached at all.
    var node: RadixTree.Node?
    /// Tokens of the prefix, whole pages.
    var length = 0

    init() {}
}
