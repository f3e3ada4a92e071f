// Tensors in files of their own, by way of protobuf.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OnnxLibraryConvert.h"
#include "frontends/onnx/TensorProto.h"
#include <climits>

using namespace hone;

/// What is wrong with `bytes`, or "".
static std::string parse(llvm::StringRef bytes, OnnxTensor &result) noexcept {
  try {
    onnx::TensorProto proto;
    if (bytes.size() > INT_MAX || !proto.ParseFromArray(bytes.data(), int(bytes.size())) || !proto.has_data_type())
      return "is no TensorProto";
    if (proto.data_location() == onnx::TensorProto::EXTERNAL)
      return "keeps its data in another file, which is only read for tensors of a model";
    return convertTensor(proto, result);
  } catch (const std::exception &exception) {
    return std::string("cannot be read: ") + exception.what();
  }
}

llvm::Expected<OnnxTensor> hone::parseTensorProto(llvm::StringRef bytes) {
  OnnxTensor tensor;
  if (std::string error = parse(bytes, tensor); !error.empty())
    return llvm::createStringError(error);
  return tensor;
}
