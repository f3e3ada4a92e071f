// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/host/ProgramData.h"
#include "dialects/hone/Hone.h"
#include "hone/abi.h"
#include "hone/hone.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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

void ProgramData::addConstant(StringRef name, Type type, function_ref<void(OpBuilder &, Set)> fill) {
  auto global = LLVM::GlobalOp::create(top, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name, Attribute());
  OpBuilder inside(top.getContext());
  inside.createBlock(&global.getInitializerRegion());
  Value constant = LLVM::UndefOp::create(inside, loc, type);
  fill(inside, [&](ArrayRef<int64_t> position, Value element) {
    constant = LLVM::InsertValueOp::create(inside, loc, constant, element, position);
  });
  LLVM::ReturnOp::create(inside, loc, constant);
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
    SmallVector<int64_t> dims;
    for (auto [d, size] : llvm::enumerate(cast<MemRefType>(type).getShape())) {
      if (!ShapedType::isDynamic(size)) {
        dims.push_back(size);
        continue;
      }
      std::string symbol = dimNames && d < dimNames.size() ? cast<StringAttr>(dimNames[d]).getValue().str() : "";
      if (declaresSymbols && symbol.empty()) // equal to no other dim
        symbol = ("#" + Twine(i) + "." + Twine(d)).str();
      if (declaresSymbols && !llvm::is_contained(symbols, symbol))
        symbols.push_back(symbol);
      auto *found = llvm::find(symbols, symbol);
      dims.push_back(found == symbols.end() ? std::numeric_limits<int64_t>::min() : -1 - (found - symbols.begin()));
    }
    addNumbers((name + ".dims." + Twine(i)).str(), dims);
  }
  auto valueType = LLVM::LLVMStructType::getLiteral(top.getContext(), {pointer, pointer, i32, i32});
  addConstant(name, LLVM::LLVMArrayType::get(valueType, values.size()), [&](OpBuilder &b, Set set) {
    for (auto [i, value] : llvm::enumerate(values)) {
      int64_t at = i;
      auto memory = cast<MemRefType>(value.getType());
      set({at, 0}, address(b, names[i]));
      set({at, 1}, address(b, (name + ".dims." + Twine(at)).str()));
      int64_t numbers[] = {onnxDataType(memory.getElementType()), memory.getRank()};
      for (auto [field, number] : llvm::enumerate(numbers))
        set({at, 2 + int64_t(field)}, LLVM::ConstantOp::create(b, loc, i32, int32_t(number)));
    }
  });
}

void ProgramData::addProgram(func::FuncOp main, StringRef identifier, StringRef name, StringRef manifest,
                             int64_t weightBytes, uint32_t cpuFeatures) {
  SmallVector<DictionaryAttr> inputAttrs, outputAttrs;
  SmallVector<Value> inputs, outputs;
  // The last argument is the arena.
  for (BlockArgument argument : main.getArguments().drop_back()) {
    DictionaryAttr attrs = main.getArgAttrDict(argument.getArgNumber());
    attrs = attrs ? attrs : top.getDictionaryAttr({});
    bool isOutput = attrs.contains("hone.output");
    (isOutput ? outputAttrs : inputAttrs).push_back(attrs);
    (isOutput ? outputs : inputs).push_back(argument);
  }
  addValues("inputs", inputAttrs, inputs, /*declaresSymbols=*/true);
  addValues("outputs", outputAttrs, outputs, /*declaresSymbols=*/false);
  addConstant("symbols", LLVM::LLVMArrayType::get(pointer, symbols.size()), [&](OpBuilder &b, Set set) {
    for (auto [i, symbol] : llvm::enumerate(symbols))
      set({int64_t(i)}, address(b, addString(symbol)));
  });
  std::string weights = (identifier + "_weights").str();
  if (weightBytes)
    LLVM::GlobalOp::create(top, loc, top.getI8Type(), /*isConstant=*/true, LLVM::Linkage::External, weights,
                           Attribute())
        .setVisibility_(LLVM::Visibility::Hidden);

  auto number = [&](OpBuilder &b, Type type, int64_t value) {
    return LLVM::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, value));
  };
  auto programType =
      LLVM::LLVMStructType::getLiteral(top.getContext(), {pointer, pointer, pointer, pointer, pointer, pointer, i64,
                                                          i64, i32, i32, i32, i32, pointer, pointer});
  std::string nameText = addString(name).str(), manifestText = addString(manifest).str();
  addConstant("program", programType, [&](OpBuilder &b, Set set) {
    set({0}, address(b, nameText));
    set({1}, address(b, "inputs"));
    set({2}, address(b, "outputs"));
    set({3}, address(b, "symbols"));
    set({4}, address(b, manifestText));
    set({5}, weightBytes ? address(b, weights) : LLVM::ZeroOp::create(b, loc, pointer));
    set({6}, number(b, i64, weightBytes));
    set({7}, number(b, i64, manifest.size()));
    set({8}, number(b, i32, inputs.size()));
    set({9}, number(b, i32, outputs.size()));
    set({10}, number(b, i32, symbols.size()));
    set({11}, number(b, i32, cpuFeatures));
    set({12}, address(b, "plan"));
    set({13}, address(b, "run"));
  });
  auto functions = LLVM::GlobalOp::create(top, loc, top.getI8Type(), /*isConstant=*/true, LLVM::Linkage::External,
                                          "hone_rt_functions", Attribute());
  functions.setVisibility_(LLVM::Visibility::Hidden);
  auto libraryType = LLVM::LLVMStructType::getLiteral(top.getContext(), {i32, i32, pointer, pointer});
  addConstant("library", libraryType, [&](OpBuilder &b, Set set) {
    set({0}, number(b, i32, sizeof(hone_library)));
    set({1}, number(b, i32, HONE_ABI_VERSION));
    set({2}, address(b, "hone_rt_functions"));
    set({3}, address(b, "program"));
  });
  auto descriptor =
      LLVM::LLVMFuncOp::create(top, loc, (identifier + "_library").str(), LLVM::LLVMFunctionType::get(pointer, {}));
  OpBuilder body = OpBuilder::atBlockBegin(descriptor.addEntryBlock(top));
  LLVM::ReturnOp::create(body, loc, address(body, "library"));
}
