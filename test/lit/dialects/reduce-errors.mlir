// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @reduce_axis(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.reduce sum %x [2] : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_order(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants axes in ascending order, each once}}
  %0 = hone.reduce sum %x [1, 0] : tensor<4x8xf32> -> tensor<f32>
  return
}

// -----

func.func @reduce_twice(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants axes in ascending order, each once}}
  %0 = hone.reduce sum %x [1, 1] : tensor<4x8xf32> -> tensor<f32>
  return
}

// -----

func.func @reduce_rank(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants a result of rank 2, got 'tensor<4xf32>'}}
  %0 = hone.reduce sum %x [1] {keepdims} : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @arg_reduce_kind(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants kind max or min}}
  %0 = hone.arg_reduce sum %x {axis = 1 : i64} : tensor<4x8xf32> -> tensor<4xi64>
  return
}

// -----

func.func @arg_reduce_axis(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{axis -3 is outside [0, 2)}}
  %0 = hone.arg_reduce max %x {axis = -3 : i64} : tensor<4x8xf32> -> tensor<4xi64>
  return
}

// -----

func.func @cumsum_axis(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.cumsum %x {axis = 2 : i64} : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @topk_axis(%x: tensor<4x8xf32>, %k: index) {
  // expected-error@+1 {{axis 9 is outside [0, 2)}}
  %0:2 = hone.topk %x, %k {axis = 9 : i64, largest = false} : tensor<4x8xf32> -> tensor<4x?xf32>, tensor<4x?xi64>
  return
}

// -----

func.func @reduce_dims(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants 8 as dim 0 of its result, got 'tensor<4xf32>'}}
  %0 = hone.reduce sum %x [0] : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_type(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{requires the same element type for all operands and results}}
  %0 = hone.reduce sum %x [0] : tensor<4x8xf32> -> tensor<8xf64>
  return
}

// -----

func.func @arg_reduce_type(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{result #0 must be tensor of}}
  %0 = hone.arg_reduce max %x {axis = 1 : i64} : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @arg_reduce_rank(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{wants a result of rank 1, got 'tensor<4x1xi64>'}}
  %0 = hone.arg_reduce max %x {axis = 1 : i64} : tensor<4x8xf32> -> tensor<4x1xi64>
  return
}

// -----

func.func @topk_negative(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{wants -1 as dim 1 of its result, got 'tensor<4x?xf32>'}}
  %k = arith.constant -1 : index
  %0:2 = hone.topk %x, %k {axis = 1 : i64, largest = true} : tensor<4x8xf32> -> tensor<4x?xf32>, tensor<4x?xi64>
  return
}
