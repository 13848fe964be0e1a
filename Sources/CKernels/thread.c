// GNU calls that Swift's Glibc module does not show.
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>

#include "CKernels.h"

void apus_thread_name(const char *name) {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#else
    pthread_setname_np(name);
#endif
}

#if defined(__linux__)
static cpu_set_t unbound;
static bool is_unbound_known;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void keep_unbound(void) { is_unbound_known = sched_getaffinity(0, sizeof(unbound), &unbound) == 0; }
#endif

bool apus_thread_pin(int core) {
#if defined(__linux__)
    if (core < 0 || core >= CPU_SETSIZE) return false;
    pthread_once(&once, keep_unbound);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
#else
    (void)core;
    return false;
#endif
}

void apus_thread_release(void) {
#if defined(__linux__)
    // Before any was pinned, this remembers the same set.
    pthread_once(&once, keep_unbound);
    if (is_unbound_known) sched_setaffinity(0, sizeof(unbound), &unbound);
#endif
}
