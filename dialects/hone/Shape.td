// Ops that only move elements: their element function is an index map.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"
include "mlir/Interfaces/ViewLikeInterface.td"

class Hone_MoveOp<string mnemonic, list<Trait> traits = [], Trait structure = Hone_StructureOpInterface>
    : Hone_TensorOp<mnemonic, !listconcat([structure, DeclareOpInterfaceMethods<Hone_ElementOpInterface>], traits)> {
  let results = (outs Hone_Tensor:$output);
}
class Hone_MoveOneOp<string mnemonic, list<Trait> traits = [], Trait structure = Hone_StructureOpInterface>
    : Hone_MoveOp<mnemonic, !listconcat([AllElementTypesMatch<["input", "output"]>], traits), structure>;
defvar Hone_Recipe = DeclareOpInterfaceMethods<Hone_RecipeOpInterface>;

def Hone_ConstantOp : Hone_MoveOp<"constant", [ConstantLike, Hone_Cheap, AllTypesMatch<["value", "output"]>], Hone_Structured> {
  let summary = "A small constant, at most 1 KiB of data unless it is a splat";
  let description = [{
    ```mlir
    %c = hone.constant dense<[1.0, 2.0]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let assemblyFormat = "attr-dict $value";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hone_FromElementsOp : Hone_MoveOp<"from_elements", [Hone_Cheap]> {
  let summary = "A tensor of rank at most 1 made of host values";
  let description = [{
    Index values (dims, shape arithmetic) as a tensor of integers: `[]` of rank 0 or `[n]`.
    ```mlir
    %shape = hone.from_elements %b, %s : tensor<2xi64>
    ```
  }];
  let arguments = (ins Variadic<Index>:$elements);
  let assemblyFormat = "$elements attr-dict `:` type($output)";
  let hasVerifier = 1;
}

def Hone_ReshapeOp : Hone_MoveOneOp<"reshape", [Hone_Recipe, ViewLikeOpInterface], Hone_Structured> {
  let summary = "The same elements in row-major order under other dims (ONNX Reshape-14)";
  let description = [{
    `sizes` are all dims of the result. The host program checks that the element counts agree when that is not proven.
    ```mlir
    %y = hone.reshape %x [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Variadic<Index>:$sizes);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    ::mlir::Value getViewSource() { return getInput(); }
    ::mlir::ValueRange getShapeOperands() { return getSizes(); }
  }];
}

def Hone_WithDimsOp : Hone_MoveOneOp<"with_dims", [ViewLikeOpInterface, Hone_TellsDims], Hone_Structured> {
  let summary = "The same tensor, whose dims are said to be `sizes`";
  let description = [{
    For values whose dims no op explains: they are carried around a loop or given by branches, as index values beside them.
    The sizes are all dims, and must be those that the tensor has. The result's type may say more or less than the input's.
    ```mlir
    %y = hone.with_dims %x [%n, %c8] : tensor<?x8xf32> -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Variadic<Index>:$sizes);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    ::mlir::Value getViewSource() { return getInput(); }
    ::mlir::ValueRange getShapeOperands() { return getSizes(); }
  }];
}

def Hone_ExpandOp : Hone_MoveOneOp<"expand", [], Hone_Structured> {
  let summary = "The input broadcast to `sizes`, all dims of the result (ONNX Expand-13)";
  let description = [{
    ```mlir
    %y = hone.expand %x [%b, %s] : tensor<8xf32> -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Variadic<Index>:$sizes);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = "::mlir::ValueRange getShapeOperands() { return getSizes(); }";
}

def Hone_TransposeOp : Hone_MoveOneOp<"transpose", [Hone_Recipe], Hone_StructuredByDims> {
  let summary = "Dims permuted: dim i of the result is dim permutation[i] of the input (ONNX Transpose-24)";
  let description = [{
    ```mlir
    %y = hone.transpose %x [1, 0] : tensor<?x8xf32> -> tensor<8x?xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::llvm::ArrayRef<int64_t>":$permutation), [{
    auto type = ::llvm::cast<::mlir::RankedTensorType>(input.getType());
    auto shape = ::llvm::map_to_vector(permutation, [&](int64_t from) { return type.getDimSize(from); });
    build($_builder, $_state, type.clone(shape), input, permutation);
  }]>];
  let assemblyFormat = "$input $permutation attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hone_UnpackOp : Hone_MoveOneOp<"unpack", [Hone_Cheap, Hone_Layout], Hone_Structured> {
  let summary = "A tensor whose elements lie cut into tiles (what #hone.pack makes; MLIR's linalg.unpack)";
  let description = [{
    Dim dims[i] of the result is cut into pieces of tiles[i]. The input's dims are those of the result (of a cut one the number of
    pieces) in the order `order`, or as they are, then the tiles. A matrix that lies in panels of 16 columns:
    ```mlir
    %w = hone.unpack %panels dims [1] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, DenseI64ArrayAttr:$dims, DenseI64ArrayAttr:$tiles,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$order);
  let assemblyFormat = [{
    $input `dims` $dims `tiles` $tiles (`order` $order^)? attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = "::hone::TileLayout getLayout();";
}

def Hone_SliceOp : Hone_MoveOneOp<"slice", [SameVariadicOperandSize, Hone_Recipe],
                                  DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure", "bytesRead"]>> {
  let summary = "Every step-th element from a start on, per dim (ONNX Slice-13)";
  let description = [{
    `starts`, `sizes` and `steps` have one index per dim, already clamped: element i of a dim is element start + i·step
    (step may be negative) of the input's.
    ```mlir
    %y = hone.slice %x [%first, %zero] [%count, %c8] [%step, %one] : tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Variadic<Index>:$starts, Variadic<Index>:$sizes, Variadic<Index>:$steps);
  let assemblyFormat = [{
    $input `[` $starts `]` `[` $sizes `]` `[` $steps `]` attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = "::mlir::ValueRange getShapeOperands() { return getSizes(); }";
}

def Hone_ConcatOp : Hone_MoveOp<"concat", [Hone_Branching, SameOperandsAndResultElementType, Hone_Recipe],
                                Hone_StructuredByDims> {
  let summary = "Operands one after the other along an axis (ONNX Concat-13)";
  let description = [{
    ```mlir
    %y = hone.concat %a, %b {axis = 0 : i64} : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Variadic<Hone_Tensor>:$inputs, I64Attr:$axis);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hone_PadOp : Hone_MoveOp<"pad", [Hone_Branching, SameVariadicOperandSize,
                                     AllElementTypesMatch<["input", "value", "output"]>], Hone_Structured> {
  let summary = "Elements added at (or, if negative, cut from) the ends of each dim (ONNX Pad-25)";
  let description = [{
    `before` and `after` have one index per dim. Mode `constant` takes the scalar `value`; `edge`, `reflect` and `wrap` take
    elements of the input.
    ```mlir
    %y = hone.pad %x, %value [%zero, %one] [%n, %n] "constant" : tensor<?x8xf32>, tensor<f32> -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Hone_Tensor:$value, Variadic<Index>:$before, Variadic<Index>:$after,
                       StrAttr:$mode);
  let assemblyFormat = [{
    $input `,` $value `[` $before `]` `[` $after `]` $mode attr-dict `:` type($input) `,` type($value) `->` type($output)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hone_TileOp : Hone_MoveOneOp<"tile", [], Hone_Structured> {
  let summary = "The input repeated along each dim (ONNX Tile-13)";
  let description = [{
    ```mlir
    %y = hone.tile %x [%n, %one] : tensor<?x8xf32> -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Variadic<Index>:$repeats);
  let assemblyFormat = "$input `[` $repeats `]` attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Hone_GatherOp : Hone_MoveOp<"gather", [AllElementTypesMatch<["data", "output"]>], Hone_StructuredByDims> {
  let summary = "Slices of `data` along `axis`, chosen by indices of any rank (ONNX Gather-13)";
  let description = [{
    Result dims: data[:axis] + indices + data[axis+1:]. Negative indices count from the end; one outside makes the run fail.
    ```mlir
    %y = hone.gather %table, %ids {axis = 0} : tensor<30522x384xf32>, tensor<?x?xi64> -> tensor<?x?x384xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$data, Hone_IndexTensor:$indices, I64Attr:$axis);
  let assemblyFormat = "$data `,` $indices attr-dict `:` type($data) `,` type($indices) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_GatherElementsOp : Hone_MoveOp<"gather_elements", [AllElementTypesMatch<["data", "output"]>]> {
  let summary = "Element [.., indices[i], ..] of `data` for each position i, indexing along `axis` (ONNX GatherElements-13)";
  let description = [{
    ```mlir
    %y = hone.gather_elements %data, %indices {axis = 1 : i64} : tensor<?x8xf32>, tensor<?x3xi64> -> tensor<?x3xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$data, Hone_IndexTensor:$indices, I64Attr:$axis);
  let assemblyFormat = "$data `,` $indices attr-dict `:` type($data) `,` type($indices) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_GatherNDOp : Hone_MoveOp<"gather_nd", [AllElementTypesMatch<["data", "output"]>]> {
  let summary = "Slices of `data` at index tuples (ONNX GatherND-13)";
  let description = [{
    The last dim of `indices` is a tuple of positions in the dims of `data` behind the first `batch_dims`.
    ```mlir
    %y = hone.gather_nd %data, %indices {batch_dims = 0 : i64} : tensor<?x8xf32>, tensor<5x1xi64> -> tensor<5x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$data, Hone_IndexTensor:$indices, I64Attr:$batch_dims);
  let assemblyFormat = "$data `,` $indices attr-dict `:` type($data) `,` type($indices) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_OneHotOp : Hone_MoveOp<"one_hot", [AllElementTypesMatch<["values", "output"]>]> {
  let summary = "values[1] where the position along `axis` equals the index, else values[0] (ONNX OneHot-11)";
  let description = [{
    Negative indices count from `depth`; others outside select nothing.
    ```mlir
    %y = hone.one_hot %indices, %depth, %values {axis = 1 : i64} : tensor<?xi64>, tensor<2xf32> -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Hone_NumberTensor:$indices, Index:$depth, Hone_Tensor:$values, I64Attr:$axis);
  let assemblyFormat = "$indices `,` $depth `,` $values attr-dict `:` type($indices) `,` type($values) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_RangeOp : Hone_MoveOp<"range", [AllElementTypesMatch<["start", "delta", "output"]>]> {
  let summary = "start, start + delta, … : `size` elements (ONNX Range-11)";
  let description = [{
    ```mlir
    %y = hone.range %start, %delta [%size] : tensor<i64>, tensor<i64> -> tensor<?xi64>
    ```
  }];
  let arguments = (ins Hone_NumberTensor:$start, Hone_NumberTensor:$delta, Index:$size);
  let assemblyFormat = "$start `,` $delta `[` $size `]` attr-dict `:` type($start) `,` type($delta) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_TriluOp : Hone_MoveOneOp<"trilu"> {
  let summary = "The upper or lower triangle of matrices, diagonal moved by `k`; zero elsewhere (ONNX Trilu-14)";
  let description = [{
    ```mlir
    %y = hone.trilu %x, %k {upper = true} : tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Index:$k, BoolAttr:$upper);
  let assemblyFormat = "$input `,` $k attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_RandomUniformOp : Hone_MoveOp<"random_uniform"> {
  let summary = "Numbers in [0, 1) that look random: a function of `seed` and the position alone";
  let description = [{
    The 24 upper bits of SplitMix64 (Steele, Lea, Flood 2014) at state seed + position · 0x9e3779b97f4a7c15, row-major. The same
    in every run and on any number of threads. f32 only.
    ```mlir
    %y = hone.random_uniform 42 [%b, %s] : tensor<?x?xf32>
    ```
  }];
  let arguments = (ins I64Attr:$seed, Variadic<Index>:$sizes);
  let assemblyFormat = "$seed `[` $sizes `]` attr-dict `:` type($output)";
  let hasVerifier = 1;
}

def Hone_InsertOp
    : Hone_TensorOp<"insert", [DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["bytesRead", "bytesWritten"]>,
                               DeclareOpInterfaceMethods<Hone_LoopOpInterface>,
                               DeclareOpInterfaceMethods<Hone_UpdateOpInterface>,
                               AllElementTypesMatch<["source", "into", "output"]>]> {
  let summary = "A tensor with a part of it replaced: `source`, from `position` on along an axis";
  let description = [{
    The dims of `source` are those of `into`, but for the axis, along which it must fit: position + dim <= dim of `into`.
    A launch writes the part alone, where `into` lies: so a loop fills a tensor step by step.
    ```mlir
    %y = hone.insert %row into %x [%i] {axis = 0 : i64} : tensor<1x8xf32> into tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$source, Hone_Tensor:$into, Index:$position, I64Attr:$axis);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = [{
    $source `into` $into `[` $position `]` attr-dict `:` type($source) `into` type($into) `->` type($output)
  }];
  let extraClassDeclaration = "::mlir::ValueRange getShapeOperands() { return getODSOperands(1); }";
  let hasVerifier = 1;
}

def Hone_TensorScatterOp
    : Hone_TensorOp<"tensor_scatter", [DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["bytesRead", "bytesWritten"]>,
                                       DeclareOpInterfaceMethods<Hone_LoopOpInterface>,
                                       DeclareOpInterfaceMethods<Hone_UpdateOpInterface>,
                                       AllElementTypesMatch<["source", "into", "output"]>]> {
  let summary = "A cache with new elements in it, in each row of the batch from a position of its own on (ONNX TensorScatter-24)";
  let description = [{
    The dims of `source` are those of `into`, but for the axis, along which there are at most as many. Row b of the batch, the first
    dim, is replaced from positions[b] on. All of it has to fit: other positions are bad data, and their row stays as it is. Where it is
    `circular`, positions count modulo the dim. A launch writes what is new alone, where `into` lies.
    ```mlir
    %y = hone.tensor_scatter %new into %cache at %positions {axis = 1 : i64}
       : tensor<?x1x8xf32> into tensor<?x64x8xf32> at tensor<?xi64> -> tensor<?x64x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$source, Hone_Tensor:$into, Hone_LengthTensor:$positions, I64Attr:$axis,
                       UnitAttr:$circular);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = [{
    $source `into` $into `at` $positions attr-dict `:` type($source) `into` type($into) `at` type($positions)
    `->` type($output)
  }];
  let extraClassDeclaration = "::mlir::ValueRange getShapeOperands() { return getODSOperands(1); }";
  let hasVerifier = 1;
}

def Hone_NonzeroOp
    : Hone_TensorOp<"nonzero", [Hone_StructureOpInterface, DeclareOpInterfaceMethods<Hone_LoopOpInterface>]> {
  let summary = "Where a tensor is not zero: an index for each dim and element, in row-major order (ONNX NonZero-13)";
  let description = [{
    `count` is how many elements are not zero, which the program has counted. The result has a row for each dim.
    ```mlir
    %y = hone.nonzero %x [%count] : tensor<?x8xf32> -> tensor<2x?xi64>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, Index:$count);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = "$input `[` $count `]` attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

class Hone_ScatterOp<string mnemonic>
    : Hone_TensorOp<mnemonic, [Hone_StructureOpInterface, DeclareOpInterfaceMethods<Hone_LoopOpInterface>,
                               AllElementTypesMatch<["data", "updates", "output"]>]> {
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = [{
    $data `,` $indices `,` $updates $reduction attr-dict `:` type($data) `,` type($indices) `,` type($updates)
    `->` type($output)
  }];
  let hasVerifier = 1;
}

def Hone_ScatterElementsOp : Hone_ScatterOp<"scatter_elements"> {
  let summary = "A copy of `data` with elements replaced or combined at indices along `axis` (ONNX ScatterElements-18)";
  let description = [{
    `reduction` is none, add, mul, max or min. Updates are applied in row-major order.
    ```mlir
    %y = hone.scatter_elements %data, %indices, %updates "add" {axis = 0 : i64}
       : tensor<?x8xf32>, tensor<?x8xi64>, tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$data, Hone_IndexTensor:$indices, Hone_Tensor:$updates, I64Attr:$axis,
                       StrAttr:$reduction);
}

def Hone_ScatterNDOp : Hone_ScatterOp<"scatter_nd"> {
  let summary = "A copy of `data` with slices replaced or combined at index tuples (ONNX ScatterND-18)";
  let description = [{
    `reduction` is none, add, mul, max or min. Updates are applied in row-major order.
    ```mlir
    %y = hone.scatter_nd %data, %indices, %updates "none"
       : tensor<?x8xf32>, tensor<5x1xi64>, tensor<5x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$data, Hone_IndexTensor:$indices, Hone_Tensor:$updates, StrAttr:$reduction);
}
