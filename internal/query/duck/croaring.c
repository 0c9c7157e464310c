// CRoaring is compiled into this package; cgo compiles only what lies beside the Go files.
#include "croaring/roaring.c"
