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

namespace {
struct PlacedWeight {
  uint64_t offset, bytes;
  WeightOp weight;
};
} // namespace

/// The weights that have a place, in the order of places. Empty ones come before what begins where they are.
static std::vector<PlacedWeight> placedWeights(ModuleOp module) {
  std::vector<PlacedWeight> placed;
  for (auto weight : module.getOps<WeightOp>()) {
    auto offset = weight->getAttrOfType<IntegerAttr>(kOffsetAttr);
    if (!offset)
      continue; // it is only read by recipes
    auto type = cast<RankedTensorType>(weight.getType());
    placed.push_back({uint64_t(offset.getInt()), uint64_t(storageBytes(type, type.getNumElements())), weight});
  }
  auto key = [](const PlacedWeight &each) { return std::pair(each.offset, each.bytes != 0); };
  llvm::stable_sort(placed, [&](const auto &a, const auto &b) { return key(a) < key(b); });
  return placed;
}

/// Whether `placed` lie in `totalBytes` as hone-plan-memory lays them out: one behind the other, no page between two
/// of them free, nothing behind the last. Where one lost its place, the code would read what was never written.
static llvm::Error checkPlaces(ArrayRef<PlacedWeight> placed, uint64_t totalBytes) {
  uint64_t end = 0;
  auto misplaced = [](WeightOp weight, uint64_t offset, const Twine &what) {
    return llvm::createStringError("weight '" + weight.getSymName() + "': cannot be placed at offset " + Twine(offset) +
                                   " (" + kOffsetAttr + "): " + what);
  };
  for (const PlacedWeight &each : placed) {
    if (each.offset < end)
      return misplaced(each.weight, each.offset, "it overlaps another weight");
    if (each.offset - end >= uint64_t(kWeightPage))
      return misplaced(each.weight, each.offset, "the bytes from " + Twine(end) + " on belong to no weight");
    if (each.offset > totalBytes || each.bytes > totalBytes - each.offset)
      return misplaced(each.weight, each.offset,
                       "it ends behind the " + Twine(totalBytes) + " bytes of all weights (" + kWeightBytesAttr + ")");
    end = each.offset + each.bytes;
  }
  if (end != totalBytes)
    return llvm::createStringError(kWeightBytesAttr + " is " + Twine(totalBytes) + ", but the weights that have an " +
                                   kOffsetAttr + " end at " + Twine(end));
  return llvm::Error::success();
}

llvm::Expected<uint64_t> hone::weightBytesOf(ModuleOp module) {
  auto bytes = module->getAttrOfType<IntegerAttr>(kWeightBytesAttr);
  if (!bytes || bytes.getInt() < 0)
    return llvm::createStringError("the module does not say how many bytes its weights take (hone.weight_bytes)");
  if (llvm::Error error = checkPlaces(placedWeights(module), bytes.getInt()))
    return error;
  return bytes.getInt();
}

llvm::Error hone::writeWeights(ModuleOp module, WeightFiles &files, WeightSink &sink,
                               llvm::function_ref<void(uint64_t)> report) {
  if (llvm::Expected<uint64_t> totalBytes = weightBytesOf(module); !totalBytes)
    return totalBytes.takeError();
  SymbolTable symbols(module);
  WeightReader reader(symbols, files);
  for (const PlacedWeight &each : placedWeights(module)) {
    if (llvm::Error error = padTo(sink, each.offset))
      return error;
    auto write = [&](StringRef window) {
      llvm::Error error = sink.write(window.data(), window.size());
      if (report)
        report(sink.position());
      return error;
    };
    if (llvm::Error error = reader.stream(each.weight, write))
      return error;
  }
  return files.unchanged();
}
