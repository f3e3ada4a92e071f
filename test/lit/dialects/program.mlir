// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK: module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "+avx512vnni">}
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "+avx512vnni">} {
  // CHECK: hone.weight @file : tensor<4x8xf32> = #hone.file<"model.onnx", offset = 64, length = 128>
  hone.weight @file : tensor<4x8xf32> = #hone.file<"model.onnx", offset = 64, length = 128>
  // CHECK: hone.weight @small : tensor<2xf32> = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  hone.weight @small : tensor<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>
  // CHECK: hone.weight @stored : tensor<3xi8> = #hone.file<"", offset = 0, length = 3, digest = "12ab">
  hone.weight @stored : tensor<3xi8> = #hone.file<"", offset = 0, length = 3, digest = "12ab">
  // CHECK: hone.weight @sliced : tensor<2x8xf32> = #hone.slice<@file, starts = [3, 0], sizes = [2, 8], steps = [-2, 1]>
  hone.weight @sliced : tensor<2x8xf32> = #hone.slice<@file, starts = [3, 0], sizes = [2, 8], steps = [-2, 1]>
  // CHECK: hone.weight @joined : tensor<4x16xf32> = #hone.concat<[@file, @file], axis = 1>
  hone.weight @joined : tensor<4x16xf32> = #hone.concat<[@file, @file], axis = 1>
  // CHECK: hone.weight @turned : tensor<16x4xf32> = #hone.transpose<@joined, [1, 0]>
  hone.weight @turned : tensor<16x4xf32> = #hone.transpose<@joined, [1, 0]>
  // CHECK: hone.weight @small_ints : tensor<2xi8> = #hone.cast<@small>
  hone.weight @small_ints : tensor<2xi8> = #hone.cast<@small>
  // CHECK: hone.weight @shaped : tensor<2x32x1xf32> = #hone.reshape<@turned>
  hone.weight @shaped : tensor<2x32x1xf32> = #hone.reshape<@turned>
  // CHECK: hone.weight @packed : tensor<1x4x16xf32> = #hone.pack<@joined, dims = [1], tiles = [16], order = [1, 0]>
  hone.weight @packed : tensor<1x4x16xf32> = #hone.pack<@joined, dims = [1], tiles = [16], order = [1, 0]>
  // CHECK: hone.weight @tiled : tensor<4x2x5x2xf32> = #hone.pack<@turned, dims = [0, 1], tiles = [5, 2]>
  hone.weight @tiled : tensor<4x2x5x2xf32> = #hone.pack<@turned, dims = [0, 1], tiles = [5, 2]>
  // CHECK: hone.weight @reordered : tensor<16x4xf32> = #hone.pack<@joined, dims = [], tiles = [], order = [1, 0]>
  hone.weight @reordered : tensor<16x4xf32> = #hone.pack<@joined, dims = [], tiles = [], order = [1, 0]>

  // CHECK: hone.kernel @exp(%{{.*}}: tensor<?xf32> {hone.sizes = array<i64: 1>}, %{{.*}}: index) -> tensor<?xf32>
  hone.kernel @exp(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
    %0 = hone.exp %x : tensor<?xf32> -> tensor<?xf32>
    // CHECK: hone.return %{{.*}} : tensor<?xf32>
    hone.return %0 : tensor<?xf32>
  }

  // CHECK-LABEL: func @main
  func.func @main(%x: tensor<?xf32>, %n: index, %condition: i1, %in: memref<?xf32>, %out: memref<?xf32>) {
    // CHECK: hone.use_weight @file : tensor<4x8xf32>
    %0 = hone.use_weight @file : tensor<4x8xf32>
    // CHECK: hone.tap %{{.*}} "encoder/x:0" : tensor<?xf32>
    %1 = hone.tap %x "encoder/x:0" : tensor<?xf32>
    // CHECK: hone.extern "cut"(%{{.*}}) to(%{{.*}}) scratch(%{{.*}}) {parameters = array<i64: 1, -2>} : (tensor<?xf32>) -> (tensor<?xf32>, tensor<i64>)
    %part, %count = hone.extern "cut"(%x) to(%n) scratch(%n) {parameters = array<i64: 1, -2>} : (tensor<?xf32>) -> (tensor<?xf32>, tensor<i64>)
    // CHECK: hone.extern "table"() : () -> tensor<i64>
    %table = hone.extern "table"() : () -> tensor<i64>
    // CHECK: hone.check %{{.*}}, "node 'a' (Reshape): {0} is not {1}"(%{{.*}}, %{{.*}})
    hone.check %condition, "node 'a' (Reshape): {0} is not {1}" (%n, %n)
    // CHECK: hone.launch @exp(%{{.*}}) sizes(%{{.*}}) to(%{{.*}}) : (tensor<?xf32>) -> tensor<?xf32>
    %2 = hone.launch @exp(%x) sizes(%n) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
    // CHECK: hone.launch @exp(%{{.*}}, %{{.*}}) sizes(%{{.*}}) range(%{{.*}}, %{{.*}}, %{{.*}}) : (memref<?xf32>, memref<?xf32>) -> ()
    hone.launch @exp(%in, %out) sizes(%n) range(%n, %n, %n) : (memref<?xf32>, memref<?xf32>) -> ()
    return
  }
}
