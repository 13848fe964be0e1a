// The slow paths of Swift's Mutex, told to ThreadSanitizer. The fast paths are inlined into our code, where atomic
// operations are seen; these lie in a library that was built without it, so that a lock which had to wait would look
// like no lock at all. Each wrapper stands in front of the library's function of the same (mangled) name.
#define _GNU_SOURCE 1

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <dlfcn.h>
#include <stdint.h>

// ThreadSanitizer's own (sanitizer/tsan_interface.h), which the toolchain ships without its header.
void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define SELF __attribute__((swift_context)) void *self

/// Synchronization._MutexHandle._lockSlow(UInt32)
__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF)
    __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");

/// Synchronization._MutexHandle._unlockSlow()
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    typedef __attribute__((swiftcall)) void function(uint32_t, SELF);
    function *next = (function *)dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
    next(thread, self);
    __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
    typedef __attribute__((swiftcall)) void function(SELF);
    function *next = (function *)dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
    __tsan_release(self);
    next(self);
}
#endif
#endif
