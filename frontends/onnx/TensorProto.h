// A tensor in a file of its own, as in the standard's test data (input_0.pb).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_TENSORPROTO_H
#define HONE_FRONTENDS_ONNX_TENSORPROTO_H

#include "frontends/onnx/Model.h"

namespace hone {

/// Reads the serialized TensorProto that `bytes` are; the result holds its elements (`file` is -1). Errors, to stand
/// behind the file's name: no TensorProto; dims, type and data that do not fit together; data kept in another file.
llvm::Expected<OnnxTensor> parseTensorProto(llvm::StringRef bytes);

} // namespace hone

#endif
