// --dim, --shape and --entry: dynamic dims of a model's inputs get a fixed size before the import.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_PINDIMS_H
#define HONE_COMPILER_DRIVER_PINDIMS_H

#include "frontends/onnx/Import.h"
#include "llvm/ADT/ArrayRef.h"

namespace hone {

/// Splits "NAME=VALUE" at the last '=', because names of the model may hold others. Error: no '=', or one side empty.
llvm::Expected<std::pair<std::string, std::string>> splitAssignment(llvm::StringRef option, llvm::StringRef text);

/// Pins dims in all types of `model`. `dims`: "SYMBOL=N"; `shapes`: "INPUT=1x?x128xi64", where the element type may be
/// left out. A pinned dim that has a symbol is pinned wherever the symbol stands. Returns copies of the model with more
/// dims pinned, for `entries`: "NAME:SYMBOL=N,SYMBOL=N". Errors: malformed text; an input, symbol, rank or type that
/// the model does not have (the text lists what it has); a size other than the one that the model, or another option,
/// fixes; an entry that there is already.
llvm::Expected<std::vector<OnnxEntry>> pinDims(OnnxModel &model, llvm::ArrayRef<std::string> dims,
                                               llvm::ArrayRef<std::string> shapes, llvm::ArrayRef<std::string> entries);

} // namespace hone

#endif
