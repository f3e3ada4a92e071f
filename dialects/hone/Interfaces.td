// What the rooms ask an op instead of looking at its kind.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_INTERFACES_TD
#define HONE_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Hone_ShapeOpInterface : OpInterface<"ShapeOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    The dims of results as functions of operands' dims and index operands. One definition serves type inference (static dims
    fold to attributes), the proof that two dynamic dims are equal (they become the same SSA value), arena formulas and kernels.
  }];
  let methods = [
    InterfaceMethod<
      "Appends the dims of result `result`: attributes where static, index values otherwise.", "void", "reifyShape",
      (ins "::hone::ShapeBuilder &":$shapes, "unsigned":$result, "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$dims)>,
    InterfaceMethod<"The operands that decide on dims.", "::mlir::ValueRange", "getShapeOperands", (ins), [{}],
      [{ return $_op->getOperands(); }]>
  ];
  // After the op's own verifier, which makes sure that there are dims to speak of.
  let verify = [{ return ::hone::verifyResultDims($_op); }];
  let verifyWithRegions = 1;
}

def Hone_StructureOpInterface : OpInterface<"StructureOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    The iteration space: factors (counters with a size and a kind: parallel, reduction, window, row, opaque), and how each
    tensor's dims run over them. Grouping, collapsing, scheduling, costs, sharding and pruning read this and do not ask what
    op it is. Element-wise and row ops have it by their other interfaces; by default nothing is known of an op.
    `hone-print-factors` shows it.
  }];
  let methods = [
    InterfaceMethod<"Factors, and the dims of operands and results in them.", "::hone::Structure", "getStructure",
      (ins "::hone::ShapeBuilder &":$shapes), "", [{ return ::hone::defaultStructure($_op, shapes); }]>,
    InterfaceMethod<"Floating-point or integer operations, one for an addition, twenty for a division or polynomial.",
      "::mlir::OpFoldResult", "flops", (ins "::hone::ShapeBuilder &":$shapes), "", [{
        return ::hone::defaultFlops($_op, shapes);
      }]>,
    InterfaceMethod<"Bytes that are read of a tensor operand, each counted once.", "::mlir::OpFoldResult", "bytesRead",
      (ins "::hone::ShapeBuilder &":$shapes, "unsigned":$operand), "", [{
        return ::hone::defaultBytesRead($_op, shapes, operand);
      }]>,
    InterfaceMethod<"Bytes that are written of a result, each counted once.", "::mlir::OpFoldResult", "bytesWritten",
      (ins "::hone::ShapeBuilder &":$shapes, "unsigned":$result), "", [{
        return shapes.storageBytes($_op->getResult(result));
      }]>,
    InterfaceMethod<"Whether an element is a few instructions, so that computing it again beats keeping it.", "bool",
      "isCheapToRecompute", (ins), "", [{ return $_op->template hasTrait<::hone::CheapToRecompute>(); }]>,
    InterfaceMethod<[{
        Neighbouring dims were joined, or dims permuted: dim i of the first operand is now dim operandDims[i] or part of it,
        dim i of the results resultDims[i]. Attributes that number dims follow.
      }], "void", "renumberDims",
      (ins "::llvm::ArrayRef<int64_t>":$operandDims, "::llvm::ArrayRef<int64_t>":$resultDims), "", [{
        (void)operandDims, (void)resultDims; // nothing to renumber
      }]>
  ];
}

def Hone_ElementOpInterface : OpInterface<"ElementOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    One element of the only result as a function of elements of the operands: the op's plain meaning. Generic code generation,
    fusion (a producer's element in place of a load), evaluation of shape values on the host and constant folding all
    use this one definition.
  }];
  let methods = [InterfaceMethod<
    "Builds the scalar at `indices` (one index value per result dim).", "::mlir::Value", "emitElement",
    (ins "::hone::ElementBuilder &":$elements, "::mlir::ValueRange":$indices)>];
}

def Hone_ScalarOpInterface : OpInterface<"ScalarOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Element-wise ops: operands broadcast to the result (numpy rules), and each result element is the scalar body of the
    operands' elements. Scalars are signless; signedness is read from the tensors' element types.
  }];
  let methods = [InterfaceMethod<
    "Builds the scalar body.", "::mlir::Value", "emitScalar",
    (ins "::hone::ElementBuilder &":$elements, "::mlir::ValueRange":$scalars)>];
  let verify = [{ return ::hone::verifyBroadcast($_op, $_op->getOperands(), $_op->getResult(0)); }];
}

def Hone_DecomposeOpInterface : OpInterface<"DecomposeOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Ops over rows that the generic path expands into reductions and element-wise ops. All operands broadcast to the first.
  }];
  let methods = [
    InterfaceMethod<"Builds the replacement of the op's only result before the op.", "::mlir::Value", "decompose",
      (ins "::mlir::OpBuilder &":$builder)>,
    InterfaceMethod<"The dims of the first operand that make up a row.", "::llvm::SmallVector<int64_t>", "rowDims">
  ];
}

def Hone_AccumulateOpInterface : OpInterface<"AccumulateOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Ops each of whose elements is accumulated over the reduction factors of its structure. Code generation may
    put that loop inside or outside of those over the result's elements.
  }];
  let methods = [
    InterfaceMethod<"The sizes of the reduction factors, in the structure's order.", "::llvm::SmallVector<::mlir::Value>",
      "accumulatedSizes", (ins "::hone::ElementBuilder &":$elements)>,
    InterfaceMethod<"An element over no positions.", "::mlir::Value", "emitInitial",
      (ins "::hone::ElementBuilder &":$elements)>,
    InterfaceMethod<"`partial` with what `positions`, one for each reduction factor, add to the element at `indices`.",
      "::mlir::Value", "emitStep",
      (ins "::hone::ElementBuilder &":$elements, "::mlir::ValueRange":$indices, "::mlir::ValueRange":$positions,
           "::mlir::Value":$partial)>
  ];
}

def Hone_LoopOpInterface : OpInterface<"LoopOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Ops whose elements depend on each other (running sums, selections, scatters). They write loops of their own over an
    iteration range that can be split between threads.
  }];
  let methods = [
    InterfaceMethod<"The size of the iteration range.", "::mlir::OpFoldResult", "iterationCount",
      (ins "::hone::ShapeBuilder &":$shapes)>,
    InterfaceMethod<"Writes iteration `iteration` of the results through `elements.store`.", "void", "emitIteration",
      (ins "::hone::ElementBuilder &":$elements, "::mlir::Value":$iteration)>
  ];
}

def Hone_UpdateOpInterface : OpInterface<"UpdateOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Ops whose only result is one of their operands, changed in part: a launch writes what changes, where the operand lies.
  }];
  let methods = [InterfaceMethod<"The operand that is changed.", "::mlir::OpOperand &", "getUpdated">];
}

def Hone_RecipeOpInterface : OpInterface<"RecipeOpInterface"> {
  let cppNamespace = "::hone";
  let description = [{ Ops that a recipe can do ahead of time where their operands are weights. }];
  let methods = [InterfaceMethod<
    "The recipe that makes the op's result of `sources`, which stand for its tensor operands in order; null where "
    "something else than the weights decides on the result.", "::hone::WeightRecipeAttrInterface", "getRecipe",
    (ins "::llvm::ArrayRef<::mlir::FlatSymbolRefAttr>":$sources)>];
}

def Hone_WeightRecipeAttrInterface : AttrInterface<"WeightRecipeAttrInterface"> {
  let cppNamespace = "::hone";
  let description = [{
    Says how a weight is made of other weights. To add one, write an attribute that implements this: nothing else lists them.
  }];
  let methods = [
    InterfaceMethod<"The weights that it reads, in order.", "::llvm::SmallVector<::mlir::FlatSymbolRefAttr>",
      "getSourceNames">,
    InterfaceMethod<
      "The type of what it makes of sources of these static types; `declared`, the weight's own type, decides what a "
      "recipe leaves open (a cast the element type). Reports by `emitError` what does not fit.",
      "::mlir::FailureOr<::mlir::RankedTensorType>", "inferType",
      (ins "::llvm::ArrayRef<::mlir::RankedTensorType>":$sources, "::mlir::RankedTensorType":$declared,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<"Its evaluation, for types that inferType() has accepted.",
      "::std::unique_ptr<::hone::RecipeEvaluator>", "prepare",
      (ins "::llvm::ArrayRef<::mlir::RankedTensorType>":$sources, "::mlir::RankedTensorType":$result)>,
    InterfaceMethod<
      "Of a recipe that only permutes the dims of its one source: which of them each dim of the result is.",
      "::std::optional<::llvm::ArrayRef<int64_t>>", "asPermutation", (ins), "", [{ return std::nullopt; }]>
  ];
}

#endif
