// Element-wise ops: one scalar body each, numpy broadcasting between operands.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"

class Hone_ScalarOp<string mnemonic, list<Trait> traits = []>
    : Hone_TensorOp<mnemonic, !listconcat([Hone_StructureOpInterface, DeclareOpInterfaceMethods<Hone_ElementOpInterface>,
                                          DeclareOpInterfaceMethods<Hone_ScalarOpInterface>], traits)>;

// From one type of tensor to one of the same or another.
class Hone_MapOp<string mnemonic, string text, Hone_TensorOf from, Hone_TensorOf to, list<Trait> traits = []>
    : Hone_ScalarOp<mnemonic, traits> {
  let summary = text;
  let description = "```mlir\n%y = hone." # mnemonic # " %x : " # from.example # " -> " # to.example # "\n```\n";
  let arguments = (ins from:$input);
  let results = (outs to:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}
class Hone_UnaryOp<string mnemonic, string text, Hone_TensorOf type, list<Trait> traits = []>
    : Hone_MapOp<mnemonic, text, type, type, !listconcat([SameOperandsAndResultElementType], traits)>;

class Hone_ZipOp<string mnemonic, string text, Hone_TensorOf from, Hone_TensorOf to, list<Trait> traits = []>
    : Hone_ScalarOp<mnemonic, traits> {
  let summary = text;
  let description = "```mlir\n%y = hone." # mnemonic # " %a, %b : " # from.example # ", " # from.rowExample # " -> " # to.example # "\n```\n";
  let arguments = (ins from:$lhs, from:$rhs);
  let results = (outs to:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($output)";
}
class Hone_BinaryOp<string mnemonic, string text, Hone_TensorOf type, list<Trait> traits = []>
    : Hone_ZipOp<mnemonic, text, type, type, !listconcat([SameOperandsAndResultElementType], traits)>;
class Hone_CompareOp<string mnemonic, string text, Hone_TensorOf type>
    : Hone_ZipOp<mnemonic, text, type, Hone_BoolTensor, [SameOperandsElementType, Hone_Cheap]>;

def Hone_AbsOp : Hone_UnaryOp<"abs", "|x|; integer minimum wraps (ONNX Abs-13)", Hone_NumberTensor, [Hone_Cheap]>;
def Hone_NegOp : Hone_UnaryOp<"neg", "-x; integer minimum wraps (ONNX Neg-13)", Hone_NumberTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_CeilOp : Hone_UnaryOp<"ceil", "x rounded up (ONNX Ceil-13)", Hone_FloatTensor>;
def Hone_FloorOp : Hone_UnaryOp<"floor", "x rounded down (ONNX Floor-13)", Hone_FloatTensor>;
def Hone_RoundOp : Hone_UnaryOp<"round", "x rounded to the nearest integer, ties to even (ONNX Round-22)", Hone_FloatTensor>;
def Hone_SqrtOp : Hone_UnaryOp<"sqrt", "Square root, NaN below 0 (ONNX Sqrt-13)", Hone_FloatTensor>;
def Hone_ExpOp : Hone_UnaryOp<"exp", "e to the x (ONNX Exp-13)", Hone_FloatTensor>;
def Hone_LogOp : Hone_UnaryOp<"log", "Natural logarithm (ONNX Log-13)", Hone_FloatTensor>;
def Hone_Log1pOp : Hone_UnaryOp<"log1p", "Natural logarithm of 1 + x", Hone_FloatTensor>;
def Hone_SinOp : Hone_UnaryOp<"sin", "Sine of radians (ONNX Sin-22)", Hone_FloatTensor>;
def Hone_CosOp : Hone_UnaryOp<"cos", "Cosine of radians (ONNX Cos-22)", Hone_FloatTensor>;
def Hone_TanhOp : Hone_UnaryOp<"tanh", "Hyperbolic tangent (ONNX Tanh-13)", Hone_FloatTensor>;
def Hone_ErfOp : Hone_UnaryOp<"erf", "Gauss error function (ONNX Erf-13)", Hone_FloatTensor>;
def Hone_SigmoidOp : Hone_UnaryOp<"sigmoid", "1 / (1 + exp(-x)) (ONNX Sigmoid-13)", Hone_FloatTensor>;
def Hone_ReluOp : Hone_UnaryOp<"relu", "x where x is not negative, else 0; NaN stays (ONNX Relu-14)", Hone_NumberTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_SignOp : Hone_UnaryOp<"sign", "-1, 0 or 1; NaN stays (ONNX Sign-13)", Hone_NumberTensor>;
def Hone_NotOp : Hone_UnaryOp<"not", "Logical negation (ONNX Not-1)", Hone_BoolTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_IsNanOp : Hone_MapOp<"is_nan", "Whether x is NaN (ONNX IsNaN-20)", Hone_FloatTensor, Hone_BoolTensor, [Hone_Cheap]>;
def Hone_IsInfOp : Hone_MapOp<"is_inf", "Whether x is an infinity of an asked-for sign (ONNX IsInf-20)", Hone_FloatTensor,
                                 Hone_BoolTensor> {
  let description = [{
    ```mlir
    %y = hone.is_inf %x {negative = false} : tensor<?x8xf32> -> tensor<?x8xi1>
    ```
  }];
  let arguments = (ins Hone_FloatTensor:$input, DefaultValuedAttr<BoolAttr, "true">:$positive,
                       DefaultValuedAttr<BoolAttr, "true">:$negative);
}
def Hone_GeluOp : Hone_UnaryOp<"gelu", "Gaussian error linear unit (ONNX Gelu-20; Hendrycks, Gimpel 2016)", Hone_FloatTensor> {
  let description = [{
    x/2 (1 + erf(x/√2)), or with `tanh_approximation` x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).
    ```mlir
    %y = hone.gelu %x : tensor<?x1536xf32> -> tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Hone_FloatTensor:$input, UnitAttr:$tanh_approximation);
}
def Hone_CastOp : Hone_MapOp<"cast", "Conversion to the result's element type (ONNX Cast-13)", Hone_Tensor, Hone_Tensor,
                             [Hone_Cheap, DeclareOpInterfaceMethods<Hone_RecipeOpInterface>]> {
  let description = [{
    Floats to integers truncate; values outside the target's range, infinities and NaN give what x86-64's truncating
    conversion to 64 bits gives, cut to the width (ONNX leaves them undefined). Integers wrap. Anything that is not zero is true.
    Floats round once, to nearest even; integers to f16 and bf16 by way of f32.
    ```mlir
    %y = hone.cast %x : tensor<?x8xf32> -> tensor<?x8xui8>
    ```
  }];
  let hasFolder = 1;
}

def Hone_AddOp : Hone_BinaryOp<"add", "Sum; integers wrap (ONNX Add-14)", Hone_NumberTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_SubOp : Hone_BinaryOp<"sub", "Difference; integers wrap (ONNX Sub-14)", Hone_NumberTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_MulOp : Hone_BinaryOp<"mul", "Product; integers wrap (ONNX Mul-14)", Hone_NumberTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_DivOp : Hone_BinaryOp<"div", "Quotient; integers truncate towards zero (ONNX Div-14)", Hone_NumberTensor> {
  let description = [{
    An integer division by zero makes the run fail; the least integer divided by -1 wraps.
    ```mlir
    %y = hone.div %a, %b : tensor<?x8xi64>, tensor<i64> -> tensor<?x8xi64>
    ```
  }];
  let hasFolder = 1;
}
def Hone_ModOp : Hone_BinaryOp<"mod", "Remainder (ONNX Mod-13)", Hone_NumberTensor> {
  let description = [{
    With the divisor's sign as in Python, or with `fmod` the dividend's as in C. An integer division by zero makes the run fail.
    ```mlir
    %y = hone.mod %a, %b {fmod} : tensor<?x8xf32>, tensor<f32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_NumberTensor:$lhs, Hone_NumberTensor:$rhs, UnitAttr:$fmod);
}
def Hone_PowOp : Hone_ZipOp<"pow", "lhs to the rhs, in lhs's type (ONNX Pow-15)", Hone_NumberTensor, Hone_NumberTensor,
                            [AllElementTypesMatch<["lhs", "output"]>]> {
  let description = [{
    Floats of one type are computed in it, other mixtures with floats in f64. Integers by integers wrap; a negative exponent
    gives the quotient 1 / lhs^|rhs| without its fraction, and 0 for a base of 0.
    ```mlir
    %y = hone.pow %a, %b : tensor<?x8xf32>, tensor<i64> -> tensor<?x8xf32>
    ```
  }];
  let hasFolder = 1;
}
def Hone_MinOp : Hone_BinaryOp<"min", "Lesser value; NaN if either is NaN (ONNX Min-13)", Hone_ComputedTensor, [Hone_Cheap]>;
def Hone_MaxOp : Hone_BinaryOp<"max", "Greater value; NaN if either is NaN (ONNX Max-13)", Hone_ComputedTensor, [Hone_Cheap]>;
def Hone_AndOp : Hone_BinaryOp<"and", "Logical conjunction (ONNX And-7)", Hone_BoolTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_OrOp : Hone_BinaryOp<"or", "Logical disjunction (ONNX Or-7)", Hone_BoolTensor, [Hone_Cheap]> { let hasFolder = 1; }
def Hone_XorOp : Hone_BinaryOp<"xor", "Logical exclusive disjunction (ONNX Xor-7)", Hone_BoolTensor, [Hone_Cheap]>;
def Hone_EqualOp : Hone_CompareOp<"equal", "Whether lhs and rhs are equal (ONNX Equal-19)", Hone_ComputedTensor>;
def Hone_LessOp : Hone_CompareOp<"less", "Whether lhs is less than rhs (ONNX Less-13)", Hone_NumberTensor>;
def Hone_LessEqualOp : Hone_CompareOp<"less_equal", "Whether lhs is at most rhs (ONNX LessOrEqual-16)", Hone_NumberTensor>;

def Hone_SelectOp : Hone_ScalarOp<"select", [AllElementTypesMatch<["on_true", "on_false", "output"]>, Hone_Cheap]> {
  let summary = "on_true where condition holds, else on_false (ONNX Where-16)";
  let description = [{
    ```mlir
    %y = hone.select %c, %a, %b : tensor<?x8xi1>, tensor<?x8xf32>, tensor<f32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_BoolTensor:$condition, Hone_Tensor:$on_true, Hone_Tensor:$on_false);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = [{
    $condition `,` $on_true `,` $on_false attr-dict `:` type($condition) `,` type($on_true) `,` type($on_false)
    `->` type($output)
  }];
  let hasFolder = 1;
}
