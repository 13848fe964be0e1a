// What the processor can do and the operating system lets us use.
// For syscall(2).
#define _DEFAULT_SOURCE 1
#include "tables.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// Register state that the operating system saves: XCR0.
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/// Tile data is 8 KiB a thread, so Linux gives it only on request, for the process and all threads started later.
static bool tiles_permitted(void) {
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

static bool bit(uint32_t word, int index) { return word >> index & 1; }

static apus_cpu detect(void) {
    apus_cpu cpu = {0};
    uint32_t a, b, c, d, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return cpu;
    bool fma = bit(c, 12), osxsave = bit(c, 27), f16c = bit(c, 29);
    if (!osxsave || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return cpu;
    uint32_t subleaves = a;
    const uint64_t ymm = 0x6, zmm = 0xe6, tiles = 0x60000;
    uint64_t saved = saved_state();
    cpu.avx2 = (saved & ymm) == ymm && fma && f16c && bit(b7, 5);
    cpu.avx512 = cpu.avx2 && (saved & zmm) == zmm && bit(b7, 16) && bit(b7, 17) && bit(b7, 30) && bit(b7, 31);
    cpu.avx512vnni = cpu.avx512 && bit(c7, 11);
    bool amx = bit(d7, 22) && bit(d7, 24) && bit(d7, 25);
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) cpu.avx512bf16 = cpu.avx512vnni && bit(a, 5);
    cpu.amx = cpu.avx512bf16 && amx && (saved & tiles) == tiles && tiles_permitted();
    return cpu;
}
#else
static apus_cpu detect(void) {
    apus_cpu cpu = {0};
#if defined(__aarch64__)
    cpu.neon = true;
#endif
    return cpu;
}
#endif

apus_cpu apus_cpu_features(void) {
    // Detecting twice at the same time would be harmless: both would find the same.
    static apus_cpu cpu;
    static _Atomic bool known;
    if (!known) {
        cpu = detect();
        known = true;
    }
    return cpu;
}
