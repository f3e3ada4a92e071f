// Weights go from the model's files to the artefact in the order of their places; what they are made of is evaluated by
// the dialect. A stage file may say anything about places.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Weights.h"
#include "dialects/hone/Weights.h"

using namespace mlir;
using namespace hone;

static llvm::Error padTo(WeightSink &sink, uint64_t offset) {
  static const char zeros[4096] = {};
  while (sink.position() < offset)
    if (llvm::Error error = sink.write(zeros, std::min<uint64_t>(sizeof zeros, offset - sink.position())))
      return error;
  return llvm::Error::success();
}

/// The weights that have a place, in the order of places. Empty ones come before what begins where they are.
static std::vector<std::pair<uint64_t, WeightOp>> placedWeights(ModuleOp module) {
  std::vector<std::pair<uint64_t, WeightOp>> placed;
  for (auto weight : module.getOps<WeightOp>())
    if (auto offset = weight->getAttrOfType<IntegerAttr>(kOffsetAttr))
      placed.emplace_back(offset.getInt(), weight);
  auto key = [](const std::pair<uint64_t, WeightOp> &each) {
    return std::pair(each.first, cast<RankedTensorType>(WeightOp(each.second).getType()).getNumElements() != 0);
  };
  llvm::stable_sort(placed, [&](const auto &a, const auto &b) { return key(a) < key(b); });
  return placed;
}

llvm::Expected<uint64_t> hone::weightBytesOf(ModuleOp module) {
  auto bytes = module->getAttrOfType<IntegerAttr>(kWeightBytesAttr);
  if (!bytes || bytes.getInt() < 0)
    return llvm::createStringError("the module does not say how many bytes its weights take (hone.weight_bytes)");
  return bytes.getInt();
}

llvm::Error hone::writeWeights(ModuleOp module, WeightFiles &files, WeightSink &sink) {
  llvm::Expected<uint64_t> totalBytes = weightBytesOf(module);
  if (!totalBytes)
    return totalBytes.takeError();
  SymbolTable symbols(module);
  WeightReader reader(symbols, files);
  for (auto [offset, weight] : placedWeights(module)) {
    if (offset < sink.position() || offset > *totalBytes)
      return llvm::createStringError("weight '" + weight.getSymName() + "': cannot be placed at offset " +
                                     Twine(offset) + ": it overlaps another weight");
    if (llvm::Error error = padTo(sink, offset))
      return error;
    if (llvm::Error error =
            reader.stream(weight, [&](StringRef window) { return sink.write(window.data(), window.size()); }))
      return error;
  }
  if (llvm::Error error = padTo(sink, *totalBytes))
    return error;
  return files.unchanged();
}
