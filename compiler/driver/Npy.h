// NumPy's .npy files.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_NPY_H
#define HONE_COMPILER_DRIVER_NPY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

/// A tensor in host memory: contiguous, row-major, little-endian.
struct HostTensor {
  int32_t dtype = 0; ///< the number of ONNX's TensorProto.DataType
  std::vector<int64_t> dims;
  std::vector<char> bytes;
};

/// Bytes of one element; 0 for a type that is not supported.
unsigned elementBytes(int32_t dtype);

/// Whether `bytes` begin as a .npy file does.
bool isNpy(llvm::StringRef bytes);

/// Reads the .npy file that `bytes` are. Fortran order and big-endian elements become what a
/// HostTensor has. Errors, to stand behind the file's name: not of version 1 to 3; an element type that ONNX or the
/// format does not have; a size that does not fit the shape.
llvm::Expected<HostTensor> parseNpy(llvm::StringRef bytes);

/// Writes `bytes` as the file `path`, which appears when it is complete.
llvm::Error writeNpy(llvm::StringRef path, int32_t dtype, llvm::ArrayRef<int64_t> dims, llvm::StringRef bytes);

} // namespace hone

#endif
