// Weights: verification of what they are made of, and reading them.
//
// A stage file may say anything about weights, so nothing that a recipe says is believed before it was checked.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Weights.h"
#include "mlir/IR/Threading.h"
#include "llvm/Support/MathExtras.h"
#include <atomic>
#include <cstring>

using namespace mlir;
using namespace hone;

WeightSource *WeightSource::get(MLIRContext *context) {
  auto *dialect = context->getLoadedDialect<HoneDialect>();
  return dialect ? dialect->weightSource.get() : nullptr;
}
void WeightSource::give(MLIRContext &context, std::shared_ptr<WeightSource> source) {
  context.getOrLoadDialect<HoneDialect>()->weightSource = std::move(source);
}

static RankedTensorType typeOf(WeightOp weight) { return cast<RankedTensorType>(weight.getType()); }

//===-- Verification --------------------------------------------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  RankedTensorType type = typeOf(*this);
  if (!type.hasStaticShape())
    return emitOpError("wants static dims, got ") << type;
  std::optional<int64_t> bytes = storageBytes(type);
  if (!bytes)
    return emitOpError("has more elements than a file can hold: ") << type;
  if (auto file = dyn_cast<FileAttr>(getSource())) {
    if (file.getOffset() < 0)
      return emitOpError("begins at byte ") << file.getOffset() << " of its file; offsets are 0 or more";
    if (file.getLength() != *bytes)
      return emitOpError("has ") << file.getLength() << " bytes, but its type needs " << *bytes;
    return success();
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(getSource()))
    return dense.getType() == type ? success() : emitOpError("has a source of another type: ") << dense.getType();
  if (!isa<WeightRecipeAttrInterface>(getSource()))
    return emitOpError("has a source of an unknown kind: ") << getSource();
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto recipe = dyn_cast<WeightRecipeAttrInterface>(getSource());
  if (!recipe)
    return success();
  auto emitError = [&] { return emitOpError() << "@" << getSymName() << " = " << recipe << " "; };
  SmallVector<RankedTensorType> types;
  for (FlatSymbolRefAttr name : recipe.getSourceNames()) {
    auto source = tables.lookupNearestSymbolFrom<WeightOp>(*this, name);
    if (!source)
      return emitError() << "is made of " << name << ", which is no weight; name a hone.weight of the module";
    types.push_back(typeOf(source));
    if (!storageBytes(types.back()) || !types.back().hasStaticShape())
      return success(); // it has its own error
  }
  FailureOr<RankedTensorType> type = recipe.inferType(types, typeOf(*this), emitError);
  if (failed(type))
    return failure();
  if (*type != typeOf(*this))
    return emitError() << "makes " << *type << ", but the weight is " << getType() << "; declare what it makes";
  return success();
}

LogicalResult UseWeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto weight = tables.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("names no weight: ") << getWeightAttr();
  if (weight.getType() != getOutput().getType())
    return emitOpError("has type ") << getOutput().getType() << ", but the weight is " << weight.getType();
  return success();
}

/// `chain` holds weights each of which is made of the next; the last one of `again`, which is among them.
static LogicalResult reportCycle(ArrayRef<WeightOp> chain, WeightOp again) {
  chain = chain.drop_front(llvm::find(chain, again) - chain.begin());
  InFlightDiagnostic error = again.emitOpError("@") << again.getSymName() << " is made of itself";
  constexpr size_t most = 8;
  for (WeightOp weight : chain.drop_front().take_front(most))
    error << ", by @" << weight.getSymName();
  if (chain.size() > most + 1)
    error << " and " << chain.size() - most - 1 << " more";
  return error << "; a recipe wants weights that are there without it";
}

static LogicalResult reportDepth(WeightOp weight) {
  return weight.emitOpError("@") << weight.getSymName() << " is the last of more than " << kMaxRecipeDepth
                                 << " recipes that follow each other; write what one of them makes to a file, and make "
                                    "that the source of the next (#hone.file)";
}

FailureOr<llvm::DenseMap<Operation *, unsigned>> hone::checkRecipes(ModuleOp module) {
  SymbolTable symbols(module);
  llvm::DenseMap<Operation *, unsigned> depths;
  // Depth first, without recursion: a file may hold chains of any length.
  struct Step {
    SmallVector<FlatSymbolRefAttr> left; ///< sources that were not looked at yet
    unsigned depth = 0;
  };
  SmallVector<WeightOp> chain;
  std::vector<Step> steps;
  llvm::DenseSet<Operation *> open;
  auto enter = [&](WeightOp weight) {
    auto recipe = dyn_cast<WeightRecipeAttrInterface>(weight.getSource());
    chain.push_back(weight);
    steps.push_back({recipe ? recipe.getSourceNames() : SmallVector<FlatSymbolRefAttr>(), 0});
    open.insert(weight);
  };
  for (auto root : module.getOps<WeightOp>()) {
    if (!depths.contains(root))
      enter(root);
    while (!chain.empty()) {
      WeightOp weight = chain.back();
      Step &step = steps.back();
      if (step.left.empty()) {
        bool isRecipe = isa<WeightRecipeAttrInterface>(weight.getSource());
        depths[weight] = isRecipe ? step.depth + 1 : 0;
        if (depths[weight] > kMaxRecipeDepth)
          return reportDepth(weight);
        open.erase(weight);
        chain.pop_back();
        steps.pop_back();
        continue;
      }
      auto source = symbols.lookup<WeightOp>(step.left.back().getValue());
      if (!source)
        return weight.emitOpError("@") << weight.getSymName() << " is made of " << step.left.back()
                                       << ", which is no weight";
      if (auto known = depths.find(source); known != depths.end()) {
        step.depth = std::max(step.depth, known->second);
        step.left.pop_back();
      } else if (open.contains(source)) {
        return reportCycle(chain, source);
      } else {
        enter(source); // and look again
      }
    }
  }
  return depths;
}

//===-- Reading -------------------------------------------------------------------------------------------------===//

/// Elements in memory: those of a file, or of an attribute. Of a splat there is one.
class WeightReader::Leaf : public WeightElements {
public:
  Leaf(StringRef bytes, Type element)
      : bytes(bytes.data()), elementSize(elementBytes(element)), isPacked(isNibble(element)) {}
  Leaf(DenseElementsAttr dense);

  void read(ElementRun run, char *to) const override;

protected:
  /// The bytes that hold the elements `run`, one at least: the first, and the one behind the last.
  std::pair<int64_t, int64_t> placeOf(ElementRun run) const;

private:
  template <typename T> void gather(ElementRun run, char *to) const {
    const char *from = bytes + run.first * int64_t(sizeof(T));
    for (int64_t i = 0; i < run.count; ++i, from += run.step * int64_t(sizeof(T)), to += sizeof(T))
      std::memcpy(to, from, sizeof(T));
  }
  void unpack(ElementRun run, char *to) const {
    for (int64_t i = 0, at = run.first; i < run.count; ++i, at += run.step)
      to[i] = bytes[at / 2] >> (at % 2 * 4) & 15;
  }

  std::string owned;
  const char *bytes;
  int64_t elementSize;
  bool isSplat = false, isPacked = false;
};

WeightReader::Leaf::Leaf(DenseElementsAttr dense)
    : elementSize(elementBytes(dense.getType())), isSplat(dense.isSplat()) {
  // An attribute packs bools into bits, and 4-bit integers not at all.
  if (!dense.getElementType().isInteger(1))
    owned.assign(dense.getRawData().begin(), dense.getRawData().end());
  else if (isSplat)
    owned = dense.getSplatValue<bool>() ? '\1' : '\0';
  else
    for (bool element : dense.getValues<bool>())
      owned += element ? '\1' : '\0';
  bytes = owned.data();
}

void WeightReader::Leaf::read(ElementRun run, char *to) const {
  if (isPacked)
    return unpack(run, to);
  if (isSplat)
    run.first = run.step = 0;
  else if (run.step == 1)
    return (void)std::memcpy(to, bytes + run.first * elementSize, run.count * elementSize);
  switch (elementSize) {
  case 1:
    return gather<uint8_t>(run, to);
  case 2:
    return gather<uint16_t>(run, to);
  case 4:
    return gather<uint32_t>(run, to);
  default:
    assert(elementSize == 8 && "an element type of the dialect");
    return gather<uint64_t>(run, to);
  }
}

std::pair<int64_t, int64_t> WeightReader::Leaf::placeOf(ElementRun run) const {
  auto [least, most] = std::minmax<int64_t>({run.first, run.first + (run.count - 1) * run.step});
  if (isPacked)
    return {least / 2, most / 2 + 1};
  return {least * elementSize, (most + 1) * elementSize};
}

/// Elements of a mapped file. It is in its reader's list of those that were read from the first read on until
/// giveBack(), so that a window gives back what it came from, however many files there are besides.
class WeightReader::MappedLeaf : public Leaf {
public:
  MappedLeaf(WeightReader &reader, FileAttr file, StringRef bytes, Type element)
      : Leaf(bytes, element), reader(reader), file(file) {}

  void read(ElementRun run, char *to) const override {
    if (run.count <= 0)
      return;
    auto [from, behind] = placeOf(run);
    // Threads that read piece after piece meet here once per stretch only.
    if (from < begin.load(std::memory_order_relaxed) || behind > end.load(std::memory_order_relaxed))
      touch(from, behind);
    Leaf::read(run, to);
  }

  /// When nobody reads.
  void giveBack() {
    reader.source.release(file, begin, end - begin);
    begin = kUntouched;
    end = 0;
  }

private:
  static constexpr int64_t kUntouched = INT64_MAX, kStretch = 1 << 20; // bytes

  void touch(int64_t from, int64_t behind) const {
    std::lock_guard lock(reader.touchedMutex);
    if (begin == kUntouched)
      reader.touched.push_back(const_cast<MappedLeaf *>(this));
    begin = std::min<int64_t>(begin, llvm::alignDown(from, kStretch));
    end = std::max<int64_t>(end, std::min<int64_t>(llvm::alignTo(behind, kStretch), file.getLength()));
  }

  WeightReader &reader;
  FileAttr file;
  /// All that was read lies between them. Written by whoever has the mutex.
  mutable std::atomic<int64_t> begin = kUntouched, end = 0;
};

class WeightReader::Recipe : public WeightElements {
public:
  Recipe(std::unique_ptr<RecipeEvaluator> evaluator, SmallVector<const WeightElements *> sources)
      : evaluator(std::move(evaluator)), sources(std::move(sources)) {}

  void read(ElementRun run, char *to) const override {
    if (run.count > 0)
      evaluator->evaluate(run, sources, to);
  }

private:
  std::unique_ptr<RecipeEvaluator> evaluator;
  SmallVector<const WeightElements *> sources;
};

struct WeightReader::Entry {
  std::unique_ptr<WeightElements> elements;
  unsigned depth = 0;
  StringRef mapped; ///< of a file: its bytes
};

static llvm::Error weightError(WeightOp weight, const Twine &text) {
  return llvm::createStringError("weight '" + weight.getSymName() + "': " + text);
}

WeightReader::WeightReader(SymbolTable &symbols, WeightSource &source) : symbols(symbols), source(source) {}
WeightReader::~WeightReader() = default;

llvm::Error WeightReader::prepareRecipe(WeightOp weight, WeightRecipeAttrInterface recipe, unsigned depth,
                                        Entry &entry) {
  SmallVector<const WeightElements *> sources;
  SmallVector<RankedTensorType> types;
  for (FlatSymbolRefAttr name : recipe.getSourceNames()) {
    auto origin = symbols.lookup<WeightOp>(name.getValue());
    if (!origin)
      return weightError(weight, "is made of '" + name.getValue() + "', which is no weight");
    llvm::Expected<Entry *> prepared = prepare(origin, depth + 1);
    if (!prepared)
      return prepared.takeError();
    sources.push_back((*prepared)->elements.get());
    types.push_back(typeOf(origin));
    entry.depth = std::max(entry.depth, (*prepared)->depth + 1);
  }
  entry.elements = std::make_unique<Recipe>(recipe.prepare(types, typeOf(weight)), std::move(sources));
  return llvm::Error::success();
}

llvm::Expected<WeightReader::Entry *> WeightReader::prepare(WeightOp weight, unsigned depth) {
  auto found = entries.find(weight);
  unsigned below = found == entries.end() ? 0 : found->second->depth;
  if (depth + below > kMaxRecipeDepth)
    return weightError(weight, "its recipe is made of itself, or the last of more than " + Twine(kMaxRecipeDepth) +
                                   " that follow each other");
  if (found != entries.end())
    return found->second.get();
  auto entry = std::make_unique<Entry>();
  if (auto file = dyn_cast<FileAttr>(weight.getSource())) {
    llvm::Expected<StringRef> bytes = source.open(file);
    if (!bytes)
      return weightError(weight, toString(bytes.takeError()));
    entry->mapped = *bytes;
    entry->elements = std::make_unique<MappedLeaf>(*this, file, *bytes, typeOf(weight).getElementType());
  } else if (auto dense = dyn_cast<DenseElementsAttr>(weight.getSource())) {
    entry->elements = std::make_unique<Leaf>(dense);
  } else if (llvm::Error error =
                 prepareRecipe(weight, cast<WeightRecipeAttrInterface>(weight.getSource()), depth, *entry)) {
    return error;
  }
  return (entries[weight] = std::move(entry)).get();
}

llvm::Expected<const WeightElements &> WeightReader::open(WeightOp weight) {
  llvm::Expected<Entry *> entry = prepare(weight, 0);
  if (!entry)
    return entry.takeError();
  return *(*entry)->elements;
}

llvm::Error WeightReader::stream(WeightOp weight, llvm::function_ref<llvm::Error(StringRef)> consume) {
  llvm::Expected<Entry *> prepared = prepare(weight, 0);
  if (!prepared)
    return prepared.takeError();
  const Entry &entry = **prepared;
  if (auto file = dyn_cast<FileAttr>(weight.getSource()))
    return streamMapped(file, entry.mapped, consume);
  return streamElements(*entry.elements, typeOf(weight), consume);
}

llvm::Error WeightReader::streamMapped(FileAttr file, StringRef mapped,
                                       llvm::function_ref<llvm::Error(StringRef)> consume) {
  for (size_t begin = 0; begin < mapped.size(); begin += windowBytes) {
    StringRef bytes = mapped.substr(begin, windowBytes);
    if (llvm::Error error = consume(bytes))
      return error;
    source.release(file, begin, bytes.size());
  }
  return llvm::Error::success();
}

/// Two elements to a byte, in place; each had one.
static void packNibbles(char *bytes, int64_t count) {
  for (int64_t i = 0; i < count; i += 2)
    bytes[i / 2] = char((bytes[i] & 15) | (i + 1 < count ? (bytes[i + 1] & 15) << 4 : 0));
}

void WeightReader::giveBackTouched() {
  std::lock_guard lock(touchedMutex);
  for (MappedLeaf *leaf : touched)
    leaf->giveBack();
  touched.clear();
}

llvm::Error WeightReader::streamElements(const WeightElements &elements, RankedTensorType type,
                                         llvm::function_ref<llvm::Error(StringRef)> consume) {
  int64_t elementSize = elementBytes(type);
  int64_t count = type.getNumElements(), window = std::min(count, windowBytes / elementSize);
  std::unique_ptr<char[]> buffer(new char[window * elementSize]);
  for (int64_t begin = 0; begin < count; begin += window) {
    int64_t size = std::min(window, count - begin);
    constexpr int64_t part = 1 << 16; // elements: enough to be worth a thread
    parallelFor(type.getContext(), 0, llvm::divideCeil(size, part), [&](size_t i) {
      int64_t first = int64_t(i) * part;
      elements.read({begin + first, 1, std::min(part, size - first)}, buffer.get() + first * elementSize);
    });
    if (isNibble(type))
      packNibbles(buffer.get(), size);
    if (llvm::Error error = consume(StringRef(buffer.get(), storageBytes(type, size))))
      return error;
    giveBackTouched();
  }
  return llvm::Error::success();
}
