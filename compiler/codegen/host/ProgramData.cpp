// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/host/ProgramData.h"
#include "compiler/codegen/Kernel.h"
#include "compiler/codegen/KernelWork.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/State.h"
#include "hone/abi.h"
#include "hone/hone.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

using namespace mlir;
using namespace hone;

ProgramData::ProgramData(ModuleOp module)
    : module(module), top(module.getBodyRegion()), loc(module.getLoc()),
      pointer(LLVM::LLVMPointerType::get(module.getContext())), i32(top.getI32Type()), i64(top.getI64Type()) {}

StringRef ProgramData::addString(StringRef text) {
  std::string &name = strings[text];
  if (!name.empty())
    return name;
  name = "text." + std::to_string(strings.size() - 1);
  std::string bytes = text.str();
  bytes.push_back('\0');
  auto type = LLVM::LLVMArrayType::get(top.getI8Type(), bytes.size());
  LLVM::GlobalOp::create(top, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name, top.getStringAttr(bytes));
  return name;
}

Value ProgramData::address(OpBuilder &builder, StringRef global) {
  return LLVM::AddressOfOp::create(builder, loc, pointer, global);
}

Value ProgramData::number(OpBuilder &builder, Type type, int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
}

/// Inserting a value copies the struct that it goes into, so a table that were one struct would take quadratic time.
static constexpr size_t kMaxParts = 64;

Value ProgramData::join(OpBuilder &builder, ArrayRef<Value> parts) {
  SmallVector<Value> groups;
  if (parts.size() > kMaxParts) {
    for (; !parts.empty(); parts = parts.drop_front(std::min(parts.size(), kMaxParts)))
      groups.push_back(join(builder, parts.take_front(kMaxParts)));
    return join(builder, groups);
  }
  auto type = LLVM::LLVMStructType::getLiteral(top.getContext(), SmallVector<Type>(ValueRange(parts).getTypes()));
  Value whole = LLVM::UndefOp::create(builder, loc, type);
  for (auto [i, part] : llvm::enumerate(parts))
    whole = LLVM::InsertValueOp::create(builder, loc, whole, part, int64_t(i));
  return whole;
}

void ProgramData::addConstant(StringRef name, function_ref<SmallVector<Value>(OpBuilder &)> fill) {
  auto global =
      LLVM::GlobalOp::create(top, loc, pointer, /*isConstant=*/true, LLVM::Linkage::Internal, name, Attribute());
  OpBuilder inside(top.getContext());
  inside.createBlock(&global.getInitializerRegion());
  Value whole = join(inside, fill(inside));
  LLVM::ReturnOp::create(inside, loc, whole);
  global.setGlobalType(whole.getType());
}

void ProgramData::addNumbers(StringRef name, SmallVector<int64_t> numbers) {
  if (numbers.empty())
    numbers.push_back(0);
  LLVM::GlobalOp::create(top, loc, LLVM::LLVMArrayType::get(i64, numbers.size()), /*isConstant=*/true,
                         LLVM::Linkage::Internal, name, top.getI64TensorAttr(numbers));
}

void ProgramData::addValues(StringRef name, ArrayRef<DictionaryAttr> attrs, ValueRange values, bool declaresSymbols) {
  SmallVector<std::string> names;
  for (auto [i, type] : llvm::enumerate(values.getTypes())) {
    auto nameAttr = attrs[i].getAs<StringAttr>(kNameAttr);
    names.push_back(addString(nameAttr ? nameAttr.getValue() : "").str());
    auto dimNames = attrs[i].getAs<ArrayAttr>(kDimsAttr);
    auto lateDims = attrs[i].getAs<DenseI64ArrayAttr>(kLateDimsAttr);
    SmallVector<int64_t> dims;
    for (auto [d, size] : llvm::enumerate(cast<MemRefType>(type).getShape())) {
      if (!ShapedType::isDynamic(size)) {
        dims.push_back(size);
        continue;
      }
      if (lateDims && llvm::is_contained(lateDims.asArrayRef(), int64_t(d))) {
        dims.push_back(HONE_DIM_RUN);
        continue;
      }
      auto symbol = dimNames && d < dimNames.size() ? cast<StringAttr>(dimNames[d]) : top.getStringAttr("");
      if (declaresSymbols && symbol.empty()) // equal to no other dim
        symbol = top.getStringAttr("#" + Twine(i) + "." + Twine(d));
      if (declaresSymbols)
        symbols.try_emplace(symbol, symbols.size()), bound.insert(symbol);
      dims.push_back(bound.contains(symbol) ? -1 - symbols.lookup(symbol) : HONE_DIM_PLAN);
    }
    addNumbers((name + ".dims." + Twine(i)).str(), dims);
  }
  addConstant(name, [&](OpBuilder &b) {
    SmallVector<Value> entries;
    for (auto [i, type] : llvm::enumerate(values.getTypes()))
      entries.push_back(joinValue(b, names[i], (name + ".dims." + Twine(i)).str(), cast<MemRefType>(type)));
    return entries;
  });
}

Value ProgramData::joinValue(OpBuilder &b, StringRef name, StringRef dims, MemRefType type) {
  return join(b, {address(b, name), address(b, dims), number(b, i32, onnxDataType(type.getElementType())),
                  number(b, i32, type.getRank()), null(b), number(b, i32, 0), number(b, i32, HONE_TENSOR)});
}

void ProgramData::addStates(func::FuncOp function, Entry &entry) {
  for (BlockArgument argument : function.getArguments()) {
    DictionaryAttr attrs = function.getArgAttrDict(argument.getArgNumber());
    auto state = attrs ? attrs.getAs<DictionaryAttr>(kStateAttr) : DictionaryAttr();
    if (!state && !(attrs && attrs.contains(kLengthAttr)))
      continue;
    auto name = attrs.getAs<StringAttr>(kNameAttr);
    if (!state) {
      entry.states.push_back({"", -1 - lengthNumber(name)});
      continue;
    }
    auto type = cast<MemRefType>(argument.getType());
    std::optional<Growth> growth = growthOf(state);
    auto dimNames = attrs.getAs<ArrayAttr>(kDimsAttr);
    SmallVector<int64_t> dims(type.getShape());
    for (auto [d, dim] : llvm::enumerate(dims))
      if (ShapedType::isDynamic(dim))
        dim = growth && growth->axis == int64_t(d) ? HONE_DIM_CAPACITY
                                                   : -1 - symbols.lookup(cast<StringAttr>(dimNames[d]));
    auto [found, isNew] = states.try_emplace(name);
    entry.states.push_back({(entry.plan + ".state." + Twine(entry.states.size())).str(), found - states.begin()});
    addNumbers(entry.states.back().dims, dims);
    if (isNew)
      found->second = {addString(name.getValue()).str(), entry.states.back().dims, type, growth ? growth->axis : 0,
                       growth ? growth->length : StringAttr()};
  }
}

std::string ProgramData::digestOfStates(StringRef model) const {
  std::string text = (model + "\n").str();
  llvm::raw_string_ostream stream(text);
  for (const auto &[name, state] : states) {
    stream << name << ' ' << state.type.getElementType() << ' ' << state.type.getRank() << ' ' << state.axis;
    if (state.length)
      stream << ' ' << state.length;
    stream << '\n';
  }
  return llvm::toHex(llvm::BLAKE3::hash<32>(llvm::arrayRefFromStringRef(text)), /*LowerCase=*/true);
}

/// Name of the table of launches, which addProgram() adds when all are known.
static constexpr StringLiteral kLaunches = "launches";

std::string ProgramData::addKernel(ModuleOp kernel) {
  StringRef symbol = kernel->getAttrOfType<StringAttr>(kSymbolAttr).getValue();
  std::string name = (symbol + ".record").str();
  if (!kernels.insert(name).second)
    return name;
  // A stage that was written by hand need not tell it.
  auto decision = kernel->getAttrOfType<DictionaryAttr>(kDecisionAttr);
  auto family = decision ? decision.getAs<StringAttr>("family") : StringAttr();
  auto cost = decision ? decision.getAs<IntegerAttr>("cost") : IntegerAttr();
  std::string symbolText = addString(symbol).str(), familyText = addString(family ? family.getValue() : "").str();
  addConstant(name, [&](OpBuilder &b) {
    return SmallVector<Value>{address(b, symbol), address(b, workSymbol(symbol)), address(b, symbolText),
                              address(b, familyText), number(b, i64, cost ? cost.getInt() : 0)};
  });
  return name;
}

Value ProgramData::addLaunch(OpBuilder &builder, ModuleOp kernel, Location location) {
  llvm::SetVector<StringRef> nodes = nodesIn(location);
  std::string record = addKernel(kernel), node = addString(nodeText(location)).str(),
              all = addString(llvm::join(nodes, ", ")).str();
  int32_t offset = launches.size() * sizeof(hone_launch_record);
  launches.push_back({std::move(record), std::move(node), std::move(all)});
  return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), address(builder, kLaunches),
                             ArrayRef<LLVM::GEPArg>{offset});
}

std::string ProgramData::symbolOf(func::FuncOp entry, StringRef name) {
  return entry.getSymName() == "main" ? name.str() : (entry.getSymName() + "." + name).str();
}

void ProgramData::addEntry(func::FuncOp main) {
  bound.clear();
  SmallVector<DictionaryAttr> inputAttrs, outputAttrs;
  SmallVector<Value> inputs, outputs;
  // The last argument is the arena.
  for (BlockArgument argument : main.getArguments().drop_back()) {
    DictionaryAttr attrs = main.getArgAttrDict(argument.getArgNumber());
    attrs = attrs ? attrs : top.getDictionaryAttr({});
    if (attrs.contains(kStateAttr) || attrs.contains(kLengthAttr))
      continue;
    bool isOutput = attrs.contains(kOutputAttr);
    (isOutput ? outputAttrs : inputAttrs).push_back(attrs);
    (isOutput ? outputs : inputs).push_back(argument);
  }
  auto slots = main->getAttrOfType<IntegerAttr>(kSlotsAttr);
  Entry entry{main.getSymName().str(), symbolOf(main, "inputs"),   symbolOf(main, "outputs"),
              symbolOf(main, "plan"),  symbolOf(main, "run"),      inputs.size(),
              outputs.size(),          slots ? slots.getInt() : 0, {}};
  addValues(entry.inputs, inputAttrs, inputs, /*declaresSymbols=*/true);
  addValues(entry.outputs, outputAttrs, outputs, /*declaresSymbols=*/false);
  addStates(main, entry);
  entries.push_back(std::move(entry));
}

Value ProgramData::null(OpBuilder &builder) { return LLVM::ZeroOp::create(builder, loc, pointer); }

void ProgramData::declare(StringRef name) {
  LLVM::GlobalOp::create(top, loc, top.getI8Type(), /*isConstant=*/true, LLVM::Linkage::External, name, Attribute())
      .setVisibility_(LLVM::Visibility::Hidden);
}

void ProgramData::addProgram(StringRef identifier, StringRef name, StringRef digest, StringRef manifest,
                             int64_t weightBytes, StringRef weightDigest, uint32_t cpuFeatures) {
  addConstant("symbols", [&](OpBuilder &b) {
    return llvm::map_to_vector(symbols, [&](auto &symbol) { return address(b, addString(symbol.first)); });
  });
  bool hasSidecar = !weightDigest.empty(), hasWeights = weightBytes && !hasSidecar;
  std::string weights = (identifier + "_weights").str();
  if (hasWeights)
    declare(weights);

  addConstant(kLaunches, [&](OpBuilder &b) {
    return llvm::map_to_vector(launches, [&](const Launch &launch) {
      return join(b, {address(b, launch.kernel), address(b, launch.node), address(b, launch.nodes)});
    });
  });

  std::string weightDigestText = addString(weightDigest).str();
  std::string nameText = addString(name).str(), manifestText = addString(manifest).str(),
              digestText = addString(states.empty() ? "" : digestOfStates(digest)).str();
  addConstant("states", [&](OpBuilder &b) {
    return llvm::map_to_vector(states, [&](const auto &entry) {
      const State &state = entry.second;
      return join(b, {joinValue(b, state.name, state.dims, state.type), number(b, i32, state.axis),
                      number(b, i32, state.length ? lengths.lookup(state.length) : -1)});
    });
  });
  addConstant("lengths", [&](OpBuilder &b) {
    return llvm::map_to_vector(lengths, [&](auto &length) { return address(b, addString(length.first)); });
  });
  for (Entry &entry : entries) {
    entry.name = addString(entry.name).str();
    addConstant(entry.plan + ".states", [&](OpBuilder &b) {
      return llvm::map_to_vector(entry.states, [&](const Entry::Use &use) {
        Value dims = use.dims.empty() ? null(b) : address(b, use.dims);
        return join(b, {dims, number(b, i32, use.number), number(b, i32, 0)});
      });
    });
  }
  addConstant("entries", [&](OpBuilder &b) {
    return llvm::map_to_vector(entries, [&](const Entry &entry) {
      return join(b, {address(b, entry.name), address(b, entry.inputs), address(b, entry.outputs),
                      address(b, entry.plan), address(b, entry.run), number(b, i32, entry.inputCount),
                      number(b, i32, entry.outputCount), number(b, i32, entry.slots),
                      number(b, i32, entry.states.size()), address(b, entry.plan + ".states")});
    });
  });
  addConstant("program", [&](OpBuilder &b) {
    return SmallVector<Value>{address(b, nameText),
                              address(b, "entries"),
                              address(b, "symbols"),
                              address(b, manifestText),
                              hasWeights ? address(b, weights) : null(b),
                              number(b, i64, weightBytes),
                              number(b, i64, manifest.size()),
                              address(b, kLaunches),
                              number(b, i64, launches.size()),
                              number(b, i32, entries.size()),
                              number(b, i32, symbols.size()),
                              number(b, i32, cpuFeatures),
                              number(b, i32, states.size()),
                              address(b, "states"),
                              address(b, "lengths"),
                              address(b, digestText),
                              number(b, i32, lengths.size()),
                              number(b, i32, 0),
                              states.empty() ? null(b) : address(b, "hone_rt_states"),
                              hasSidecar ? address(b, "hone_rt_sidecar") : null(b),
                              address(b, weightDigestText)};
  });
  declare("hone_rt_functions");
  if (!states.empty())
    declare("hone_rt_states");
  if (hasSidecar)
    declare("hone_rt_sidecar");
  addConstant("library", [&](OpBuilder &b) {
    return SmallVector<Value>{number(b, i32, sizeof(hone_library)), number(b, i32, HONE_ABI_VERSION),
                              address(b, "hone_rt_functions"), address(b, "program")};
  });
  auto descriptor =
      LLVM::LLVMFuncOp::create(top, loc, (identifier + "_library").str(), LLVM::LLVMFunctionType::get(pointer, {}));
  OpBuilder body = OpBuilder::atBlockBegin(descriptor.addEntryBlock(top));
  LLVM::ReturnOp::create(body, loc, address(body, "library"));
}
