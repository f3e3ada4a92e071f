// The C header of a compiled model.
//
// NAME.h lets a program call a model by names that the C compiler checks.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_HEADER_H
#define HONE_COMPILER_EMIT_HEADER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

/// An input or output as the header describes it.
struct HeaderValue {
  std::string name;              ///< as in the model file, any bytes
  int32_t dtype = 0;             ///< ONNX's TensorProto.DataType
  std::vector<std::string> dims; ///< "128", or the symbol of a dim that is not fixed
};

struct HeaderEntry {
  std::string name;
  std::vector<HeaderValue> inputs, outputs;
};

/// The text of `<name>.h`, plain C99 and C++: declares `<name>_library`, the number of each entry, and for each of its
/// inputs and outputs the position that hone_run() expects it at; of the first entry without its name. `name` is an
/// identifier.
std::string makeHeader(llvm::StringRef name, llvm::ArrayRef<HeaderEntry> entries);

} // namespace hone

#endif
