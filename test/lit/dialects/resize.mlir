// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s
// RUN: hone-opt %s --hone-print-factors 2>&1 | FileCheck %s --check-prefix=FACTORS

// CHECK-LABEL: func @sizes
func.func @sizes(%x: tensor<?x8x14xf32>, %n: index) -> tensor<?x8x?xf32> {
  // CHECK: hone.resize linear half_pixel %{{.*}}[%{{.*}}] {axis = 2 : i64} : tensor<?x8x14xf32> -> tensor<?x8x?xf32>
  // FACTORS: remark: ([a, b, d]) -> ([a, b, c]) c: opaque d: opaque
  %y = hone.resize linear half_pixel %x [%n] {axis = 2 : i64} : tensor<?x8x14xf32> -> tensor<?x8x?xf32>
  return %y : tensor<?x8x?xf32>
}

// CHECK-LABEL: func @scaled
func.func @scaled(%x: tensor<4x8xi4>, %s: tensor<f32>) -> tensor<9x8xi4> {
  %n = arith.constant 9 : index
  // CHECK: hone.resize nearest asymmetric %{{.*}}[%{{.*}}] scale %{{.*}} {axis = 0 : i64, rounding = #hone<resize_rounding floor>} : tensor<4x8xi4>, tensor<f32> -> tensor<9x8xi4>
  // FACTORS: remark: ([c, b], []) -> ([a, b]) a: opaque c: opaque
  %y = hone.resize nearest asymmetric %x [%n] scale %s {axis = 0 : i64, rounding = #hone<resize_rounding floor>}
     : tensor<4x8xi4>, tensor<f32> -> tensor<9x8xi4>
  return %y : tensor<9x8xi4>
}

// CHECK-LABEL: func @cropped
func.func @cropped(%x: tensor<4x8xf64>, %r: tensor<2xf32>) -> tensor<4x3xf64> {
  %n = arith.constant 3 : index
  // CHECK: hone.resize cubic tf_crop_and_resize %{{.*}}[%{{.*}}] region %{{.*}} {antialias, axis = 1 : i64, cubic_coeff = -5.000000e-01 : f32, exclude_outside, extrapolation = 1.000000e+00 : f32} : tensor<4x8xf64> region tensor<2xf32> -> tensor<4x3xf64>
  %y = hone.resize cubic tf_crop_and_resize %x [%n] region %r
       {antialias, axis = 1 : i64, cubic_coeff = -0.5 : f32, exclude_outside, extrapolation = 1.0 : f32}
     : tensor<4x8xf64> region tensor<2xf32> -> tensor<4x3xf64>
  return %y : tensor<4x3xf64>
}
