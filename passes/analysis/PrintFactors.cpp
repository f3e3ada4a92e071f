// Structures and factors as remarks.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/TargetModel.h"
#include "passes/Passes.h"
#include "passes/analysis/FactorAnalysis.h"
#include "llvm/ADT/SetVector.h"

namespace hone {
#define GEN_PASS_DEF_PRINTFACTORS
#include "passes/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

namespace {
/// What becomes of the classes of one dim.
class Follower {
public:
  Follower(FactorAnalysis &factors, func::FuncOp main) : factors(factors), main(main) {}

  void follow(Value tensor, int64_t dim) {
    found.insert_range(factors.classesOf(tensor, dim));
    for (size_t next = 0; next < found.size(); ++next)
      for (const FactorAnalysis::Part &part : factors.parts())
        for (auto [from, to] : {std::pair(part.part, part.whole), std::pair(part.whole, part.part)})
          if (llvm::is_contained(from, found[next]))
            found.insert_range(to);
    reportCarriers();
    for (FactorAnalysis::Class number : found)
      for (const FactorAnalysis::Use &use : factors.usesOf(number))
        reportUse(number, use);
    for (const FactorAnalysis::Part &part : factors.parts())
      if (llvm::any_of(part.part, [&](auto number) { return found.contains(number); }))
        part.op->emitRemark() << text(part.part) << " is a part of " << text(part.whole) << " here, from position "
                              << numberOf(part.offset);
  }

private:
  std::string name(FactorAnalysis::Class number) const {
    unsigned place = llvm::find(found, number) - found.begin();
    std::string letter(1, char('a' + place % 26));
    return place < 26 ? letter : letter + std::to_string(place / 26);
  }

  static std::string numberOf(OpFoldResult value) {
    auto number = ShapeBuilder::getConstant(value);
    return number ? std::to_string(*number) : "?";
  }

  /// "a(12)·b(32)"; classes that are not followed are a dot.
  std::string text(ArrayRef<FactorAnalysis::Class> product) const {
    std::string all;
    for (FactorAnalysis::Class number : product) {
      all += all.empty() ? "" : "·";
      if (!found.contains(number)) {
        all += "_";
        continue;
      }
      all += name(number) + "(" + numberOf(factors.sizeOf(number)) + ")";
    }
    return all;
  }

  /// Weights, inputs and results of the program that carry a class.
  void reportCarriers() {
    llvm::SetVector<std::pair<Value, int64_t>> carriers;
    for (FactorAnalysis::Class number : found)
      for (const FactorAnalysis::Carrier &carrier : factors.carriersOf(number))
        carriers.insert({carrier.tensor, carrier.dim});
    for (auto [tensor, dim] : carriers) {
      std::string product = text(factors.classesOf(tensor, dim));
      if (auto use = tensor.getDefiningOp<UseWeightOp>())
        use.emitRemark() << use.getWeightAttr() << " dim " << dim << " is " << product;
      else if (auto argument = dyn_cast<BlockArgument>(tensor))
        main.emitRemark() << "input " << argument.getArgNumber() << " dim " << dim << " is " << product;
      for (OpOperand &use : tensor.getUses())
        if (use.getOwner()->hasTrait<OpTrait::IsTerminator>())
          use.getOwner()->emitRemark() << "result " << use.getOperandNumber() << " dim " << dim << " is " << product;
    }
  }

  void reportUse(FactorAnalysis::Class number, const FactorAnalysis::Use &use) {
    switch (use.kind) {
    case FactorKind::Parallel:
      return;
    case FactorKind::Reduction:
      use.op->emitRemark() << name(number) << " ends here: " << stringifyReduceKind(*use.combiner);
      return;
    case FactorKind::Window:
    case FactorKind::Row:
    case FactorKind::Opaque:
      use.op->emitRemark() << name(number) << " must be whole here: " << toString(use.kind);
    }
  }

  FactorAnalysis &factors;
  func::FuncOp main;
  llvm::SetVector<FactorAnalysis::Class> found;
};

struct PrintFactors : hone::impl::PrintFactorsBase<PrintFactors> {
  using PrintFactorsBase::PrintFactorsBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> entries = entriesOf(getOperation());
    if (entries.empty() ||
        !llvm::all_of(entries, [](func::FuncOp entry) { return llvm::hasSingleElement(entry.getBody()); })) {
      getOperation().emitError("wants a function called @main, of one block");
      return signalPassFailure();
    }
    for (func::FuncOp entry : entries)
      if (failed(print(entry)))
        return signalPassFailure();
  }

  LogicalResult print(func::FuncOp entry) {
    // Dims are arithmetic of the program, which is to stay as it is: they go into a copy.
    OwningOpRef<func::FuncOp> copy(entry.clone());
    Block &block = copy->getBody().front();
    OpBuilder builder(&getContext());
    ShapeBuilder shapes(builder);
    ShapeBuilder::DeferredPlacement placement(shapes, block);
    if (from.empty()) {
      printStructures(block, shapes);
      return success();
    }
    FactorAnalysis factors(block, shapes);
    std::optional<std::pair<Value, int64_t>> seed = findSeed(*copy);
    if (!seed)
      return failure();
    Follower(factors, *copy).follow(seed->first, seed->second);
    return success();
  }

  static void printStructures(Block &block, ShapeBuilder &shapes) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      shapes.builder.setInsertionPoint(&op);
      if (auto structured = dyn_cast<StructureOpInterface>(op))
        op.emitRemark() << toString(&op, structured.getStructure(shapes));
    }
  }

  /// The dim that `from` names; if there is none, that was reported.
  std::optional<std::pair<Value, int64_t>> findSeed(func::FuncOp main) {
    auto [name, number] = StringRef(from).rsplit(':');
    Value tensor;
    for (BlockArgument argument : main.getArguments()) {
      auto own = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr);
      if (own && own.getValue() == name)
        tensor = argument;
    }
    for (UseWeightOp use : main.getOps<UseWeightOp>())
      if (name.starts_with("@") && use.getWeight() == name.drop_front())
        tensor = use.getOutput();
    int64_t dim = 0;
    if (!tensor || !isa<RankedTensorType>(tensor.getType())) {
      main.emitError("hone-print-factors: from='") << from
                                                   << "' names no weight that is used and no input: @WEIGHT:DIM "
                                                      "or NAME:DIM";
    } else if (number.getAsInteger(10, dim) || dim < 0 || dim >= rankOf(tensor)) {
      main.emitError("hone-print-factors: from='") << from << "' names no dim of " << tensor.getType();
    } else {
      return std::pair(tensor, dim);
    }
    return std::nullopt;
  }
};
} // namespace
