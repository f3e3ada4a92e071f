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
  let methods = [InterfaceMethod<
    "Appends the dims of result `result`: attributes where static, index values otherwise.", "void", "reifyShape",
    (ins "::hone::ShapeBuilder &":$shapes, "unsigned":$result, "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$dims)>];
  // After the op's own verifier, which makes sure that there are dims to speak of.
  let verify = [{ return ::hone::verifyResultDims($_op); }];
  let verifyWithRegions = 1;
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
  let description = [{ Ops over rows that the generic path expands into reductions and element-wise ops. }];
  let methods = [InterfaceMethod<
    "Builds the replacement of the op's only result before the op.", "::mlir::Value", "decompose",
    (ins "::mlir::OpBuilder &":$builder)>];
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

#endif
