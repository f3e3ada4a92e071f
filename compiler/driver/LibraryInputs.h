// What a library is run on: tensors from files, or made up.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_LIBRARYINPUTS_H
#define HONE_COMPILER_DRIVER_LIBRARYINPUTS_H

#include "compiler/driver/Console.h"
#include "compiler/driver/LoadedLibrary.h"
#include "compiler/driver/Npy.h"
#include "compiler/driver/Options.h"

namespace hone {

/// Which entry of a library is run, with one tensor for each of its inputs, in order.
struct LibraryInputs {
  int32_t entry = 0;
  std::vector<HostTensor> values;
  std::vector<hone_value> arguments; ///< of a run: `values`
};

/// Finds the entry of --entry, reads the files of --input, and makes up the other inputs if `makesUp`: floats in [-1,
/// 1), integers 0 and 1, of the sizes that --dim and the other inputs give to their dims, or else 1. Errors are
/// printed.
ExitCode readLibraryInputs(const Options &options, const LoadedLibrary &library, bool makesUp, LibraryInputs &inputs,
                           Console &console);

} // namespace hone

#endif
