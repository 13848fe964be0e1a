// Memory that products will need next, fetched into the second-level cache between two tile operations.
//
// A tile operation takes 16 cycles, a line from beyond that cache hundreds: sixteen lines loaded where they are needed stall
// the unit, and all at once would stall the loads in front of it. So each step of a product fetches a few.
#ifndef APUS_AHEAD_H
#define APUS_AHEAD_H

#include <stddef.h>

enum { CACHE_LINE = 64 };

/// Pieces of memory a stride apart, of which `pace` lines are fetched in each step.
typedef struct ahead {
    const char *at;
    size_t left, pieces;
    size_t piece_lines, jump, pace;
} ahead;

/// What `steps` steps are to fetch; bytes are whole lines.
static inline void ahead_begin(ahead *a, const void *first, size_t piece_bytes, size_t pieces, size_t stride,
                               size_t steps) {
    a->at = first;
    a->piece_lines = a->left = piece_bytes / CACHE_LINE;
    a->pieces = piece_bytes > 0 ? pieces : 0;
    a->jump = pieces > 1 ? stride - piece_bytes : 0;
    a->pace = steps > 0 ? (pieces * a->piece_lines + steps - 1) / steps : 0;
}

static inline void ahead_step(ahead *a) {
    for (size_t i = 0; a->pieces > 0 && i < a->pace; i++) {
        __builtin_prefetch(a->at, 0, 2);
        a->at += CACHE_LINE;
        if (--a->left == 0) {
            a->left = a->piece_lines;
            if (--a->pieces > 0) a->at += a->jump;
        }
    }
}

#endif
