// Copies a serialized ModelProto without its weights, and checks its structure on the way.
//
// Protobuf copies every byte it parses, refuses files of 2 GiB and more, and believes what it reads. So libonnx gets a
// few kilobytes instead: each payload above a threshold is replaced by an external-data marker that says where in the
// file it lies, which makes weights inside the model and in other files one case from there on.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_STRIP_H
#define HONE_FRONTENDS_ONNX_STRIP_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

/// A payload taken out of a TensorProto.
struct OnnxPayload {
  uint64_t offset; ///< bytes from the start of the file
  uint64_t length; ///< bytes
  uint32_t field;  ///< of TensorProto: 9 raw_data, or packed 4 float_data, 10 double_data (both little-endian arrays)
};

struct StrippedModel {
  std::string bytes;                 ///< the ModelProto that is left
  std::vector<OnnxPayload> payloads; ///< by rising offset
};

/// The location of a stripped tensor's "external" data. libonnx's checker leaves paths that begin with '#' alone.
constexpr llvm::StringLiteral kOnnxSelfLocation = "#self";

/// Strips the serialized ModelProto `file` of payloads above `threshold` bytes (at least 256: what stands for a payload
/// must be shorter). The error says what is wrong at which
/// byte: not the wire format, a length beyond its message, more than 100 levels, 8 million fields or 1 GiB apart from
/// payloads, or two payloads in one tensor.
llvm::Expected<StrippedModel> stripModel(llvm::StringRef file, uint64_t threshold);

} // namespace hone

#endif
