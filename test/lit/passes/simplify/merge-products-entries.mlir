// RUN: hone-opt %s --hone-merge-products --split-input-file | FileCheck %s

// Two entries merge the same products: of one weight.
// CHECK-COUNT-1: #hone.concat<[@q, @k], axis = 1>
// CHECK-NOT: #hone.concat
// CHECK-LABEL: func @main
// CHECK: hone.use_weight @q_joined
// CHECK-LABEL: func @decode
// CHECK: hone.use_weight @q_joined
hone.weight @q : tensor<8x8xf32> = dense<1.0> : tensor<8x8xf32>
hone.weight @k : tensor<8x8xf32> = dense<2.0> : tensor<8x8xf32>
func.func @main(%x: tensor<2x?x8xf32> {hone.dims = ["", "s", ""]}, %v: tensor<2x?x2x4xf32> {hone.dims = ["", "s", "", ""]}) -> tensor<2x?x2x4xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %s = tensor.dim %x, %c1 : tensor<2x?x8xf32>
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %0 = hone.matmul %x, %wq : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  %q = hone.reshape %0[%c2, %s, %c2, %c4] : tensor<2x?x8xf32> -> tensor<2x?x2x4xf32>
  %1 = hone.matmul %x, %wk : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  %k = hone.reshape %1[%c2, %s, %c2, %c4] : tensor<2x?x8xf32> -> tensor<2x?x2x4xf32>
  %2 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32> -> tensor<2x?x2x4xf32>
  return %2 : tensor<2x?x2x4xf32>
}
func.func @decode(%x: tensor<2x1x8xf32>, %v: tensor<2x1x2x4xf32>) -> tensor<2x1x2x4xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %0 = hone.matmul %x, %wq : tensor<2x1x8xf32>, tensor<8x8xf32> -> tensor<2x1x8xf32>
  %q = hone.reshape %0[%c2, %c1, %c2, %c4] : tensor<2x1x8xf32> -> tensor<2x1x2x4xf32>
  %1 = hone.matmul %x, %wk : tensor<2x1x8xf32>, tensor<8x8xf32> -> tensor<2x1x8xf32>
  %k = hone.reshape %1[%c2, %c1, %c2, %c4] : tensor<2x1x8xf32> -> tensor<2x1x2x4xf32>
  %2 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x1x2x4xf32>, tensor<2x1x2x4xf32>, tensor<2x1x2x4xf32> -> tensor<2x1x2x4xf32>
  return %2 : tensor<2x1x2x4xf32>
}

// -----

// Where one entry has another use for a weight, none merges: it would be stored twice.
// CHECK-NOT: #hone.concat
// CHECK-LABEL: func @main
// CHECK-COUNT-2: hone.matmul
hone.weight @q : tensor<8x8xf32> = dense<1.0> : tensor<8x8xf32>
hone.weight @k : tensor<8x8xf32> = dense<2.0> : tensor<8x8xf32>
func.func @main(%x: tensor<2x1x8xf32>, %v: tensor<2x1x2x4xf32>) -> tensor<2x1x2x4xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %0 = hone.matmul %x, %wq : tensor<2x1x8xf32>, tensor<8x8xf32> -> tensor<2x1x8xf32>
  %q = hone.reshape %0[%c2, %c1, %c2, %c4] : tensor<2x1x8xf32> -> tensor<2x1x2x4xf32>
  %1 = hone.matmul %x, %wk : tensor<2x1x8xf32>, tensor<8x8xf32> -> tensor<2x1x8xf32>
  %k = hone.reshape %1[%c2, %c1, %c2, %c4] : tensor<2x1x8xf32> -> tensor<2x1x2x4xf32>
  %2 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x1x2x4xf32>, tensor<2x1x2x4xf32>, tensor<2x1x2x4xf32> -> tensor<2x1x2x4xf32>
  return %2 : tensor<2x1x2x4xf32>
}
func.func @other(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %0 = hone.add %x, %wk : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
