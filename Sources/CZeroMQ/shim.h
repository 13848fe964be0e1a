#include <zmq.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/// A descriptor that becomes readable when the process ends; -1 with errno. Swift cannot call the variadic syscall(),
/// and this is here rather than in a C target of its own because it is polled together with ZeroMQ sockets.
static inline int apus_pidfd_open(pid_t process) {
#if defined(SYS_pidfd_open)
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    return (int)syscall(434, process, 0);
#endif
}
#endif
