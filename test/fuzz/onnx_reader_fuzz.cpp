// libFuzzer target: any byte string read as an ONNX model, binary or text, gives a model or errors, and every node of a
// model can be asked for its definition. Without a corpus it starts from the models of the unit tests.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/unit/onnx/Seeds.h"
#include <cstdlib>

using namespace hone;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned random) {
  static const std::string seeds[] = {richModel(), richText};
  const std::string &seed = seeds[random % 2];
  if (size < 16 && seed.size() <= maxSize) {
    std::memcpy(data, seed.data(), seed.size());
    return seed.size();
  }
  return LLVMFuzzerMutate(data, size, maxSize);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // No external data can lie beside a file in a folder that does not exist.
  ReadResult read = readBytes(llvm::StringRef(reinterpret_cast<const char *>(data), size), "/nowhere/model.onnx");
  if (!read.errors().empty())
    return 0;
  for (const OnnxTensor &tensor : read.model.graph.initializers)
    if (tensor.file >= 0 ? tensor.offset > size || tensor.length > size - tensor.offset
                         : tensor.bytes.size() != tensor.length)
      abort();
  for (const OnnxNode &node : read.model.graph.nodes) {
    if (node.function >= 0)
      expandFunction(read.model.functions[node.function], node);
    else
      expandStandardFunction(node, std::vector<OnnxValueType>(node.inputs.size()));
  }
  return 0;
}
