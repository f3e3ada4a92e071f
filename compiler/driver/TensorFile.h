// Tensors that `hone run` reads from files.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_TENSORFILE_H
#define HONE_COMPILER_DRIVER_TENSORFILE_H

#include "compiler/driver/Npy.h"

namespace hone {

/// Reads `path`: a .npy file; of an .npz file, the array `name` or the only one; or a serialized TensorProto (.pb). The
/// first two are known by how they begin. Every error names the file.
llvm::Expected<HostTensor> readTensor(llvm::StringRef path, llvm::StringRef name);

} // namespace hone

#endif
