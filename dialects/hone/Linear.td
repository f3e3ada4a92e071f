// Matrix products and attention: what has kernel families of its own.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"

def Hone_MatmulOp : Hone_TensorOp<"matmul", [
    DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure", "flops"]>,
    DeclareOpInterfaceMethods<Hone_AccumulateOpInterface>, DeclareOpInterfaceMethods<Hone_ElementOpInterface>]> {
  let summary = "Matrix product with leading batch dims broadcast (ONNX MatMul-13)";
  let description = [{
    [.., m, k] x [.., k, n] -> [.., m, n]; both operands have rank 2 or more. With `transpose_rhs` the right one is
    [.., n, k]. Products are computed and added up in the result's element type, to which each operand is converted
    without a loss: floats to wider ones, integers to wider ones or to floats (ONNX MatMulInteger-10, and weights that
    are stored narrow).
    ```mlir
    %y = hone.matmul %x, %w : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
    %z = hone.matmul %x, %narrow : tensor<?x?x384xf32>, tensor<384x1536xi8> -> tensor<?x?x1536xf32>
    ```
  }];
  let arguments = (ins Hone_FactorTensor:$lhs, Hone_FactorTensor:$rhs, UnitAttr:$transpose_rhs);
  let results = (outs Hone_NumberTensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($output)";
  let hasVerifier = 1;
}

def Hone_MaskTensor : Hone_TensorOf<[F32, I1], "f32 or truth values (i1)">;
def Hone_AttentionOp : Hone_TensorOp<"attention", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure", "flops"]>]> {
  let summary = "softmax(scale · Q Kᵀ + mask) V, keys visited once (Dao et al. 2022)";
  let description = [{
    query [batch, q, heads, d], key [batch, k, groups, d], value [batch, k, groups, dv] -> [batch, q, heads, dv].
    `groups` divides `heads`; head h reads group h / (heads / groups) (grouped-query attention, Ainslie et al. 2023).
    The optional mask broadcasts to [batch, heads, q, k]. Numbers are added to the scores; of booleans, true keeps a score
    and false puts `fill` in its place.
    With `lengths` [batch], row b of the batch has its first lengths[b] keys alone: what lies behind them is not read. A length outside
    [0, k] is bad data. With `causal(%n)`, query i sees the keys up to i + n: their count is i + n + 1, less what `lengths` takes from
    the k keys. Others do not count, or with weight 0: where their values are not finite, the result may be NaN. A query that sees no
    key gives zeros.
    A row of scores that has no softmax (nothing but -inf, or +inf or NaN among them) gives NaN; with `guarded` zeros, as
    where(isnan(p), 0, p) between softmax and product does in what PyTorch exports; with `maskedZero` zeros where the mask is
    -inf for all keys that are seen (ONNX Attention-23).
    ```mlir
    %y = hone.attention %q, %k, %v, %mask {scale = 0.17 : f32}
       : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> -> tensor<?x?x12x32xf32>
    %z = hone.attention %q, %k, %v lengths %n causal(%i) {scale = 0.17 : f32}
       : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32> lengths tensor<?xi64> -> tensor<?x?x12x32xf32>
    ```
  }];
  let arguments = (ins Hone_F32Tensor:$query, Hone_F32Tensor:$key, Hone_F32Tensor:$value,
                       Optional<Hone_MaskTensor>:$mask, Optional<Hone_LengthTensor>:$lengths, Optional<Index>:$causal,
                       F32Attr:$scale, OptionalAttr<F32Attr>:$fill, UnitAttr:$guarded, UnitAttr:$maskedZero);
  let results = (outs Hone_F32Tensor:$output);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`,` $mask^)? (`lengths` $lengths^)? (`causal` `(` $causal^ `)`)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) (`,` type($mask)^)? (`lengths` type($lengths)^)? `->` type($output)
  }];
  let hasVerifier = 1;
}
