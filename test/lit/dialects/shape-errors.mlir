// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @from_elements_type(%i: index) {
  // expected-error@+1 {{wants a static result of integers and rank at most 1, got 'tensor<1xf32>'}}
  %0 = hone.from_elements %i : tensor<1xf32>
  return
}

// -----

func.func @from_elements_count(%i: index) {
  // expected-error@+1 {{wants 2 elements, got 1}}
  %0 = hone.from_elements %i : tensor<2xi64>
  return
}

// -----

func.func @reshape(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 sizes, got 1}}
  %0 = hone.reshape %x [%i] : tensor<4xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @expand_rank(%x: tensor<1x4xf32>, %i: index) {
  // expected-error@+1 {{cannot broadcast 'tensor<1x4xf32>' to lower rank}}
  %0 = hone.expand %x [%i] : tensor<1x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @expand_sizes(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 sizes, got 1}}
  %0 = hone.expand %x [%i] : tensor<4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @transpose_count(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{wants 2 entries of the permutation, got 1}}
  %0 = hone.transpose %x [0] : tensor<2x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @transpose_permutation(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{is no permutation of 2 dims}}
  %0 = hone.transpose %x [1, 1] : tensor<2x4xf32> -> tensor<4x4xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 starts, got 1}}
  %0 = hone.slice %x [%i] [%i] [%i] : tensor<2x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @concat_empty() {
  // expected-error@+1 {{wants at least one operand}}
  %0 = "hone.concat"() {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @concat_axis(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.concat %x, %x {axis = 2 : i64} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x8xf32>
  return
}

// -----

func.func @pad_mode(%x: tensor<4xf32>, %v: tensor<f32>, %i: index) {
  // expected-error@+1 {{mode 'mirror' is none of constant, edge, reflect, wrap}}
  %0 = hone.pad %x, %v [%i] [%i] "mirror" : tensor<4xf32>, tensor<f32> -> tensor<?xf32>
  return
}

// -----

func.func @pad_count(%x: tensor<4x4xf32>, %v: tensor<f32>, %i: index) {
  // expected-error@+1 {{wants 2 paddings, got 1}}
  %0 = hone.pad %x, %v [%i] [%i] "edge" : tensor<4x4xf32>, tensor<f32> -> tensor<?x?xf32>
  return
}

// -----

func.func @gather(%x: tensor<4x4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{axis -1 is outside [0, 2)}}
  %0 = hone.gather %x, %i {axis = -1 : i64} : tensor<4x4xf32>, tensor<3xi64> -> tensor<4x3xf32>
  return
}

// -----

func.func @gather_elements_rank(%x: tensor<4x4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{wants data and indices of one rank}}
  %0 = hone.gather_elements %x, %i {axis = 0 : i64} : tensor<4x4xf32>, tensor<3xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_elements_axis(%x: tensor<4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{axis 1 is outside [0, 1)}}
  %0 = hone.gather_elements %x, %i {axis = 1 : i64} : tensor<4xf32>, tensor<3xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_dynamic(%x: tensor<4xf32>, %i: tensor<3x?xi64>) {
  // expected-error@+1 {{wants indices with a static last dim, got 'tensor<3x?xi64>'}}
  %0 = hone.gather_nd %x, %i {batch_dims = 0 : i64} : tensor<4xf32>, tensor<3x?xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_depth(%x: tensor<4xf32>, %i: tensor<3x2xi64>) {
  // expected-error@+1 {{index tuples are longer than the data's rank}}
  %0 = hone.gather_nd %x, %i {batch_dims = 0 : i64} : tensor<4xf32>, tensor<3x2xi64> -> tensor<3xf32>
  return
}

// -----

func.func @random_type(%i: index) {
  // expected-error@+1 {{wants a result of f32, got 'tensor<?xf64>'}}
  %0 = hone.random_uniform 7 [%i] : tensor<?xf64>
  return
}
