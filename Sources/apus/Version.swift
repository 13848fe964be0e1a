/// The release, also shown by `/get_server_info`.
enum Version {
    static let text = "0.1.0"
}
