/// `json.dumps(value, ensure_ascii=False)`: what clients of Python servers see where JSON is carried as text.
package func pythonJSON(_ value: Value) throws -> String {
    try JSONText(indent: nil).text(of: value)
}
