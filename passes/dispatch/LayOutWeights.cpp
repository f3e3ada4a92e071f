// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/LayOutWeights.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/dispatch/Grouping.h"

using namespace mlir;
using namespace hone;

namespace {
class WeightLayouts {
public:
  WeightLayouts(ModuleOp module, const TargetModel &model, TargetAttr target)
      : symbols(module), model(model), target(target) {}

  /// Lays out what kernels of `main` want.
  void layOut(func::FuncOp main) {
    main.walk([&](StructureOpInterface op) {
      for (OpOperand &operand : op->getOpOperands())
        if (std::optional<Origin> origin = originOf(operand.get()))
          if (std::optional<TileLayout> layout = model.layoutOf(target, op, operand.getOperandNumber()))
            layOut(operand, *origin, *layout);
    });
    // Transpositions that nobody reads any more are no readers.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
  /// Then, once all entries are laid out, the other readers of these weights.
  void share(func::FuncOp main) {
    for (UseWeightOp use : llvm::make_early_inc_range(main.getOps<UseWeightOp>()))
      if (auto found = formOf.find(use.getWeightAttr()); found != formOf.end())
        share(use, found->second);
  }

private:
  /// A weight in tiles, and the layout of the weight that it was made of.
  struct Packed {
    WeightOp weight;
    TileLayout layout;
  };

  /// The weight that a value is, or is a transposition of: what that moves, a packing can move, and one copy serves
  /// readers of both.
  struct Origin {
    FlatSymbolRefAttr weight;
    ArrayRef<int64_t> permutation; // empty: as it is
  };
  std::optional<Origin> originOf(Value value) {
    WeightRecipeAttrInterface recipe;
    auto use = value.getDefiningOp<UseWeightOp>();
    if (use) {
      recipe = dyn_cast<WeightRecipeAttrInterface>(symbols.lookup<WeightOp>(use.getWeight()).getSource());
    } else if (auto op = value.getDefiningOp<RecipeOpInterface>(); op && op->getNumOperands() == 1) {
      if (auto of = op->getOperand(0).getDefiningOp<UseWeightOp>())
        recipe = op.getRecipe(of.getWeightAttr());
    }
    if (std::optional<ArrayRef<int64_t>> permutation = recipe ? recipe.asPermutation() : std::nullopt)
      return Origin{recipe.getSourceNames()[0], *permutation};
    if (use)
      return Origin{use.getWeightAttr(), {}};
    return std::nullopt;
  }

  void layOut(OpOperand &operand, const Origin &origin, const TileLayout &layout) {
    FlatSymbolRefAttr source = origin.weight;
    TileLayout ofSource = origin.permutation.empty() ? layout : layout.ofTransposed(origin.permutation);
    auto recipe = PackAttr::get(source.getContext(), source, ofSource.dims, ofSource.tiles, ofSource.order);
    WeightOp &weight = packed[recipe];
    if (!weight) {
      auto type = cast<RankedTensorType>(operand.get().getType());
      auto packedType = RankedTensorType::get(layout.packedShape(type.getShape()), type.getElementType());
      OpBuilder builder(operand.getOwner()->getParentOfType<func::FuncOp>());
      weight =
          WeightOp::create(builder, operand.get().getLoc(), (source.getValue() + "_packed").str(), packedType, recipe);
      symbols.insert(weight);
      formOf.try_emplace(source, Packed{weight, ofSource});
    }
    show(operand, weight, layout);
  }

  /// Makes `operand` read `weight`, whose tiles have this layout.
  void show(OpOperand &operand, WeightOp weight, const TileLayout &layout) {
    OpBuilder builder(operand.getOwner());
    Location loc = operand.get().getLoc();
    auto use = UseWeightOp::create(builder, loc, weight.getType(), weight.getSymName());
    operand.set(UnpackOp::create(builder, loc, operand.get().getType(), use, layout.dims, layout.tiles, layout.order));
  }

  /// Readers of a weight that another one has packed take this form, if they touch little of it and generic code
  /// computes where it lies.
  void share(UseWeightOp use, const Packed &form) {
    OpBuilder builder(use);
    ShapeBuilder shapes(builder);
    auto readsLittle = [&](OpOperand &operand) {
      auto reader = dyn_cast<StructureOpInterface>(operand.getOwner());
      return reader && runsInKernel(reader) && !model.hasKernelOfItsOwn(target, reader) &&
             reader.getStructure(shapes).choosesFrom(operand.getOperandNumber());
    };
    if (llvm::all_of(use->getUses(), readsLittle))
      for (OpOperand &operand : llvm::make_early_inc_range(use->getUses()))
        show(operand, form.weight, form.layout);
  }

  SymbolTable symbols;
  const TargetModel &model;
  TargetAttr target;
  llvm::DenseMap<Attribute, WeightOp> packed; // by recipe
  llvm::DenseMap<Attribute, Packed> formOf;   // of a weight: the first one
};
} // namespace

void hone::layOutWeights(ModuleOp module, ArrayRef<TargetedProgram> programs) {
  WeightLayouts layouts(module, *programs.front().model, programs.front().target);
  for (const TargetedProgram &program : programs)
    layouts.layOut(program.main);
  for (const TargetedProgram &program : programs)
    layouts.share(program.main);
}
