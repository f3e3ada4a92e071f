// Pairs of inputs and outputs that a caller hands from run to run become state, which the session holds.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "dialects/hone/State.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Passes.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace hone {
#define GEN_PASS_DEF_HOLDSTATE
#include "passes/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

//===-- Which pairs ---------------------------------------------------------------------------------------------===//

namespace {
struct Pair {
  unsigned input, output;
};
using Pairs = SmallVector<Pair>;
} // namespace

/// What exporters call an input that they take from the run before, and the output that it was.
static constexpr std::pair<StringLiteral, StringLiteral> kNames[] = {
    {"past_key_values", "present"}, {"past_key_values", "present_key_values"}, {"past", "present"}};
/// The same, at the end of the name.
static constexpr std::pair<StringLiteral, StringLiteral> kSuffixes[] = {{"_in", "_out"}};

static StringRef nameOf(DictionaryAttr attrs) {
  auto name = attrs ? attrs.getAs<StringAttr>(kNameAttr) : StringAttr();
  return name ? name.getValue() : "";
}

/// The numbers of arguments or results by their names.
static llvm::StringMap<unsigned> numbersOf(unsigned count, function_ref<DictionaryAttr(unsigned)> attrsOf) {
  llvm::StringMap<unsigned> numbers;
  for (unsigned i = 0; i < count; ++i)
    numbers[nameOf(attrsOf(i))] = i;
  return numbers;
}

static llvm::StringMap<unsigned> inputsOf(func::FuncOp function) {
  return numbersOf(function.getNumArguments(), [&](unsigned i) { return function.getArgAttrDict(i); });
}

static llvm::StringMap<unsigned> outputsOf(func::FuncOp function) {
  return numbersOf(function.getNumResults(), [&](unsigned i) { return function.getResultAttrDict(i); });
}

/// What the present of an input may be called.
static SmallVector<std::string> presentsOf(StringRef name) {
  SmallVector<std::string> presents;
  for (auto [past, present] : kNames)
    if (size_t at = name.find(past); at != StringRef::npos)
      presents.push_back((name.take_front(at) + present + name.drop_front(at + past.size())).str());
  for (auto [past, present] : kSuffixes)
    if (StringRef front = name; front.consume_back(past))
      presents.push_back((front + present).str());
  return presents;
}

static FailureOr<Pairs> findPairs(func::FuncOp function) {
  llvm::StringMap<unsigned> outputs = outputsOf(function);
  llvm::SmallDenseSet<unsigned> taken;
  Pairs pairs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    for (StringRef present : presentsOf(nameOf(function.getArgAttrDict(i))))
      if (auto output = outputs.find(present); output != outputs.end() && taken.insert(output->second).second) {
        pairs.push_back({i, output->second});
        break;
      }
  if (pairs.empty())
    return function.emitError("no input and output are named like a past and its present (past_key_values.0.key and "
                              "present.0.key, past_0 and present_0, h_in and h_out); name the pairs: "
                              "--state=INPUT:OUTPUT,…");
  return pairs;
}

static FailureOr<Pairs> readPairs(func::FuncOp function, ArrayRef<std::string> texts) {
  llvm::StringMap<unsigned> inputs = inputsOf(function), outputs = outputsOf(function);
  llvm::SmallDenseSet<unsigned> takenInputs, takenOutputs;
  Pairs pairs;
  for (StringRef text : texts) {
    // A name may have colons of its own: the one between the names is where both exist.
    std::optional<Pair> found;
    for (size_t at = text.find(':'); at != StringRef::npos && !found; at = text.find(':', at + 1)) {
      auto input = inputs.find(text.take_front(at)), output = outputs.find(text.drop_front(at + 1));
      if (input != inputs.end() && output != outputs.end())
        found = {input->second, output->second};
    }
    auto list = [](const llvm::StringMap<unsigned> &names) {
      SmallVector<StringRef> sorted(names.keys());
      llvm::sort(sorted, [&](StringRef a, StringRef b) { return names.lookup(a) < names.lookup(b); });
      return llvm::join(sorted, ", ");
    };
    if (!found)
      return function.emitError("state '") << text << "' is no INPUT:OUTPUT of the model; its inputs are "
                                           << list(inputs) << ", its outputs " << list(outputs);
    if (!takenInputs.insert(found->input).second || !takenOutputs.insert(found->output).second)
      return function.emitError("state '") << text << "': its input or output is part of another pair";
    pairs.push_back(*found);
  }
  return pairs;
}

//===-- What becomes of them ------------------------------------------------------------------------------------===//

namespace {
/// Along which axis states grow together.
struct Length {
  BlockArgument argument;
  Value before, behind; // index values
};

/// An input of which the model gives back more.
struct Growing {
  BlockArgument past, state;
  ConcatOp concat;
  StringAttr name, length;
  SmallVector<int64_t> permutation, inverse; // to the state's order of dims, and back

  int64_t place() { return std::min<int64_t>(concat.getAxis(), 1); }
};

class Holder {
public:
  Holder(func::FuncOp function) : function(function), builder(function.getContext()), shapes(builder) {}
  LogicalResult run(ArrayRef<Pair> pairs);

private:
  LogicalResult addGrowing(Growing &growing);
  void hold(Growing &growing);
  FailureOr<BlockArgument> addFixed(BlockArgument past);
  void hold(BlockArgument state, Value present);
  /// An argument behind all others, of which the function knows when all have been added: each time, it is as much work
  /// as there are arguments.
  BlockArgument addArgument(RankedTensorType type, ArrayRef<NamedAttribute> attrs, Location loc);
  void declareArguments();
  Length &lengthOf(StringRef name, Location loc);
  /// The symbols of a value's dims, "" for those without.
  SmallVector<StringRef> symbolsOf(BlockArgument argument);
  LogicalResult checkSymbols(BlockArgument state, std::optional<int64_t> axis);
  void checkInputs();
  void check(Value condition, const Twine &message, Value a, Value b) {
    CheckOp::create(builder, function.getLoc(), condition, builder.getStringAttr(message), a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, function.getLoc(), predicate, a, b);
  }
  Block &body() { return function.getBody().front(); }

  func::FuncOp function;
  OpBuilder builder;
  ShapeBuilder shapes;
  llvm::MapVector<StringRef, Length> lengths; // by name
  SmallVector<DictionaryAttr> added;          // attributes of arguments
  SmallVector<Operation *> dead;
  llvm::StringSet<> inputSymbols; // of what stays an input
};
} // namespace

static Value transpose(OpBuilder &builder, Location loc, Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return tensor;
  return TransposeOp::create(builder, loc, tensor, permutation);
}

/// The concatenation that `present` is, which begins with `past`, or null. Joins what exporters and the importer make
/// of it: concatenations of concatenations, and of f16 that is computed in f32 and rounded behind it.
static ConcatOp findConcat(OpBuilder &builder, Value present, BlockArgument past) {
  auto type = cast<RankedTensorType>(past.getType());
  if (auto narrow = present.getDefiningOp<CastOp>()) {
    auto wide = narrow.getInput().getDefiningOp<ConcatOp>();
    auto widened = wide ? wide.getInputs().front().getDefiningOp<CastOp>() : CastOp();
    if (!widened || widened.getInput() != past || elementTypeOf(narrow) != type.getElementType() ||
        !isWidening(type.getElementType(), elementTypeOf(widened)))
      return {};
    builder.setInsertionPoint(wide);
    SmallVector<Value> parts{past};
    for (Value part : wide.getInputs().drop_front())
      parts.push_back(CastOp::create(builder, narrow.getLoc(),
                                     cast<RankedTensorType>(part.getType()).clone(type.getElementType()), part));
    auto joined =
        ConcatOp::create(builder, wide.getLoc(), cast<RankedTensorType>(narrow.getType()), parts, wide.getAxis());
    narrow.replaceAllUsesWith(joined.getOutput());
    wide.replaceAllUsesWith(CastOp::create(builder, wide.getLoc(), wide.getType(), joined).getOutput());
    narrow.erase();
    wide.erase();
    return joined;
  }
  auto concat = present.getDefiningOp<ConcatOp>();
  if (!concat)
    return {};
  SmallVector<Value> parts(concat.getInputs());
  while (auto inner = parts.front().getDefiningOp<ConcatOp>()) {
    if (inner.getAxis() != concat.getAxis())
      return {};
    SmallVector<Value> all(inner.getInputs());
    all.append(parts.begin() + 1, parts.end());
    parts = std::move(all);
  }
  if (parts.front() != past || parts.size() < 2)
    return {};
  concat.getInputsMutable().assign(parts);
  return concat;
}

BlockArgument Holder::addArgument(RankedTensorType type, ArrayRef<NamedAttribute> attrs, Location loc) {
  added.push_back(builder.getDictionaryAttr(attrs));
  return body().addArgument(type, loc);
}

void Holder::declareArguments() {
  SmallVector<DictionaryAttr> attrs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    attrs.push_back(function.getArgAttrDict(i));
  llvm::append_range(attrs, added);
  function.setType(builder.getFunctionType(body().getArgumentTypes(), function.getResultTypes()));
  function.setAllArgAttrs(attrs);
}

SmallVector<StringRef> Holder::symbolsOf(BlockArgument argument) {
  SmallVector<StringRef> symbols(cast<RankedTensorType>(argument.getType()).getRank());
  if (auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttr))
    for (auto [symbol, name] : llvm::zip_equal(symbols, names.getAsRange<StringAttr>()))
      symbol = name.getValue();
  return symbols;
}

LogicalResult Holder::checkSymbols(BlockArgument past, std::optional<int64_t> axis) {
  auto type = cast<RankedTensorType>(past.getType());
  for (auto [i, symbol] : llvm::enumerate(symbolsOf(past)))
    if (type.isDynamicDim(i) && axis != int64_t(i) && !inputSymbols.contains(symbol))
      return emitError(past.getLoc(), "cannot become state: ")
             << (axis ? ""
                      : "its output is not the input with something behind it (a Concat that begins with it), and ")
             << "no input that is left tells dim " << i << (symbol.empty() ? "" : ", '") << symbol
             << (symbol.empty() ? "" : "'") << "; pin it with --dim or --shape";
  return success();
}

Length &Holder::lengthOf(StringRef name, Location loc) {
  auto [entry, isNew] = lengths.try_emplace(name);
  Length &length = entry->second;
  if (!isNew)
    return length;
  NamedAttribute attrs[] = {builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)),
                            builder.getNamedAttr(kLengthAttr, builder.getUnitAttr())};
  length.argument = addArgument(RankedTensorType::get({}, builder.getI64Type()), attrs, loc);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&body());
  Value number = tensor::ExtractOp::create(builder, loc, length.argument, ValueRange());
  length.before = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), number);
  // The runtime sees to it; so ranges of what is computed from it are known.
  auto bound = [&](int64_t limit, arith::CmpIPredicate predicate) {
    Value end = arith::ConstantIndexOp::create(builder, loc, limit);
    check(compare(predicate, length.before, end), "state '" + name + "' has a length of {0}", length.before, end);
  };
  bound(0, arith::CmpIPredicate::sge);
  bound(kMaxDim, arith::CmpIPredicate::sle);
  return length;
}

/// Adds the state, and lets all that asked for dims of the input ask for those of the state.
LogicalResult Holder::addGrowing(Growing &growing) {
  BlockArgument past = growing.past;
  auto type = cast<RankedTensorType>(past.getType());
  int64_t axis = growing.concat.getAxis();
  if (failed(checkSymbols(past, axis)))
    return failure();
  SmallVector<StringRef> symbols = symbolsOf(past);
  growing.name = function.getArgAttrOfType<StringAttr>(past.getArgNumber(), kNameAttr);
  growing.length =
      builder.getStringAttr(symbols[axis].empty() ? growing.name.getValue() + ".length" : Twine(symbols[axis]));
  Value before = lengthOf(growing.length, past.getLoc()).before;

  // What grows lies behind the rows of the batch, so that a row's elements lie together, and attention reads them
  // there.
  int64_t place = growing.place();
  growing.permutation = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  growing.permutation.erase(growing.permutation.begin() + axis);
  growing.permutation.insert(growing.permutation.begin() + place, axis);
  growing.inverse.resize(type.getRank());
  for (auto [to, from] : llvm::enumerate(growing.permutation))
    growing.inverse[from] = to;
  SmallVector<int64_t> shape;
  SmallVector<Attribute> dimNames;
  for (int64_t from : growing.permutation) {
    shape.push_back(from == axis ? ShapedType::kDynamic : type.getDimSize(from));
    dimNames.push_back(
        builder.getStringAttr(from == axis ? growing.length.getValue() + ".capacity" : Twine(symbols[from])));
  }
  NamedAttribute attrs[] = {
      builder.getNamedAttr(kNameAttr, growing.name), builder.getNamedAttr(kDimsAttr, builder.getArrayAttr(dimNames)),
      builder.getNamedAttr(kStateAttr, stateAttr(builder.getContext(), Growth{place, growing.length}))};
  growing.state = addArgument(type.clone(shape), attrs, past.getLoc());
  for (Operation *user : llvm::make_early_inc_range(past.getUsers())) {
    auto dim = dyn_cast<tensor::DimOp>(user);
    if (!dim)
      continue;
    int64_t index = *dim.getConstantIndex();
    builder.setInsertionPoint(dim);
    Value size = before;
    if (index != axis)
      size = tensor::DimOp::create(builder, dim.getLoc(), growing.state, growing.inverse[index]);
    dim.replaceAllUsesWith(size);
    dim.erase();
  }
  return success();
}

void Holder::hold(Growing &growing) {
  BlockArgument past = growing.past, state = growing.state;
  ConcatOp concat = growing.concat;
  auto type = cast<RankedTensorType>(past.getType()), stateType = cast<RankedTensorType>(state.getType());
  int64_t axis = concat.getAxis();
  Length &length = lengths[growing.length];
  Location loc = concat.getLoc();
  builder.setInsertionPoint(concat);
  SmallVector<OpFoldResult> dims(shapes.dims(concat));
  Value behind = shapes.materialize(dims[axis]);
  if (!length.behind)
    length.behind = behind;
  else if (!shapes.areEqual(length.behind, behind))
    check(compare(arith::CmpIPredicate::eq, length.behind, behind),
          "state '" + growing.name.getValue() + "' grows to {0}, and others with it to {1}", behind, length.behind);
  SmallVector<Value> added(concat.getInputs().drop_front());
  Value source = added.front();
  if (added.size() > 1)
    source = createTensorOp<ConcatOp>(shapes, loc, type.getElementType(), type.getRank(), added, axis);
  source = transpose(builder, loc, source, growing.permutation);
  Value updated = InsertOp::create(builder, loc, stateType, source, state, length.before, growing.place());
  KeepOp::create(builder, loc, updated, growing.name);

  /// What the model sees of the state: its first elements, in the model's order of dims.
  auto show = [&](Value tensor, OpFoldResult count, RankedTensorType seen) -> Value {
    SmallVector<OpFoldResult> sizes;
    SmallVector<int64_t> part;
    for (int64_t from : growing.permutation) {
      sizes.push_back(from == axis ? count : dims[from]);
      part.push_back(seen.getDimSize(from));
    }
    SmallVector<Value> starts(type.getRank(), shapes.materialize(shapes.constant(0))),
        steps(type.getRank(), shapes.materialize(shapes.constant(1)));
    Value slice =
        SliceOp::create(builder, loc, type.clone(part), tensor, starts, shapes.materialize(ArrayRef(sizes)), steps);
    return transpose(builder, loc, slice, growing.inverse);
  };
  concat.replaceAllUsesWith(show(updated, dims[axis], cast<RankedTensorType>(concat.getType())));
  // Who reads what there was before finds it in front of what was added, too.
  for (OpOperand &use : llvm::make_early_inc_range(past.getUses())) {
    if (use.getOwner() == concat)
      continue;
    if (auto element = dyn_cast<tensor::ExtractOp>(use.getOwner())) { // of what was there before
      SmallVector<Value> indices;
      for (int64_t from : growing.permutation)
        indices.push_back(element.getIndices()[from]);
      element.getTensorMutable().assign(state);
      element.getIndicesMutable().assign(indices);
      continue;
    }
    Operation *user = body().findAncestorOpInBlock(*use.getOwner());
    builder.setInsertionPoint(user);
    use.set(show(user->isBeforeInBlock(concat) ? Value(state) : updated, length.before, type));
  }
  dead.push_back(concat); // the shape builder knows its dims
}

/// Adds the state in the place of the input.
FailureOr<BlockArgument> Holder::addFixed(BlockArgument past) {
  if (cast<RankedTensorType>(past.getType()).getRank() == 0)
    return emitError(past.getLoc(), "cannot become state: it is a scalar; leave it an input");
  if (failed(checkSymbols(past, std::nullopt)))
    return failure();
  SmallVector<NamedAttribute> attrs(function.getArgAttrDict(past.getArgNumber()).getValue());
  attrs.push_back(builder.getNamedAttr(kStateAttr, stateAttr(builder.getContext(), std::nullopt)));
  BlockArgument state = addArgument(cast<RankedTensorType>(past.getType()), attrs, past.getLoc());
  past.replaceAllUsesWith(state);
  return state;
}

void Holder::hold(BlockArgument state, Value present) {
  auto name = function.getArgAttrOfType<StringAttr>(state.getArgNumber(), kNameAttr);
  builder.setInsertionPoint(body().getTerminator());
  SmallVector<OpFoldResult> before(shapes.dims(state)), behind(shapes.dims(present));
  for (auto [i, a, b] : llvm::enumerate(before, behind))
    if (!shapes.areEqual(a, b)) {
      Value first = shapes.materialize(a), second = shapes.materialize(b);
      check(compare(arith::CmpIPredicate::eq, first, second),
            "state '" + name.getValue() + "': dim " + Twine(i) + " is {0} before the run and {1} behind it", first,
            second);
    }
  KeepOp::create(builder, state.getLoc(), present, name);
}

/// Inputs that share a dim with what was an input before tell the length, too.
void Holder::checkInputs() {
  builder.setInsertionPoint(body().getTerminator());
  auto inputs = body().getArguments().take_front(llvm::count_if(body().getArguments(), [&](BlockArgument argument) {
    DictionaryAttr attrs = function.getArgAttrDict(argument.getArgNumber());
    return !attrs || (!attrs.contains(kStateAttr) && !attrs.contains(kLengthAttr));
  }));
  for (auto &[name, length] : lengths) {
    for (BlockArgument argument : inputs) {
      for (auto [i, symbol] : llvm::enumerate(symbolsOf(argument)))
        if (symbol == name) {
          Value dim = shapes.materialize(shapes.dim(argument, i));
          check(compare(arith::CmpIPredicate::eq, dim, length.before),
                "input '" + nameOf(function.getArgAttrDict(argument.getArgNumber())) + "': dim " + Twine(i) +
                    " is {0}, and the state '" + name + "' has a length of {1}",
                dim, length.before);
        }
    }
    KeepOp::create(builder, length.argument.getLoc(), length.behind, name);
  }
}

LogicalResult Holder::run(ArrayRef<Pair> pairs) {
  llvm::BitVector inputs(function.getNumArguments()), outputs(function.getNumResults());
  for (Pair pair : pairs) {
    inputs.set(pair.input);
    outputs.set(pair.output);
  }
  for (BlockArgument argument : body().getArguments())
    if (!inputs.test(argument.getArgNumber()))
      for (StringRef symbol : symbolsOf(argument))
        inputSymbols.insert(symbol);
  inputSymbols.erase("");
  Operation *end = body().getTerminator();
  SmallVector<Growing> growing;
  SmallVector<std::pair<BlockArgument, unsigned>> fixed; // with the number of the output
  for (Pair pair : pairs) {
    BlockArgument past = function.getArgument(pair.input);
    Value present = end->getOperand(pair.output);
    auto type = cast<RankedTensorType>(past.getType()), other = cast<RankedTensorType>(present.getType());
    ConcatOp grown = findConcat(builder, present, past);
    present = end->getOperand(pair.output);
    bool grows = grown && type.isDynamicDim(grown.getAxis()) && grown->getBlock() == &body() &&
                 llvm::count(grown.getInputs(), past) == 1;
    bool fits = type.getElementType() == other.getElementType() && type.getRank() == other.getRank() &&
                llvm::all_of(llvm::seq<int64_t>(0, type.getRank()),
                             [&](int64_t i) { return mayBeEqual(type.getDimSize(i), other.getDimSize(i)); });
    if (isNibble(type))
      return emitError(past.getLoc(), "cannot become state: two of its elements share a byte");
    if (!fits)
      return emitError(past.getLoc(), "cannot become state: input ")
             << type << " and output '" << nameOf(function.getResultAttrDict(pair.output)) << "' " << other
             << " differ";
    if (grows) {
      growing.push_back({past, {}, grown, {}, {}, {}, {}});
      if (failed(addGrowing(growing.back())))
        return failure();
      continue;
    }
    FailureOr<BlockArgument> state = addFixed(past);
    if (failed(state))
      return failure();
    fixed.push_back({*state, pair.output});
  }
  declareArguments();
  // Only now, for the shape builder remembers what asks for dims.
  llvm::sort(growing, [](Growing &a, Growing &b) { return a.concat->isBeforeInBlock(b.concat); });
  for (Growing &each : growing) {
    SmallVector<OpFoldResult> dims;
    for (auto [i, from] : llvm::enumerate(each.inverse))
      dims.push_back(int64_t(i) == int64_t(each.concat.getAxis()) ? OpFoldResult(lengths[each.length].before)
                                                                  : shapes.dim(each.state, from));
    shapes.setDims(each.past, dims);
  }
  for (Growing &each : growing)
    hold(each);
  for (auto [state, output] : fixed)
    hold(state, end->getOperand(output));
  SmallVector<Value> left;
  for (auto [i, value] : llvm::enumerate(end->getOperands()))
    if (!outputs.test(i))
      left.push_back(value);
  end->setOperands(left);
  for (Operation *op : dead)
    op->erase();
  inputs.resize(function.getNumArguments());
  if (failed(function.eraseArguments(inputs)) || failed(function.eraseResults(outputs)))
    return function.emitError("cannot lose arguments and results");
  checkInputs();
  return success();
}

namespace {
struct HoldState : hone::impl::HoldStateBase<HoldState> {
  using HoldStateBase::HoldStateBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      FailureOr<Pairs> found = pairs.empty() ? findPairs(function) : readPairs(function, llvm::to_vector(pairs));
      if (failed(found) || failed(Holder(function).run(*found)))
        return signalPassFailure();
    }
  }
};
} // namespace
