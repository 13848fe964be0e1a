#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `Tests/sanitize` runs the suite: malloc is the sanitizer's then, and not jemalloc's.
package let isSanitizing = getenv("APUS_SANITIZING") != nil
