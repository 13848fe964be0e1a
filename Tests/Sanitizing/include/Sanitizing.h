// What stands in for jemalloc under a sanitizer, which brings an allocator of its own.
#include <stddef.h>

/// Knows no name: ENOENT, as jemalloc answers for what it doesn't have.
int mallctl(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size);
