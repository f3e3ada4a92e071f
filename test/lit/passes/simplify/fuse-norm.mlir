// RUN: hone-opt %s --hone-fuse-patterns --split-input-file | FileCheck %s

// Opset 14: ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, Mul, Add. The scale is a weight that another op uses too.
// CHECK-LABEL: func @opset14
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x384xf32>, %[[B:.*]]: tensor<384xf32>)
// CHECK: %[[S:.*]] = hone.use_weight @scale
// CHECK: %[[Y:.*]] = hone.layer_norm %[[X]], %[[S]], %[[B]] {axis = 2 : i64, epsilon = 9.99999996E-13 : f32}
// CHECK: %[[Z:.*]] = hone.mul %[[Y]], %[[S]]
// CHECK-NEXT: return %[[Z]]
hone.weight @scale : tensor<384xf32> = #hone.file<"model.onnx", offset = 0, length = 1536>
func.func @opset14(%x: tensor<?x?x384xf32>, %bias: tensor<384xf32>) -> tensor<?x?x384xf32> {
  %scale = hone.use_weight @scale : tensor<384xf32>
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.0026041666666666665> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.mul %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.pow %2, %two : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.mul %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %9 = hone.mul %8, %scale : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %10 = hone.add %9, %bias : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %11 = hone.mul %10, %scale : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  return %11 : tensor<?x?x384xf32>
}

// -----

// x·x in place of a power, means by division, and a reciprocal root.
// CHECK-LABEL: func @reciprocal
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x384xf32>, %[[S:.*]]: tensor<384xf32>, %[[B:.*]]: tensor<384xf32>)
// CHECK: %[[Y:.*]] = hone.layer_norm %[[X]], %[[S]], %[[B]] {axis = 2 : i64, epsilon = 9.99999974E-6 : f32}
// CHECK-NEXT: return %[[Y]]
func.func @reciprocal(%x: tensor<?x?x384xf32>, %scale: tensor<384xf32>, %bias: tensor<384xf32>) -> tensor<?x?x384xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-5> : tensor<f32>
  %count = hone.constant dense<384.0> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.div %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.mul %2, %2 : tensor<?x?x384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.div %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %inverse = hone.div %one, %7 : tensor<f32>, tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.mul %2, %inverse : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %9 = hone.mul %scale, %8 : tensor<384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %10 = hone.add %bias, %9 : tensor<384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  return %10 : tensor<?x?x384xf32>
}

// -----

// elementwise_affine=False: neither scale nor bias.
// CHECK-LABEL: func @plain
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x384xf32>)
// CHECK: %[[ONE:.*]] = hone.constant dense<1.000000e+00> : tensor<f32>
// CHECK: %[[Y:.*]] = hone.layer_norm %[[X]], %[[ONE]] {axis = 2 : i64
// CHECK-NEXT: return %[[Y]]
func.func @plain(%x: tensor<?x?x384xf32>) -> tensor<?x?x384xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.0026041666666666665> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.mul %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.pow %2, %two : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.mul %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  return %8 : tensor<?x?x384xf32>
}

// -----

// A scale with values of its own for every row is no parameter of the norm.
// CHECK-LABEL: func @row_scale
// CHECK: %[[Y:.*]] = hone.layer_norm
// CHECK: hone.mul %[[Y]]
func.func @row_scale(%x: tensor<?x?x384xf32>, %scale: tensor<?x?x384xf32>) -> tensor<?x?x384xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.0026041666666666665> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.mul %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.pow %2, %two : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.mul %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %9 = hone.mul %8, %scale : tensor<?x?x384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  return %9 : tensor<?x?x384xf32>
}

// -----

// T5: x · (1 / √(mean(x²) + ε)) · w.
// CHECK-LABEL: func @rms
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x512xf32>, %[[W:.*]]: tensor<512xf32>)
// CHECK: %[[Y:.*]] = hone.rms_norm %[[X]], %[[W]] {axis = 2 : i64, epsilon = 9.99999997E-7 : f32}
// CHECK-NEXT: return %[[Y]]
func.func @rms(%x: tensor<?x?x512xf32>, %scale: tensor<512xf32>) -> tensor<?x?x512xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-6> : tensor<f32>
  %count = hone.constant dense<0.001953125> : tensor<f32>
  %0 = hone.pow %x, %two : tensor<?x?x512xf32>, tensor<f32> -> tensor<?x?x512xf32>
  %1 = hone.reduce sum %0 [2] {keepdims} : tensor<?x?x512xf32> -> tensor<?x?x1xf32>
  %2 = hone.mul %1, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %3 = hone.add %2, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %4 = hone.sqrt %3 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %5 = hone.div %one, %4 : tensor<f32>, tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %6 = hone.mul %x, %5 : tensor<?x?x512xf32>, tensor<?x?x1xf32> -> tensor<?x?x512xf32>
  %7 = hone.mul %scale, %6 : tensor<512xf32>, tensor<?x?x512xf32> -> tensor<?x?x512xf32>
  return %7 : tensor<?x?x512xf32>
}

// -----

// torch.rsqrt as a power, over the last two dims.
// CHECK-LABEL: func @rms_power
// CHECK: hone.rms_norm %{{.*}} {axis = 1 : i64
func.func @rms_power(%x: tensor<?x4x8xf32>, %scale: tensor<4x8xf32>) -> tensor<?x4x8xf32> {
  %exponent = hone.constant dense<-0.5> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-6> : tensor<f32>
  %count = hone.constant dense<32.0> : tensor<f32>
  %0 = hone.mul %x, %x : tensor<?x4x8xf32>, tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  %1 = hone.reduce sum %0 [1, 2] {keepdims} : tensor<?x4x8xf32> -> tensor<?x1x1xf32>
  %2 = hone.div %1, %count : tensor<?x1x1xf32>, tensor<f32> -> tensor<?x1x1xf32>
  %3 = hone.add %epsilon, %2 : tensor<f32>, tensor<?x1x1xf32> -> tensor<?x1x1xf32>
  %4 = hone.pow %3, %exponent : tensor<?x1x1xf32>, tensor<f32> -> tensor<?x1x1xf32>
  %5 = hone.mul %4, %x : tensor<?x1x1xf32>, tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  %6 = hone.mul %5, %scale : tensor<?x4x8xf32>, tensor<4x8xf32> -> tensor<?x4x8xf32>
  return %6 : tensor<?x4x8xf32>
}

// -----

// The deviation has another user.
// CHECK-LABEL: func @used_elsewhere
// CHECK-NOT: _norm
func.func @used_elsewhere(%x: tensor<?x?x384xf32>) -> (tensor<?x?x384xf32>, tensor<?x?x1xf32>) {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.0026041666666666665> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.mul %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.pow %2, %two : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.mul %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  return %8, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32>
}

// -----

// Divided by one less than the number of elements: an unbiased variance.
// CHECK-LABEL: func @wrong_count
// CHECK-NOT: _norm
func.func @wrong_count(%x: tensor<?x?x384xf32>) -> tensor<?x?x384xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.0026109660574412533> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %1 = hone.mul %0, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  %3 = hone.pow %2, %two : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf32> -> tensor<?x?x1xf32>
  %5 = hone.mul %4, %count : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf32>, tensor<f32> -> tensor<?x?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x?x1xf32> -> tensor<?x?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x?x384xf32>, tensor<?x?x1xf32> -> tensor<?x?x384xf32>
  return %8 : tensor<?x?x384xf32>
}

// -----

// Normalised over a dim that is not the last: an instance norm.
// CHECK-LABEL: func @inner_axis
// CHECK-NOT: _norm
func.func @inner_axis(%x: tensor<?x64x64xf32>) -> tensor<?x64x64xf32> {
  %two = hone.constant dense<2.0> : tensor<f32>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f32>
  %count = hone.constant dense<0.015625> : tensor<f32>
  %0 = hone.reduce sum %x [1] {keepdims} : tensor<?x64x64xf32> -> tensor<?x1x64xf32>
  %1 = hone.mul %0, %count : tensor<?x1x64xf32>, tensor<f32> -> tensor<?x1x64xf32>
  %2 = hone.sub %x, %1 : tensor<?x64x64xf32>, tensor<?x1x64xf32> -> tensor<?x64x64xf32>
  %3 = hone.pow %2, %two : tensor<?x64x64xf32>, tensor<f32> -> tensor<?x64x64xf32>
  %4 = hone.reduce sum %3 [1] {keepdims} : tensor<?x64x64xf32> -> tensor<?x1x64xf32>
  %5 = hone.mul %4, %count : tensor<?x1x64xf32>, tensor<f32> -> tensor<?x1x64xf32>
  %6 = hone.add %5, %epsilon : tensor<?x1x64xf32>, tensor<f32> -> tensor<?x1x64xf32>
  %7 = hone.sqrt %6 : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %8 = hone.div %2, %7 : tensor<?x64x64xf32>, tensor<?x1x64xf32> -> tensor<?x64x64xf32>
  return %8 : tensor<?x64x64xf32>
}

// -----

// The fused ops are of f32.
// CHECK-LABEL: func @f64
// CHECK-NOT: _norm
func.func @f64(%x: tensor<?x?x384xf64>) -> tensor<?x?x384xf64> {
  %two = hone.constant dense<2.0> : tensor<f64>
  %epsilon = hone.constant dense<1.0e-12> : tensor<f64>
  %count = hone.constant dense<0.0026041666666666665> : tensor<f64>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x384xf64> -> tensor<?x?x1xf64>
  %1 = hone.mul %0, %count : tensor<?x?x1xf64>, tensor<f64> -> tensor<?x?x1xf64>
  %2 = hone.sub %x, %1 : tensor<?x?x384xf64>, tensor<?x?x1xf64> -> tensor<?x?x384xf64>
  %3 = hone.pow %2, %two : tensor<?x?x384xf64>, tensor<f64> -> tensor<?x?x384xf64>
  %4 = hone.reduce sum %3 [2] {keepdims} : tensor<?x?x384xf64> -> tensor<?x?x1xf64>
  %5 = hone.mul %4, %count : tensor<?x?x1xf64>, tensor<f64> -> tensor<?x?x1xf64>
  %6 = hone.add %5, %epsilon : tensor<?x?x1xf64>, tensor<f64> -> tensor<?x?x1xf64>
  %7 = hone.sqrt %6 : tensor<?x?x1xf64> -> tensor<?x?x1xf64>
  %8 = hone.div %2, %7 : tensor<?x?x384xf64>, tensor<?x?x1xf64> -> tensor<?x?x384xf64>
  return %8 : tensor<?x?x384xf64>
}

// -----

// x - mean(x) has another user: what is left of the norm is still one op.
// CHECK-LABEL: func @centered_used
// CHECK: %[[C:.*]] = hone.sub
// CHECK: %[[Y:.*]] = hone.rms_norm %[[C]]
// CHECK: return %[[Y]], %[[C]]
func.func @centered_used(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %epsilon = hone.constant dense<1.0e-5> : tensor<f32>
  %count = hone.constant dense<8.0> : tensor<f32>
  %0 = hone.reduce sum %x [1] {keepdims} : tensor<?x8xf32> -> tensor<?x1xf32>
  %1 = hone.div %0, %count : tensor<?x1xf32>, tensor<f32> -> tensor<?x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x8xf32>, tensor<?x1xf32> -> tensor<?x8xf32>
  %3 = hone.mul %2, %2 : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %4 = hone.reduce sum %3 [1] {keepdims} : tensor<?x8xf32> -> tensor<?x1xf32>
  %5 = hone.div %4, %count : tensor<?x1xf32>, tensor<f32> -> tensor<?x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x1xf32>, tensor<f32> -> tensor<?x1xf32>
  %7 = hone.sqrt %6 : tensor<?x1xf32> -> tensor<?x1xf32>
  %8 = hone.div %2, %7 : tensor<?x8xf32>, tensor<?x1xf32> -> tensor<?x8xf32>
  return %8, %2 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// The mean is that of a row, the deviation that of a matrix.
// CHECK-LABEL: func @two_axes
// CHECK: hone.sub
// CHECK: hone.rms_norm %{{.*}} {axis = 1 : i64
func.func @two_axes(%x: tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
  %epsilon = hone.constant dense<1.0e-5> : tensor<f32>
  %row = hone.constant dense<8.0> : tensor<f32>
  %matrix = hone.constant dense<32.0> : tensor<f32>
  %0 = hone.reduce sum %x [2] {keepdims} : tensor<?x4x8xf32> -> tensor<?x4x1xf32>
  %1 = hone.div %0, %row : tensor<?x4x1xf32>, tensor<f32> -> tensor<?x4x1xf32>
  %2 = hone.sub %x, %1 : tensor<?x4x8xf32>, tensor<?x4x1xf32> -> tensor<?x4x8xf32>
  %3 = hone.mul %2, %2 : tensor<?x4x8xf32>, tensor<?x4x8xf32> -> tensor<?x4x8xf32>
  %4 = hone.reduce sum %3 [1, 2] {keepdims} : tensor<?x4x8xf32> -> tensor<?x1x1xf32>
  %5 = hone.div %4, %matrix : tensor<?x1x1xf32>, tensor<f32> -> tensor<?x1x1xf32>
  %6 = hone.add %5, %epsilon : tensor<?x1x1xf32>, tensor<f32> -> tensor<?x1x1xf32>
  %7 = hone.sqrt %6 : tensor<?x1x1xf32> -> tensor<?x1x1xf32>
  %8 = hone.div %2, %7 : tensor<?x4x8xf32>, tensor<?x1x1xf32> -> tensor<?x4x8xf32>
  return %8 : tensor<?x4x8xf32>
}
