// Ops over rows, which the generic path expands into stages.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"

class Hone_RowOp<string mnemonic> : Hone_TensorOp<mnemonic, [
    DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["renumberDims"]>,
    DeclareOpInterfaceMethods<Hone_DecomposeOpInterface>, SameOperandsAndResultElementType]> {
  let results = (outs Hone_FloatTensor:$output);
  let hasVerifier = 1;
}

def Hone_SoftmaxOp : Hone_RowOp<"softmax"> {
  let summary = "exp(x - max) / sum(exp(x - max)) along an axis, or with `log` its logarithm (ONNX Softmax-13, LogSoftmax-13)";
  let description = [{
    ```mlir
    %y = hone.softmax %x {axis = 1 : i64} : tensor<?x8xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_FloatTensor:$input, I64Attr:$axis, UnitAttr:$log);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def Hone_LayerNormOp : Hone_RowOp<"layer_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) · scale + bias over dims from `axis` on (ONNX LayerNormalization-17)";
  let description = [{
    `scale` and `bias` broadcast to the input. Ba, Kiros, Hinton 2016.
    ```mlir
    %y = hone.layer_norm %x, %scale, %bias {axis = 2 : i64, epsilon = 1.0e-5 : f32}
       : tensor<?x?x384xf32>, tensor<384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
    ```
  }];
  let arguments = (ins Hone_FloatTensor:$input, Hone_FloatTensor:$scale, Optional<Hone_FloatTensor>:$bias, I64Attr:$axis,
                       F32Attr:$epsilon);
  let assemblyFormat = [{
    $input `,` $scale (`,` $bias^)? attr-dict `:` type($input) `,` type($scale) (`,` type($bias)^)? `->` type($output)
  }];
}

def Hone_RmsNormOp : Hone_RowOp<"rms_norm"> {
  let summary = "x / sqrt(mean(x²) + epsilon) · scale over dims from `axis` on (ONNX RMSNormalization-23; Zhang, Sennrich 2019)";
  let description = [{
    ```mlir
    %y = hone.rms_norm %x, %scale {axis = 2 : i64, epsilon = 1.0e-6 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
    ```
  }];
  let arguments = (ins Hone_FloatTensor:$input, Hone_FloatTensor:$scale, I64Attr:$axis, F32Attr:$epsilon);
  let assemblyFormat = "$input `,` $scale attr-dict `:` type($input) `,` type($scale) `->` type($output)";
}
