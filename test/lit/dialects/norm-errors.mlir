// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @softmax_type(%x: tensor<4x8xi32>) {
  // expected-error@+1 {{operand #0 must be tensor of floats (f32, f64), but got 'tensor<4x8xi32>'}}
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<4x8xi32> -> tensor<4x8xi32>
  return
}

// -----

func.func @softmax_axis(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.softmax %x {axis = 2 : i64} : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @layer_norm_axis(%x: tensor<4x8xf32>, %p: tensor<8xf32>) {
  // expected-error@+1 {{axis -1 is outside [0, 2)}}
  %0 = hone.layer_norm %x, %p {axis = -1 : i64, epsilon = 1.0e-5 : f32} : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @rms_norm_type(%x: tensor<4x8xi8>, %p: tensor<8xi8>) {
  // expected-error@+1 {{operand #0 must be tensor of floats (f32, f64), but got 'tensor<4x8xi8>'}}
  %0 = hone.rms_norm %x, %p {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<4x8xi8>, tensor<8xi8> -> tensor<4x8xi8>
  return
}

// -----

func.func @norm_scale(%x: tensor<4x8xf32>, %p: tensor<4x1x8xf32>) {
  // expected-error@+1 {{cannot broadcast 'tensor<4x1x8xf32>' to 'tensor<4x8xf32>'}}
  %0 = hone.rms_norm %x, %p {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<4x8xf32>, tensor<4x1x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @norm_bias(%x: tensor<4x8xf32>, %p: tensor<8xf32>, %b: tensor<7xf32>) {
  // expected-error@+1 {{cannot broadcast 'tensor<7xf32>' to 'tensor<4x8xf32>'}}
  %0 = hone.layer_norm %x, %p, %b {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<4x8xf32>, tensor<8xf32>, tensor<7xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @softmax_dims(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants 8 as dim 1 of its result, got 'tensor<4x9xf32>'}}
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<4x8xf32> -> tensor<4x9xf32>
  return
}
