// RUN: hone-opt %s --hone-propagate-layouts --canonicalize | FileCheck %s

// A resize between convolutions, as an importer writes it: the channels stay last all the way.
// CHECK-LABEL: func @between
func.func @between(%x: tensor<1x8x8x16xf32>, %w: tensor<1x32x3x3x16xf32>, %v: tensor<1x8x3x3x32xf32>) -> tensor<1x14x14x8xf32> {
  %n = arith.constant 16 : index
  // CHECK: hone.conv
  %0 = hone.conv %x, %w strides [1, 1] dilations [1, 1] pads [1, 1] [1, 1]
     : tensor<1x8x8x16xf32>, tensor<1x32x3x3x16xf32> -> tensor<1x8x8x32xf32>
  %1 = hone.transpose %0 [0, 3, 1, 2] : tensor<1x8x8x32xf32> -> tensor<1x32x8x8xf32>
  // CHECK-NOT: hone.transpose
  // CHECK: hone.resize linear half_pixel %{{.*}}[%{{.*}}] {axis = 2 : i64} : tensor<1x8x8x32xf32> -> tensor<1x8x16x32xf32>
  // CHECK: hone.resize linear half_pixel %{{.*}}[%{{.*}}] {axis = 1 : i64} : tensor<1x8x16x32xf32> -> tensor<1x16x16x32xf32>
  %2 = hone.resize linear half_pixel %1 [%n] {axis = 3 : i64} : tensor<1x32x8x8xf32> -> tensor<1x32x8x16xf32>
  %3 = hone.resize linear half_pixel %2 [%n] {axis = 2 : i64} : tensor<1x32x8x16xf32> -> tensor<1x32x16x16xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<1x32x16x16xf32> -> tensor<1x16x16x32xf32>
  // CHECK-NOT: hone.transpose
  // CHECK: hone.conv
  %5 = hone.conv %4, %v strides [1, 1] dilations [1, 1] pads [0, 0] [0, 0]
     : tensor<1x16x16x32xf32>, tensor<1x8x3x3x32xf32> -> tensor<1x14x14x8xf32>
  return %5 : tensor<1x14x14x8xf32>
}
