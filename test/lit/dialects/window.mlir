// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s
// RUN: hone-opt %s --canonicalize | FileCheck %s --check-prefix=CANON
// RUN: hone-opt %s --hone-print-factors 2>&1 | FileCheck %s --check-prefix=FACTORS

// CHECK-LABEL: func @conv
func.func @conv(%x: tensor<?x224x224x3xf32>, %w: tensor<1x32x3x3x3xf32>) -> tensor<?x112x112x32xf32> {
  // CHECK: hone.conv %{{.*}}, %{{.*}} strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1] : tensor<?x224x224x3xf32>, tensor<1x32x3x3x3xf32> -> tensor<?x112x112x32xf32>
  // CANON: hone.conv
  // FACTORS: remark: ([a, c, e, i], [1, f, g, h, i]) -> ([a, b, d, f])
  // FACTORS-SAME: b: window c: opaque d: window e: opaque g: reduction sum h: reduction sum i: reduction sum
  %y = hone.conv %x, %w strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1]
     : tensor<?x224x224x3xf32>, tensor<1x32x3x3x3xf32> -> tensor<?x112x112x32xf32>
  return %y : tensor<?x112x112x32xf32>
}

// CHECK-LABEL: func @depthwise
func.func @depthwise(%x: tensor<1x8x8x16xf32>, %w: tensor<16x1x3x3x1xf32>) -> tensor<1x8x8x16xf32> {
  // CHECK: pads [1, 1] [1, 1] : tensor<1x8x8x16xf32>, tensor<16x1x3x3x1xf32>
  // FACTORS: remark: ([a, c, e, f·i], [f, 1, g, h, i]) -> ([a, b, d, f])
  %y = hone.conv %x, %w strides [1, 1] dilations [1, 1] pads [1, 1] [1, 1]
     : tensor<1x8x8x16xf32>, tensor<16x1x3x3x1xf32> -> tensor<1x8x8x16xf32>
  return %y : tensor<1x8x8x16xf32>
}

// CHECK-LABEL: func @points
// CANON-LABEL: func @points
func.func @points(%x: tensor<?x8x8x16xf32>, %w: tensor<1x32x1x1x16xf32>) -> tensor<?x8x8x32xf32> {
  // CANON: %[[W:.*]] = hone.reshape %{{.*}} : tensor<1x32x1x1x16xf32> -> tensor<32x16xf32>
  // CANON: hone.matmul %{{.*}}, %[[W]] {transpose_rhs} : tensor<?x8x8x16xf32>, tensor<32x16xf32> -> tensor<?x8x8x32xf32>
  %y = hone.conv %x, %w strides [1, 1] dilations [3, 1] pads [0, 0] [0, 0]
     : tensor<?x8x8x16xf32>, tensor<1x32x1x1x16xf32> -> tensor<?x8x8x32xf32>
  return %y : tensor<?x8x8x32xf32>
}

// CANON-LABEL: func @sequence
func.func @sequence(%x: tensor<?x1x21x8xf32>, %w: tensor<2x16x1x3x4xf32>) -> tensor<?x1x10x32xf32> {
  // CANON: %[[W:.*]] = hone.reshape %{{.*}} : tensor<2x16x1x3x4xf32> -> tensor<2x16x3x4xf32>
  // CANON: %[[X:.*]] = hone.reshape %{{.*}} : tensor<?x1x21x8xf32> -> tensor<?x21x8xf32>
  // CANON: %[[Y:.*]] = hone.conv %[[X]], %[[W]] strides [2] dilations [1] pads [0] [0]
  // CANON: hone.reshape %[[Y]]{{.*}} : tensor<?x10x32xf32> -> tensor<?x1x10x32xf32>
  %y = hone.conv %x, %w strides [1, 2] dilations [1, 1] pads [0, 0] [0, 0]
     : tensor<?x1x21x8xf32>, tensor<2x16x1x3x4xf32> -> tensor<?x1x10x32xf32>
  return %y : tensor<?x1x10x32xf32>
}

// CANON-LABEL: func @no_points
func.func @no_points(%x: tensor<?x8x8x16xf32>, %w: tensor<1x32x1x1x16xf32>, %g: tensor<2x16x1x1x8xf32>)
    -> (tensor<?x4x8x32xf32>, tensor<?x9x8x32xf32>, tensor<?x8x8x32xf32>) {
  // CANON-NOT: hone.matmul
  // CANON: hone.conv {{.*}}strides [2, 1]
  // CANON: hone.conv {{.*}}pads [0, 0] [1, 0]
  // CANON: hone.conv {{.*}}tensor<2x16x1x1x8xf32>
  %0 = hone.conv %x, %w strides [2, 1] dilations [1, 1] pads [0, 0] [0, 0]
     : tensor<?x8x8x16xf32>, tensor<1x32x1x1x16xf32> -> tensor<?x4x8x32xf32>
  %1 = hone.conv %x, %w strides [1, 1] dilations [1, 1] pads [0, 0] [1, 0]
     : tensor<?x8x8x16xf32>, tensor<1x32x1x1x16xf32> -> tensor<?x9x8x32xf32>
  %2 = hone.conv %x, %g strides [1, 1] dilations [1, 1] pads [0, 0] [0, 0]
     : tensor<?x8x8x16xf32>, tensor<2x16x1x1x8xf32> -> tensor<?x8x8x32xf32>
  return %0, %1, %2 : tensor<?x4x8x32xf32>, tensor<?x9x8x32xf32>, tensor<?x8x8x32xf32>
}

// CHECK-LABEL: func @pool
func.func @pool(%x: tensor<?x7x8x64xf32>) -> (tensor<?x4x4x64xf32>, tensor<?x3x4x64xi64>) {
  // CHECK: hone.pool max %{{.*}} [3, 3] strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1] : tensor<?x7x8x64xf32> -> tensor<?x4x4x64xf32>
  // FACTORS: remark: ([a, c, e, f]) -> ([a, b, d, f]) {{.*}} g: reduction max h: reduction max
  %y = hone.pool max %x [3, 3] strides [2, 2] dilations [1, 1] pads [1, 1] [1, 1]
     : tensor<?x7x8x64xf32> -> tensor<?x4x4x64xf32>
  // CHECK: hone.arg_pool %{{.*}} [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0] [0, 0] {column_major}
  %i = hone.arg_pool %x [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0] [0, 0] {column_major}
     : tensor<?x7x8x64xf32> -> tensor<?x3x4x64xi64>
  return %y, %i : tensor<?x4x4x64xf32>, tensor<?x3x4x64xi64>
}

// Rounded up, a window that begins behind the input is none: of 2 after 4 elements, the third.
// CHECK-LABEL: func @rounded_up
func.func @rounded_up(%x: tensor<1x4x7xf32>) -> (tensor<1x2x7xf32>, tensor<1x3x7xf32>) {
  %0 = hone.pool sum %x [1] strides [2] dilations [1] pads [0] [1] {ceil} : tensor<1x4x7xf32> -> tensor<1x2x7xf32>
  %1 = hone.pool sum %x [1] strides [2] dilations [1] pads [1] [1] {ceil} : tensor<1x4x7xf32> -> tensor<1x3x7xf32>
  return %0, %1 : tensor<1x2x7xf32>, tensor<1x3x7xf32>
}
