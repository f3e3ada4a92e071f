// Weights go from the model's files to the artefact, one window at a time. A stage file may say anything about them, so
// nothing that a recipe says is believed.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Weights.h"
#include "compiler/codegen/cpu/Matmul.h"
#include "dialects/hone/Hone.h"
#include "mlir/IR/Threading.h"
#include "support/FileView.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

static constexpr uint64_t windowBytes = 32 << 20;
static constexpr unsigned maxRecipeDepth = 8;

namespace {
/// The elements of a weight: a view of a file, or bytes of our own.
struct Elements {
  StringRef bytes;
  std::string owned;
};

/// Columns of one source of a packed matrix.
struct PackSource {
  Elements elements;
  int64_t columns;
};

class WeightWriter {
public:
  using FileCheck = llvm::function_ref<llvm::Error(const FileView &)>;
  WeightWriter(ModuleOp module, WeightSink &sink, FileCheck check)
      : module(module), symbols(module), sink(sink), check(check) {}
  llvm::Error run(uint64_t totalBytes);

private:
  llvm::Error write(WeightOp weight, unsigned depth = 0);
  llvm::Error writeSource(WeightOp weight, unsigned depth);
  llvm::Error writePacked(WeightOp weight, PackAttr recipe);
  llvm::Error writeFile(WeightOp weight, FileAttr source);
  llvm::Expected<Elements> elementsOf(WeightOp weight);
  llvm::Expected<const FileView &> open(WeightOp weight, FileAttr source);
  llvm::Expected<WeightOp> lookup(WeightOp user, FlatSymbolRefAttr name);

  ModuleOp module;
  SymbolTable symbols;
  WeightSink &sink;
  FileCheck check;
  llvm::StringMap<FileView> files;
};
} // namespace

static llvm::Error weightError(WeightOp weight, const Twine &text) {
  return llvm::createStringError("weight '" + weight.getSymName() + "': " + text);
}

static RankedTensorType typeOf(WeightOp weight) { return cast<RankedTensorType>(weight.getType()); }

static uint64_t byteSize(RankedTensorType type) {
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// The elements of a dense attribute as they lie in memory: bools are bytes, splats are spelled out.
static std::string denseBytes(DenseElementsAttr dense) {
  std::string bytes;
  if (dense.getElementType().isInteger(1)) {
    for (bool element : dense.getValues<bool>())
      bytes += element ? '\1' : '\0';
    return bytes;
  }
  ArrayRef<char> raw = dense.getRawData();
  for (int64_t copies = dense.isSplat() ? dense.getNumElements() : 1; copies > 0; --copies)
    bytes.append(raw.begin(), raw.end());
  return bytes;
}

llvm::Expected<WeightOp> WeightWriter::lookup(WeightOp user, FlatSymbolRefAttr name) {
  if (auto weight = symbols.lookup<WeightOp>(name.getValue()))
    return weight;
  return weightError(user, "its recipe names '" + name.getValue() + "', which is no weight");
}

llvm::Expected<const FileView &> WeightWriter::open(WeightOp weight, FileAttr source) {
  auto found = files.find(source.getPath());
  if (found == files.end()) {
    llvm::Expected<FileView> view = FileView::open(source.getPath());
    if (!view)
      return view.takeError();
    if (llvm::Error error = check(*view))
      return error;
    found = files.try_emplace(source.getPath(), std::move(*view)).first;
  }
  const FileView &view = found->second;
  uint64_t offset = source.getOffset(), length = source.getLength();
  if (offset > view.size() || length > view.size() - offset)
    return weightError(weight, "needs bytes " + Twine(offset) + " to " + Twine(offset + length) + " of '" +
                                   source.getPath() + "', which has " + Twine(view.size()) +
                                   "; is it the file that was imported?");
  return view;
}

llvm::Expected<Elements> WeightWriter::elementsOf(WeightOp weight) {
  if (auto file = dyn_cast<FileAttr>(weight.getSource())) {
    llvm::Expected<const FileView &> view = open(weight, file);
    if (!view)
      return view.takeError();
    return Elements{view->bytes().substr(file.getOffset(), file.getLength()), {}};
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(weight.getSource()))
    return Elements{{}, denseBytes(dense)};
  return weightError(weight, "a recipe is no source of a packed matrix");
}

llvm::Error WeightWriter::writeFile(WeightOp weight, FileAttr source) {
  llvm::Expected<const FileView &> view = open(weight, source);
  if (!view)
    return view.takeError();
  uint64_t offset = source.getOffset(), end = offset + source.getLength();
  for (uint64_t size; offset < end; offset += size) {
    size = std::min(windowBytes, end - offset);
    if (llvm::Error error = sink.write(view->bytes().data() + offset, size))
      return error;
    view->drop(offset, size);
  }
  return llvm::Error::success();
}

/// Packs columns [first, first + panel) of the matrix [k, sum of the sources' columns] to `to`.
static void packPanel(const CpuTarget &target, ArrayRef<PackSource> sources, bool transposed, int64_t k, int64_t first,
                      float *to) {
  int64_t panel = matmulTiles(target).panelColumns(target), width = 0;
  std::vector<float> gathered; // only for a panel that takes columns of several sources
  for (const PackSource &source : sources) {
    if (first >= source.columns) {
      first -= source.columns;
      continue;
    }
    int64_t strideK = transposed ? 1 : source.columns, strideN = transposed ? k : 1;
    const char *from = source.elements.bytes.data() + first * strideN * sizeof(float);
    int64_t columns = std::min(panel - width, source.columns - first);
    if (width == 0 && (columns == panel || &source == &sources.back()))
      return packMatmulB(target, from, k, columns, strideK, strideN, 0, 1, to);
    gathered.resize(k * panel);
    for (int64_t row = 0; row < k; ++row)
      for (int64_t column = 0; column < columns; ++column)
        std::memcpy(&gathered[row * panel + width + column], from + (row * strideK + column * strideN) * sizeof(float),
                    sizeof(float));
    width += columns;
    first = 0;
    if (width == panel)
      break;
  }
  packMatmulB(target, reinterpret_cast<const char *>(gathered.data()), k, width, panel, 1, 0, 1, to);
}

llvm::Error WeightWriter::writePacked(WeightOp weight, PackAttr recipe) {
  auto targetAttr = module->getAttrOfType<TargetAttr>(kTargetAttr);
  llvm::Expected<CpuTarget> target = lookupTarget(targetAttr ? targetAttr.getLevel() : "");
  if (!target)
    return target.takeError();
  int64_t panel = matmulTiles(*target).panelColumns(*target);
  if (recipe.getPanel() != panel)
    return weightError(weight, "is packed for panels of " + Twine(recipe.getPanel()) + " columns, but " +
                                   target->name() + " wants " + Twine(panel));

  RankedTensorType type = typeOf(weight);
  if (type.getRank() != 3 || !type.getElementType().isF32())
    return weightError(weight, "a packed matrix is [panels, k, panel] of f32");
  int64_t k = type.getDimSize(1), columns = 0;
  std::vector<PackSource> sources;
  for (FlatSymbolRefAttr name : recipe.getSources()) {
    llvm::Expected<WeightOp> source = lookup(weight, name);
    if (!source)
      return source.takeError();
    RankedTensorType matrix = typeOf(*source);
    if (matrix.getRank() != 2 || !matrix.getElementType().isF32() ||
        matrix.getDimSize(recipe.getTransposed() ? 1 : 0) != k)
      return weightError(weight, "its source '" + name.getValue() + "' is no f32 matrix with k = " + Twine(k));
    llvm::Expected<Elements> elements = elementsOf(*source);
    if (!elements)
      return elements.takeError();
    sources.push_back({std::move(*elements), matrix.getDimSize(recipe.getTransposed() ? 0 : 1)});
    columns += sources.back().columns;
  }
  int64_t panels = llvm::divideCeil(columns, panel);
  if (type.getDimSize(0) != panels || type.getDimSize(2) != panel)
    return weightError(weight, "has another shape than what its recipe makes: [" + Twine(panels) + ", " + Twine(k) +
                                   ", " + Twine(panel) + "]");
  for (PackSource &source : sources) // only now: a moved string may have moved its bytes
    if (!source.elements.owned.empty())
      source.elements.bytes = source.elements.owned;

  int64_t panelFloats = k * panel;
  int64_t step = std::max<int64_t>(1, windowBytes / sizeof(float) / std::max<int64_t>(1, panelFloats));
  std::vector<float> window(std::min(step, panels) * panelFloats);
  for (int64_t begin = 0; begin < panels; begin += step) {
    int64_t count = std::min(step, panels - begin);
    parallelFor(module.getContext(), 0, count, [&](size_t i) {
      packPanel(*target, sources, recipe.getTransposed(), k, (begin + i) * panel, window.data() + i * panelFloats);
    });
    if (llvm::Error error = sink.write(window.data(), count * panelFloats * sizeof(float)))
      return error;
  }
  for (FlatSymbolRefAttr name : recipe.getSources())
    if (auto file = dyn_cast<FileAttr>(symbols.lookup<WeightOp>(name.getValue()).getSource()))
      files.find(file.getPath())->second.drop(file.getOffset(), file.getLength());
  return llvm::Error::success();
}

llvm::Error WeightWriter::writeSource(WeightOp weight, unsigned depth) {
  if (auto file = dyn_cast<FileAttr>(weight.getSource()))
    return writeFile(weight, file);
  if (auto pack = dyn_cast<PackAttr>(weight.getSource()))
    return writePacked(weight, pack);
  if (auto dense = dyn_cast<DenseElementsAttr>(weight.getSource())) {
    std::string bytes = denseBytes(dense);
    return sink.write(bytes.data(), bytes.size());
  }
  if (depth == maxRecipeDepth)
    return weightError(weight, "its recipe is nested too deeply, or contains itself");
  for (FlatSymbolRefAttr name : cast<JoinAttr>(weight.getSource()).getSources()) {
    llvm::Expected<WeightOp> source = lookup(weight, name);
    if (!source)
      return source.takeError();
    if (llvm::Error error = write(*source, depth + 1))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error WeightWriter::write(WeightOp weight, unsigned depth) {
  uint64_t begin = sink.position(), size = byteSize(typeOf(weight));
  if (llvm::Error error = writeSource(weight, depth))
    return error;
  if (sink.position() - begin != size)
    return weightError(weight, "has " + Twine(sink.position() - begin) + " bytes, but its type needs " + Twine(size));
  return llvm::Error::success();
}

llvm::Error WeightWriter::run(uint64_t totalBytes) {
  std::vector<std::pair<uint64_t, WeightOp>> placed;
  for (auto weight : module.getOps<WeightOp>())
    if (auto offset = weight->getAttrOfType<IntegerAttr>("hone.offset"))
      placed.emplace_back(offset.getInt(), weight);
  llvm::stable_sort(placed, [](const auto &a, const auto &b) { return a.first < b.first; });
  static const char zeros[4096] = {};
  auto padTo = [&](uint64_t offset) -> llvm::Error {
    while (sink.position() < offset)
      if (llvm::Error error = sink.write(zeros, std::min<uint64_t>(sizeof zeros, offset - sink.position())))
        return error;
    return llvm::Error::success();
  };
  for (auto &[offset, weight] : placed) {
    if (offset < sink.position() || offset > totalBytes)
      return weightError(weight, "cannot be placed at offset " + Twine(offset) + ": it overlaps another weight");
    if (llvm::Error error = padTo(offset))
      return error;
    if (llvm::Error error = write(weight))
      return error;
  }
  if (llvm::Error error = padTo(totalBytes))
    return error;
  for (auto &[path, view] : files)
    if (llvm::Error error = view.unchanged())
      return error;
  return llvm::Error::success();
}

llvm::Expected<uint64_t> hone::weightBytesOf(ModuleOp module) {
  auto bytes = module->getAttrOfType<IntegerAttr>("hone.weight_bytes");
  if (!bytes || bytes.getInt() < 0)
    return llvm::createStringError("the module does not say how many bytes its weights take (hone.weight_bytes)");
  return bytes.getInt();
}

llvm::Error hone::writeWeights(ModuleOp module, WeightSink &sink,
                               llvm::function_ref<llvm::Error(const FileView &)> check) {
  llvm::Expected<uint64_t> bytes = weightBytesOf(module);
  return bytes ? WeightWriter(module, sink, check).run(*bytes) : bytes.takeError();
}
