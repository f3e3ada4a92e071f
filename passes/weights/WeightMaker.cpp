// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/weights/WeightMaker.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;

WeightMaker::WeightMaker(ModuleOp module, SymbolTable &symbols) : symbols(symbols) {
  for (auto weight : module.getOps<WeightOp>())
    if (isa<WeightRecipeAttrInterface>(weight.getSource()))
      made.try_emplace({weight.getSource(), weight.getType()}, weight);
}

WeightOp WeightMaker::make(Location loc, const Twine &name, RankedTensorType type, Attribute source,
                           WeightOp previous) {
  WeightOp &weight = made[{source, type}];
  if (!weight) {
    OpBuilder builder(symbols.getOp()->getRegion(0));
    if (previous)
      builder.setInsertionPointAfter(previous);
    weight = WeightOp::create(builder, loc, name.str(), type, source);
    symbols.insert(weight);
  }
  return weight;
}

WeightOp WeightMaker::weightOf(Value value) {
  Operation *op = value.getDefiningOp();
  auto type = cast<RankedTensorType>(value.getType());
  if (WeightOp weight = known.lookup(op))
    return weight;
  if (auto use = dyn_cast<UseWeightOp>(op))
    return known[op] = symbols.lookup<WeightOp>(use.getWeight());
  if (Attribute constant; matchPattern(value, m_Constant(&constant)))
    return known[op] = make(op->getLoc(), "constant", type, constant);
  SmallVector<FlatSymbolRefAttr> sources;
  for (Value operand : op->getOperands()) // as deep as recipes may be
    if (isa<RankedTensorType>(operand.getType()))
      sources.push_back(FlatSymbolRefAttr::get(weightOf(operand)));
  return known[op] =
             make(op->getLoc(), sources[0].getValue() + "_" + op->getName().stripDialect(), type,
                  cast<RecipeOpInterface>(op).getRecipe(sources), symbols.lookup<WeightOp>(sources[0].getValue()));
}
