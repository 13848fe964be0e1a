// Two GNU calls that Swift's Glibc module does not show.
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

bool apus_thread_pin(int core) {
#if defined(__linux__)
    if (core < 0 || core >= CPU_SETSIZE) return false;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
#else
    (void)core;
    return false;
#endif
}
