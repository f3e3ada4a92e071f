// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @axis(%x: tensor<4x8xf32>, %n: index) {
  // expected-error@+1 {{axis 2 is outside}}
  %0 = hone.resize linear half_pixel %x [%n] {axis = 2 : i64} : tensor<4x8xf32> -> tensor<4x?xf32>
  return
}

// -----

func.func @rank(%x: tensor<4x8xf32>, %n: index) {
  // expected-error@+1 {{cannot make 'tensor<?xf32>' of 'tensor<4x8xf32>'}}
  %0 = hone.resize linear half_pixel %x [%n] {axis = 0 : i64} : tensor<4x8xf32> -> tensor<?xf32>
  return
}

// -----

func.func @integers(%x: tensor<4x8xi32>, %n: index) {
  // expected-error@+1 {{cannot interpolate elements of 'tensor<4x8xi32>'; cast them first}}
  %0 = hone.resize linear half_pixel %x [%n] {axis = 0 : i64} : tensor<4x8xi32> -> tensor<?x8xi32>
  return
}

// -----

func.func @scale(%x: tensor<4x8xf32>, %n: index, %s: tensor<2xf32>) {
  // expected-error@+1 {{wants a scale of rank 0, got 'tensor<2xf32>'}}
  %0 = hone.resize linear half_pixel %x [%n] scale %s {axis = 0 : i64} : tensor<4x8xf32>, tensor<2xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @no_region(%x: tensor<4x8xf32>, %n: index) {
  // expected-error@+1 {{has a region if, and only if, it crops}}
  %0 = hone.resize linear tf_crop_and_resize %x [%n] {axis = 0 : i64} : tensor<4x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @region(%x: tensor<4x8xf32>, %n: index, %r: tensor<4xf32>) {
  // expected-error@+1 {{wants a region of a beginning and an end, got 'tensor<4xf32>'}}
  %0 = hone.resize linear tf_crop_and_resize %x [%n] region %r {axis = 0 : i64} : tensor<4x8xf32> region tensor<4xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @antialias(%x: tensor<4x8xf32>, %n: index) {
  // expected-error@+1 {{smoothes in modes linear and cubic only}}
  %0 = hone.resize nearest half_pixel %x [%n] {antialias, axis = 0 : i64} : tensor<4x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @length(%x: tensor<4294967296x1xf32>, %n: index) {
  // expected-error@+1 {{resizes up to 2147483647 elements, got 4294967296}}
  %0 = hone.resize nearest half_pixel %x [%n] {axis = 0 : i64} : tensor<4294967296x1xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @dims(%x: tensor<4x8xf32>) {
  %n = arith.constant 5 : index
  // expected-error@+1 {{wants 5 as dim 0 of its result, got}}
  %0 = hone.resize nearest half_pixel %x [%n] {axis = 0 : i64} : tensor<4x8xf32> -> tensor<6x8xf32>
  return
}
