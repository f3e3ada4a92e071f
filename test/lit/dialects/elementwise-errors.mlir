// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @types(%x: tensor<4xf32>, %y: tensor<4xi32>) {
  // expected-error@+1 {{requires the same element type for all operands and results}}
  %0 = hone.add %x, %y : tensor<4xf32>, tensor<4xi32> -> tensor<4xf32>
  return
}

// -----

func.func @float_only(%x: tensor<4xi32>) {
  // expected-error@+1 {{operand #0 must be tensor of floats (f32, f64), but got 'tensor<4xi32>'}}
  %0 = hone.sqrt %x : tensor<4xi32> -> tensor<4xi32>
  return
}

// -----

func.func @bool_only(%x: tensor<4xi8>) {
  // expected-error@+1 {{operand #0 must be tensor of truth values (i1), but got 'tensor<4xi8>'}}
  %0 = hone.not %x : tensor<4xi8> -> tensor<4xi8>
  return
}

// -----

func.func @no_arithmetic_on_bools(%x: tensor<4xi1>) {
  // expected-error@+1 {{operand #0 must be tensor of}}
  %0 = hone.mul %x, %x : tensor<4xi1>, tensor<4xi1> -> tensor<4xi1>
  return
}

// -----

func.func @odd_type(%x: tensor<4xindex>) {
  // expected-error@+1 {{operand #0 must be tensor of}}
  %0 = hone.abs %x : tensor<4xindex> -> tensor<4xindex>
  return
}

// -----

func.func @comparison(%x: tensor<4xf32>) {
  // expected-error@+1 {{result #0 must be tensor of truth values (i1), but got 'tensor<4xf32>'}}
  %0 = hone.less %x, %x : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @power_type(%x: tensor<4xf32>, %y: tensor<4xi64>) {
  // expected-error@+1 {{have same element type}}
  %0 = hone.pow %x, %y : tensor<4xf32>, tensor<4xi64> -> tensor<4xi64>
  return
}

// -----

func.func @condition(%c: tensor<4xi8>, %x: tensor<4xf32>) {
  // expected-error@+1 {{operand #0 must be tensor of truth values (i1), but got 'tensor<4xi8>'}}
  %0 = hone.select %c, %x, %x : tensor<4xi8>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @dims(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error@+1 {{cannot broadcast 'tensor<5xf32>' to 'tensor<4xf32>'}}
  %0 = hone.add %x, %y : tensor<4xf32>, tensor<5xf32> -> tensor<4xf32>
  return
}

// -----

func.func @lower_rank(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{cannot broadcast 'tensor<?x4xf32>' to 'tensor<4xf32>'}}
  %0 = hone.exp %x : tensor<?x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @higher_rank(%x: tensor<4xf32>) {
  // expected-error@+1 {{wants a result of rank 1, got 'tensor<1x4xf32>'}}
  %0 = hone.exp %x : tensor<4xf32> -> tensor<1x4xf32>
  return
}

// -----

func.func @wider(%x: tensor<1xf32>) {
  // expected-error@+1 {{wants 1 as dim 0 of its result, got 'tensor<4xf32>'}}
  %0 = hone.add %x, %x : tensor<1xf32>, tensor<1xf32> -> tensor<4xf32>
  return
}
