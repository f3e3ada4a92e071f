// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK-LABEL: func @reduce
func.func @reduce(%x: tensor<?x4x8xf32>, %k: index) {
  // CHECK: hone.reduce sum %{{.*}} [1] : tensor<?x4x8xf32> -> tensor<?x8xf32>
  %0 = hone.reduce sum %x [1] : tensor<?x4x8xf32> -> tensor<?x8xf32>
  // CHECK: hone.reduce prod %{{.*}} [0, 2] {keepdims} : tensor<?x4x8xf32> -> tensor<1x4x1xf32>
  %1 = hone.reduce prod %x [0, 2] {keepdims} : tensor<?x4x8xf32> -> tensor<1x4x1xf32>
  // CHECK: hone.reduce max %{{.*}} [0, 1, 2] : tensor<?x4x8xf32> -> tensor<f32>
  %2 = hone.reduce max %x [0, 1, 2] : tensor<?x4x8xf32> -> tensor<f32>
  // CHECK: hone.reduce min %{{.*}} [] : tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  %3 = hone.reduce min %x [] : tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  // CHECK: hone.arg_reduce max %{{.*}} {axis = 2 : i64} : tensor<?x4x8xf32> -> tensor<?x4xi64>
  %4 = hone.arg_reduce max %x {axis = 2 : i64} : tensor<?x4x8xf32> -> tensor<?x4xi64>
  // CHECK: hone.arg_reduce min %{{.*}} {axis = 0 : i64, keepdims, select_last} : tensor<?x4x8xf32> -> tensor<1x4x8xi64>
  %5 = hone.arg_reduce min %x {axis = 0 : i64, keepdims, select_last} : tensor<?x4x8xf32> -> tensor<1x4x8xi64>
  // CHECK: hone.cumsum %{{.*}} {axis = 1 : i64, exclusive, reverse} : tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  %6 = hone.cumsum %x {axis = 1 : i64, exclusive, reverse} : tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  // CHECK: hone.topk %{{.*}}, %{{.*}} {axis = 2 : i64, largest = true} : tensor<?x4x8xf32> -> tensor<?x4x?xf32>, tensor<?x4x?xi64>
  %7:2 = hone.topk %x, %k {axis = 2 : i64, largest = true} : tensor<?x4x8xf32> -> tensor<?x4x?xf32>, tensor<?x4x?xi64>
  return
}
