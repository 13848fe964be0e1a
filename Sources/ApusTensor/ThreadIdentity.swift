import CKernels

/// The name and the core of the calling thread.
package enum ThreadIdentity {
    /// Shown by `top -H` and debuggers; cut to the 15 bytes that Linux keeps.
    package static func name(_ name: String) {
        apus_thread_name(String(decoding: name.utf8.prefix(15), as: UTF8.self))
    }

    /// Keeps the calling thread on one core; false when the process may not use that core, and the thread stays free.
    @discardableResult
    package static func pin(to core: Int) -> Bool {
        apus_thread_pin(Int32(core))
    }

    /// Frees the calling thread from the core of the thread that made it.
    package static func release() { apus_thread_release() }
}
