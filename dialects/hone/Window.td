// Ops that read through a sliding window: convolution and pooling. Channels come last.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/ReduceKind.td"

// How the window lies at each output position, per spatial dim.
defvar Hone_WindowArguments = (ins DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$pads_before, DenseI64ArrayAttr:$pads_after);

def Hone_ConvOp
    : Hone_TensorOp<"conv", [DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure", "flops"]>,
                             DeclareOpInterfaceMethods<Hone_AccumulateOpInterface>,
                             DeclareOpInterfaceMethods<Hone_ElementOpInterface>]> {
  let summary = "Convolution, channels last (ONNX Conv-22 between transpositions)";
  let description = [{
    input [batch, spatial.., groups · channels], filter [groups, outputs, window.., channels]
    -> [batch, positions.., groups · outputs]; each group of outputs reads its own channels. At output position o of a spatial dim, tap t of the window lies at o · stride + t · dilation - padBefore of the input; taps
    outside of it count as zeros. A dim has max(0, (size + padBefore + padAfter - extent + stride) / stride) positions, rounded
    down, where extent = (window - 1) · dilation + 1.
    Products are computed and added up in the result's element type, to which each operand is converted without a loss.
    ```mlir
    %y = hone.conv %x, %w strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1]
       : tensor<?x224x224x3xf32>, tensor<1x32x3x3x3xf32> -> tensor<?x112x112x32xf32>
    ```
  }];
  let arguments = !con((ins Hone_FactorTensor:$input, Hone_FactorTensor:$filter), Hone_WindowArguments);
  let results = (outs Hone_NumberTensor:$output);
  let assemblyFormat = [{
    $input `,` $filter `strides` $strides `dilations` $dilations `pads` $pads_before $pads_after attr-dict
    `:` type($input) `,` type($filter) `->` type($output)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Hone_PoolOp
    : Hone_TensorOp<"pool", [DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure"]>,
                             DeclareOpInterfaceMethods<Hone_AccumulateOpInterface>,
                             DeclareOpInterfaceMethods<Hone_ElementOpInterface>, SameOperandsAndResultElementType]> {
  let summary = "Elements under a sliding window combined, channels last (ONNX MaxPool-22, AveragePool-22)";
  let description = [{
    input [batch, spatial.., channels] -> [batch, positions.., channels]. The window and its positions are those of hone.conv;
    taps outside of the input are left out. With `ceil`, the number of positions is rounded up, but no window starts behind
    the input and the pads before it. An average is a sum divided by the sum of ones.
    ```mlir
    %y = hone.pool max %x [3, 3] strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1] : tensor<?x112x112x64xf32> -> tensor<?x56x56x64xf32>
    ```
  }];
  let arguments = !con((ins Hone_ReduceKindAttr:$kind, Hone_NumberTensor:$input, DenseI64ArrayAttr:$window),
                       Hone_WindowArguments, (ins UnitAttr:$ceil));
  let results = (outs Hone_NumberTensor:$output);
  let assemblyFormat = [{
    $kind $input $window `strides` $strides `dilations` $dilations `pads` $pads_before $pads_after attr-dict
    `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Hone_ArgPoolOp : Hone_TensorOp<"arg_pool", [Hone_Structured, DeclareOpInterfaceMethods<Hone_ElementOpInterface>]> {
  let summary = "Positions of the greatest elements under a sliding window, channels last (ONNX MaxPool-22, Indices)";
  let description = [{
    The window is that of hone.pool. A position counts elements row by row, as if channels came second:
    ((batch · channels + channel) · size0 + i0) · size1 + i1; with `column_major`, spatial dims are counted from the first one
    on. The first of several greatest elements in the order of the window's taps is taken; NaN counts as greatest. A window
    without taps in the input gives -1.
    ```mlir
    %i = hone.arg_pool %x [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0] [0, 0] : tensor<?x8x8x4xf32> -> tensor<?x4x4x4xi64>
    ```
  }];
  let arguments = !con((ins Hone_NumberTensor:$input, DenseI64ArrayAttr:$window), Hone_WindowArguments,
                       (ins UnitAttr:$ceil, UnitAttr:$column_major));
  let results = (outs Hone_LengthTensor:$output);
  let assemblyFormat = [{
    $input $window `strides` $strides `dilations` $dilations `pads` $pads_before $pads_after attr-dict
    `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}
