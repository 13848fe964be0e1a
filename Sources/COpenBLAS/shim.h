// OpenBLAS is the independent judge of our float32 products in tests; it serves no request.
#ifndef APUS_COPENBLAS_SHIM_H
#define APUS_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
