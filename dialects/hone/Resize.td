// Resizing along an axis.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"

def Hone_ResizeMode : I32EnumAttr<"ResizeMode", "which elements around a place make up the one there", [
    I32EnumAttrCase<"Nearest", 0, "nearest">, I32EnumAttrCase<"Linear", 1, "linear">, I32EnumAttrCase<"Cubic", 2, "cubic">]> {
  let cppNamespace = "::hone";
  let genSpecializedAttr = 0;
}
def Hone_ResizeModeAttr : EnumAttr<Hone_Dialect, Hone_ResizeMode, "resize_mode">;

def Hone_ResizePlace : I32EnumAttr<"ResizePlace", "where in the input an element of the result lies", [
    I32EnumAttrCase<"HalfPixel", 0, "half_pixel">, I32EnumAttrCase<"Symmetric", 1, "half_pixel_symmetric">,
    I32EnumAttrCase<"PytorchHalfPixel", 2, "pytorch_half_pixel">, I32EnumAttrCase<"AlignCorners", 3, "align_corners">,
    I32EnumAttrCase<"Asymmetric", 4, "asymmetric">, I32EnumAttrCase<"HalfPixelForNearest", 5, "tf_half_pixel_for_nn">,
    I32EnumAttrCase<"Crop", 6, "tf_crop_and_resize">]> {
  let cppNamespace = "::hone";
  let genSpecializedAttr = 0;
}
def Hone_ResizePlaceAttr : EnumAttr<Hone_Dialect, Hone_ResizePlace, "resize_place">;

def Hone_ResizeRounding : I32EnumAttr<"ResizeRounding", "which element is the nearest one", [
    I32EnumAttrCase<"PreferFloor", 0, "round_prefer_floor">, I32EnumAttrCase<"PreferCeil", 1, "round_prefer_ceil">,
    I32EnumAttrCase<"Floor", 2, "floor">, I32EnumAttrCase<"Ceil", 3, "ceil">]> {
  let cppNamespace = "::hone";
  let genSpecializedAttr = 0;
}
def Hone_ResizeRoundingAttr : EnumAttr<Hone_Dialect, Hone_ResizeRounding, "resize_rounding">;

def Hone_ResizeOp
    : Hone_TensorOp<"resize", [AttrSizedOperandSegments, AllElementTypesMatch<["input", "output"]>,
                               DeclareOpInterfaceMethods<Hone_StructureOpInterface,
                                                         ["getStructure", "renumberDims", "isCheapToRecompute"]>,
                               DeclareOpInterfaceMethods<Hone_ElementOpInterface>]> {
  let summary = "`size` elements along an axis, made of the input's by interpolation (ONNX Resize-19, one axis of it)";
  let description = [{
    With i the position in the result, L and R the input's and the result's length and s = `scale`, or R / L without it, an
    element lies at place
    - half_pixel: (i + 0.5) / s - 0.5; pytorch_half_pixel: the same, 0 if R = 1
    - half_pixel_symmetric: the same, plus L / 2 · (1 - R / (s · L))
    - tf_half_pixel_for_nn: (i + 0.5) / s; asymmetric: i / s
    - align_corners: i · (L - 1) / (s · L - 1) with `scale`, i · (L - 1) / (R - 1) without it; 0 if R = 1
    - tf_crop_and_resize, with `region` [b, e]: b · (L - 1) + i · (e - b) · (L - 1) / (R - 1), or (b + e) / 2 · (L - 1) if
      R = 1. What lies outside of [0, L - 1] is `extrapolation`.
    Elements beyond the ends are those at the ends. `nearest` takes the element that `rounding` says. `linear` weighs the two
    around a place, the second one with the fraction of the place; each is counted half at the last element. `cubic` weighs
    four by Keys' polynomial with the coefficient `cubic_coeff` (R. Keys, Cubic convolution interpolation for digital image
    processing, 1981). With `antialias`, the two are stretched by 1 / s where s < 1, and their weights divided by their sum.
    With `exclude_outside`, so are those of taps in the input, and others are left out. Each tap is multiplied by its weight,
    be it 0. Places are computed in f32, the rest in the element type: f32, f64, for `nearest` any.
    ```mlir
    %y = hone.resize linear half_pixel %x [%size] {axis = 2 : i64} : tensor<?x8x14xf32> -> tensor<?x8x28xf32>
    ```
  }];
  let arguments = (ins Hone_ResizeModeAttr:$mode, Hone_ResizePlaceAttr:$place, Hone_Tensor:$input, Index:$size,
                       Optional<Hone_F32Tensor>:$scale, Optional<Hone_F32Tensor>:$region, I64Attr:$axis,
                       DefaultValuedAttr<Hone_ResizeRoundingAttr, "::hone::ResizeRounding::PreferFloor">:$rounding,
                       DefaultValuedAttr<F32Attr, "-0.75f">:$cubic_coeff, DefaultValuedAttr<F32Attr, "0.0f">:$extrapolation,
                       UnitAttr:$antialias, UnitAttr:$exclude_outside);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = [{
    $mode $place $input `[` $size `]` (`scale` $scale^)? (`region` $region^)? attr-dict
    `:` type($input) (`,` type($scale)^)? (`region` type($region)^)? `->` type($output)
  }];
  let hasVerifier = 1;
}
