// Reductions, running sums and selections.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/ReduceKind.td"

def Hone_ReduceOp : Hone_TensorOp<"reduce", [
    Hone_StructuredByDims, DeclareOpInterfaceMethods<Hone_AccumulateOpInterface>,
    DeclareOpInterfaceMethods<Hone_ElementOpInterface>, SameOperandsAndResultElementType]> {
  let summary = "Elements combined along axes";
  let description = [{
    `axes` are sorted and not negative; with `keepdims` they stay as dims of 1. The order of combination is fixed by the code,
    never by the number of threads. Over no elements: 0, 1, the least, the greatest value. Max and min of NaN are NaN.
    ```mlir
    %s = hone.reduce sum %x [1] : tensor<?x?x384xf32> -> tensor<?x384xf32>
    ```
  }];
  let arguments = (ins Hone_ReduceKindAttr:$kind, Hone_ComputedTensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keepdims);
  let results = (outs Hone_ComputedTensor:$output);
  let assemblyFormat = "$kind $input $axes attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_ArgReduceOp : Hone_TensorOp<"arg_reduce", [Hone_StructuredByDims,
                                                    DeclareOpInterfaceMethods<Hone_ElementOpInterface>]> {
  let summary = "Position of the greatest (`max`) or least (`min`) element along an axis (ONNX ArgMax-13, ArgMin-13)";
  let description = [{
    The first such position, or with `select_last` the last. A NaN counts as greatest and as least.
    ```mlir
    %i = hone.arg_reduce max %x {axis = 1 : i64, keepdims} : tensor<?x8xf32> -> tensor<?x1xi64>
    ```
  }];
  let arguments = (ins Hone_ReduceKindAttr:$kind, Hone_NumberTensor:$input, I64Attr:$axis, UnitAttr:$keepdims,
                       UnitAttr:$select_last);
  let results = (outs Hone_IntegerTensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_CumSumOp : Hone_TensorOp<"cumsum", [Hone_StructuredByDims, DeclareOpInterfaceMethods<Hone_LoopOpInterface>,
                                            SameOperandsAndResultElementType]> {
  let summary = "Running sums along an axis, in order (ONNX CumSum-14)";
  let description = [{
    With `exclusive` without the element itself, with `reverse` from the end.
    ```mlir
    %y = hone.cumsum %x {axis = 1 : i64, exclusive} : tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_NumberTensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Hone_NumberTensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_TopKOp : Hone_TensorOp<"topk", [Hone_Structured, DeclareOpInterfaceMethods<Hone_LoopOpInterface>,
                                        AllElementTypesMatch<["input", "values"]>]> {
  let summary = "The k greatest or least elements along an axis, sorted, and their positions (ONNX TopK-24)";
  let description = [{
    Equal elements come in order of position. NaN counts as greatest.
    ```mlir
    %values, %positions = hone.topk %x, %k {axis = 1 : i64, largest = true} : tensor<?x8xf32> -> tensor<?x?xf32>, tensor<?x?xi64>
    ```
  }];
  let arguments = (ins Hone_NumberTensor:$input, Index:$k, I64Attr:$axis, BoolAttr:$largest);
  let results = (outs Hone_NumberTensor:$values, Hone_IntegerTensor:$positions);
  let assemblyFormat = "$input `,` $k attr-dict `:` type($input) `->` type($values) `,` type($positions)";
  let hasVerifier = 1;
}
