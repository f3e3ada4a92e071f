// RUN: hone-opt %s --split-input-file --hone-dispatch | FileCheck %s

// Several readers of a product that come together are one kernel with it.
// CHECK-LABEL: module @come_together
// CHECK:         hone.kernel @k0_matmul_sigmoid_mul_add(
// CHECK-NOT:     hone.kernel
// CHECK:         func.func @main
module @come_together attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
  func.func @main(%x: tensor<?x64xf32> {hone.dims = ["n", ""]}) -> tensor<?x64xf32> {
    %w = hone.use_weight @w : tensor<64x64xf32>
    %0 = hone.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %1 = hone.sigmoid %0 : tensor<?x64xf32> -> tensor<?x64xf32>
    %2 = hone.mul %0, %1 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    %3 = hone.add %2, %x : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    return %3 : tensor<?x64xf32>
  }
}

// -----

// A reader that is no part of it, and a result, need the product itself.
// CHECK-LABEL: module @read_outside
// CHECK-DAG:     hone.kernel @k0_matmul(
// CHECK-DAG:     hone.kernel @k{{.*}}sigmoid_mul(
// CHECK-DAG:     hone.kernel @k{{.*}}_reduce(
module @read_outside attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
  func.func @main(%x: tensor<?x64xf32> {hone.dims = ["n", ""]}) -> (tensor<?x64xf32>, tensor<?xf32>) {
    %w = hone.use_weight @w : tensor<64x64xf32>
    %0 = hone.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %1 = hone.sigmoid %0 : tensor<?x64xf32> -> tensor<?x64xf32>
    %2 = hone.mul %0, %1 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    %3 = hone.reduce sum %0 [1] : tensor<?x64xf32> -> tensor<?xf32>
    return %2, %3 : tensor<?x64xf32>, tensor<?xf32>
  }
}

// -----

// Two values that are both read outside do not come together.
// CHECK-LABEL: module @two_results
// CHECK:         hone.kernel @k0_matmul(
module @two_results attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
  func.func @main(%x: tensor<?x64xf32> {hone.dims = ["n", ""]}) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %w = hone.use_weight @w : tensor<64x64xf32>
    %0 = hone.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %1 = hone.sigmoid %0 : tensor<?x64xf32> -> tensor<?x64xf32>
    %2 = hone.relu %0 : tensor<?x64xf32> -> tensor<?x64xf32>
    return %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>
  }
}
