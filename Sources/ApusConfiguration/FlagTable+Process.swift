extension FlagTable {
    static let processFlags: [Flag] = [
        Flag(
            "config", .text, section: .process,
            "YAML file whose keys are flag names; environment and command line go before it."),
        Flag(
            "runtime-dir", .text, section: .process,
            "Folder of the sockets between the roles, mode 0700. Default: $RUNTIME_DIRECTORY, else under $XDG_RUNTIME_DIR."
        ),
    ]
}
