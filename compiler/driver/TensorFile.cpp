// Which format a file has.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/TensorFile.h"
#include "compiler/driver/Npz.h"
#include "frontends/onnx/TensorProto.h"
#include "support/FileView.h"

using namespace hone;
using llvm::StringRef;

static llvm::Expected<HostTensor> parseProto(StringRef bytes) {
  llvm::Expected<OnnxTensor> proto = parseTensorProto(bytes);
  if (!proto)
    return proto.takeError();
  int32_t dtype = int32_t(proto->type);
  if (!elementBytes(dtype))
    return llvm::createStringError(llvm::Twine("has elements of type ") + toString(proto->type) +
                                   ", which hone run does not take");
  return HostTensor{dtype, std::move(proto->dims), {proto->bytes.begin(), proto->bytes.end()}};
}

static llvm::Expected<HostTensor> parseTensor(StringRef bytes, StringRef path, StringRef name) {
  if (isNpy(bytes))
    return parseNpy(bytes);
  if (isNpz(bytes)) {
    llvm::Expected<std::string> npy = readNpz(bytes, name);
    return npy ? parseNpy(*npy) : npy.takeError();
  }
  if (path.ends_with(".pb"))
    return parseProto(bytes);
  return llvm::createStringError("is no .npy, .npz or .pb file");
}

llvm::Expected<HostTensor> hone::readTensor(StringRef path, StringRef name) {
  llvm::Expected<FileView> file = FileView::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<HostTensor> tensor = parseTensor(file->bytes(), path, name);
  if (!tensor)
    return llvm::createStringError("'" + path + "' " + toString(tensor.takeError()));
  return tensor;
}
