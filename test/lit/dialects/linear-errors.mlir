// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @rank(%x: tensor<4xf32>, %w: tensor<4x4xf32>) {
  // expected-error@+1 {{wants operands of rank 2 or more, got 'tensor<4xf32>' and 'tensor<4x4xf32>'}}
  %0 = hone.matmul %x, %w : tensor<4xf32>, tensor<4x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @inner(%x: tensor<3x4xf32>, %w: tensor<5x6xf32>) {
  // expected-error@+1 {{inner dims differ: 4 and 5}}
  %0 = hone.matmul %x, %w : tensor<3x4xf32>, tensor<5x6xf32> -> tensor<3x6xf32>
  return
}

// -----

func.func @inner_transposed(%x: tensor<3x4xf32>, %w: tensor<4x6xf32>) {
  // expected-error@+1 {{inner dims differ: 4 and 6}}
  %0 = hone.matmul %x, %w {transpose_rhs} : tensor<3x4xf32>, tensor<4x6xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @attention_rank(%x: tensor<2x7x12x32xf32>, %k: tensor<7x12x32xf32>) {
  // expected-error@+1 {{wants query, key and value as [batch, sequence, heads, size], got 'tensor<7x12x32xf32>'}}
  %0 = hone.attention %x, %k, %x {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<7x12x32xf32>, tensor<2x7x12x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_size(%x: tensor<2x7x12x32xf32>, %k: tensor<2x7x12x64xf32>) {
  // expected-error@+1 {{head sizes of query and key differ: 'tensor<2x7x12x32xf32>' and 'tensor<2x7x12x64xf32>'}}
  %0 = hone.attention %x, %k, %x {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x64xf32>, tensor<2x7x12x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_heads(%x: tensor<2x7x12x32xf32>, %k: tensor<2x7x6x32xf32>) {
  // expected-error@+1 {{head counts differ: 'tensor<2x7x6x32xf32>' and 'tensor<2x7x12x32xf32>'}}
  %0 = hone.attention %x, %k, %x {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x6x32xf32>, tensor<2x7x12x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_mask(%x: tensor<2x7x12x32xf32>, %m: tensor<1x2x12x7x7xf32>) {
  // expected-error@+1 {{mask does not broadcast to [batch, heads, queries, keys]: 'tensor<1x2x12x7x7xf32>'}}
  %0 = hone.attention %x, %x, %x, %m {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<1x2x12x7x7xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @batch(%x: tensor<2x3x4xf32>, %w: tensor<5x4x6xf32>) {
  // expected-error@+1 {{batch dims do not broadcast: 'tensor<2x3x4xf32>' and 'tensor<5x4x6xf32>'}}
  %0 = hone.matmul %x, %w : tensor<2x3x4xf32>, tensor<5x4x6xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @types(%x: tensor<3x4xf32>, %w: tensor<4x6xf64>) {
  // expected-error@+1 {{cannot convert 'f64' to 'f32' without a loss}}
  %0 = hone.matmul %x, %w : tensor<3x4xf32>, tensor<4x6xf64> -> tensor<3x6xf32>
  return
}

// -----

func.func @result_rank(%x: tensor<3x4xf32>, %w: tensor<4x6xf32>) {
  // expected-error@+1 {{wants a result of rank 2, got 'tensor<1x3x6xf32>'}}
  %0 = hone.matmul %x, %w : tensor<3x4xf32>, tensor<4x6xf32> -> tensor<1x3x6xf32>
  return
}

// -----

func.func @attention_values(%x: tensor<2x7x12x32xf32>, %v: tensor<2x6x12x32xf32>) {
  // expected-error@+1 {{numbers of keys and values differ: 'tensor<2x7x12x32xf32>' and 'tensor<2x6x12x32xf32>'}}
  %0 = hone.attention %x, %x, %v {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x6x12x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_mask_dims(%x: tensor<2x7x12x32xf32>, %m: tensor<3x1x1x7xf32>) {
  // expected-error@+1 {{mask does not broadcast to [batch, heads, queries, keys]: 'tensor<3x1x1x7xf32>'}}
  %0 = hone.attention %x, %x, %x, %m {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<3x1x1x7xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_type(%x: tensor<2x7x12x32xf64>) {
  // expected-error@+1 {{operand #0 must be tensor of f32}}
  %0 = hone.attention %x, %x, %x {scale = 1.0 : f32} : tensor<2x7x12x32xf64>, tensor<2x7x12x32xf64>, tensor<2x7x12x32xf64> -> tensor<2x7x12x32xf64>
  return
}

// -----

func.func @attention_groups(%x: tensor<2x7x12x32xf32>, %k: tensor<2x7x5x32xf32>) {
  // expected-error@+1 {{head counts of keys do not divide those of queries: 'tensor<2x7x12x32xf32>' and 'tensor<2x7x5x32xf32>'}}
  %0 = hone.attention %x, %k, %k {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x5x32xf32>, tensor<2x7x5x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_lengths(%x: tensor<2x7x12x32xf32>, %n: tensor<3xi64>) {
  // expected-error@+1 {{wants a length for each row of the batch: got 'tensor<3xi64>' for 'tensor<2x7x12x32xf32>'}}
  %0 = hone.attention %x, %x, %x lengths %n {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32> lengths tensor<3xi64> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_masked_zero(%x: tensor<2x7x12x32xf32>) {
  // expected-error@+1 {{wants `maskedZero` beside a mask, and not beside `guarded`, which gives zeros there, too}}
  %0 = hone.attention %x, %x, %x {maskedZero, scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_fill(%x: tensor<2x7x12x32xf32>, %m: tensor<7x7xi1>) {
  // expected-error@+1 {{wants `fill` beside a mask of booleans, and only there}}
  %0 = hone.attention %x, %x, %x, %m {scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<7x7xi1> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @attention_fill_of_numbers(%x: tensor<2x7x12x32xf32>, %m: tensor<7x7xf32>) {
  // expected-error@+1 {{wants `fill` beside a mask of booleans, and only there}}
  %0 = hone.attention %x, %x, %x, %m {fill = 0.0 : f32, scale = 1.0 : f32} : tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<2x7x12x32xf32>, tensor<7x7xf32> -> tensor<2x7x12x32xf32>
  return
}

// -----

func.func @sum_of_bytes(%x: tensor<3x4xi8>, %w: tensor<4x6xui8>) {
  // expected-error@+1 {{cannot convert 'ui8' to 'i8' without a loss}}
  %0 = hone.matmul %x, %w : tensor<3x4xi8>, tensor<4x6xui8> -> tensor<3x6xi8>
  return
}

// -----

func.func @sum_without_sign(%x: tensor<3x4xui8>, %w: tensor<4x6xi8>) {
  // expected-error@+1 {{cannot convert 'i8' to 'ui32' without a loss}}
  %0 = hone.matmul %x, %w : tensor<3x4xui8>, tensor<4x6xi8> -> tensor<3x6xui32>
  return
}

// -----

func.func @wide_integers(%x: tensor<3x4xf32>, %w: tensor<4x6xi32>) {
  // expected-error@+1 {{cannot convert 'i32' to 'f32' without a loss}}
  %0 = hone.matmul %x, %w : tensor<3x4xf32>, tensor<4x6xi32> -> tensor<3x6xf32>
  return
}

// -----

func.func @sum_of_halves(%x: tensor<3x4xf16>, %w: tensor<4x6xf16>) {
  // expected-error@+1 {{result #0 must be}}
  %0 = hone.matmul %x, %w : tensor<3x4xf16>, tensor<4x6xf16> -> tensor<3x6xf16>
  return
}
