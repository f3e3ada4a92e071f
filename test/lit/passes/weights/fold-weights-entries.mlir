// RUN: hone-opt %s --hone-fold-weights --split-input-file | FileCheck %s

// What two entries make of a weight is one weight, and counted once: beside the one that it replaces nothing grows.
// CHECK: hone.weight @w_transpose : tensor<600x400xf32> = #hone.transpose<@w, [1, 0]>
// CHECK-NOT: = #hone.transpose<
// CHECK-LABEL: func @main
// CHECK-NEXT: hone.use_weight @w_transpose
// CHECK-LABEL: func @decode
// CHECK-NEXT: hone.use_weight @w_transpose
hone.weight @w : tensor<400x600xf32> = #hone.file<"model.onnx", offset = 0, length = 960000>
func.func @main() -> tensor<600x400xf32> {
  %w = hone.use_weight @w : tensor<400x600xf32>
  %0 = hone.transpose %w [1, 0] : tensor<400x600xf32> -> tensor<600x400xf32>
  return %0 : tensor<600x400xf32>
}
func.func @decode() -> tensor<600x400xf32> {
  %w = hone.use_weight @w : tensor<400x600xf32>
  %0 = hone.transpose %w [1, 0] : tensor<400x600xf32> -> tensor<600x400xf32>
  return %0 : tensor<600x400xf32>
}

// -----

// What one entry reads as it is stays for that one: a second form for another entry would be all growth.
// CHECK-NOT: #hone.slice
// CHECK-LABEL: func @main
// CHECK: hone.slice
// CHECK-LABEL: func @decode
// CHECK: hone.slice
hone.weight @w : tensor<400x600xf32> = #hone.file<"model.onnx", offset = 0, length = 960000>
func.func @main(%n: tensor<?xf32>) -> tensor<?x600xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c600 = arith.constant 600 : index
  %size = tensor.dim %n, %c0 : tensor<?xf32>
  %w = hone.use_weight @w : tensor<400x600xf32>
  %0 = hone.slice %w [%c0, %c0] [%size, %c600] [%c1, %c1] : tensor<400x600xf32> -> tensor<?x600xf32>
  return %0 : tensor<?x600xf32>
}
func.func @decode() -> tensor<200x600xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c200 = arith.constant 200 : index
  %c600 = arith.constant 600 : index
  %w = hone.use_weight @w : tensor<400x600xf32>
  %0 = hone.slice %w [%c0, %c0] [%c200, %c600] [%c1, %c1] : tensor<400x600xf32> -> tensor<200x600xf32>
  return %0 : tensor<200x600xf32>
}
