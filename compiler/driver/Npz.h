// NumPy's .npz files: zip archives of .npy files.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_NPZ_H
#define HONE_COMPILER_DRIVER_NPZ_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace hone {

/// Whether `bytes` begin as a zip archive does.
bool isNpz(llvm::StringRef bytes);

/// The .npy file of the array `name` in the archive, or of its only array, whatever that is called. Errors, to stand
/// behind the archive's name: no such array (the text lists those there are); not a zip archive, or a damaged one; a
/// method other than those of numpy.savez and numpy.savez_compressed.
llvm::Expected<std::string> readNpz(llvm::StringRef archive, llvm::StringRef name);

} // namespace hone

#endif
