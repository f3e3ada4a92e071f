// RUN: hone-opt %s --hone-generate-kernels --verify-diagnostics --split-input-file

// A stage file may have been made for another target, whose panels are narrower.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'narrow' reads a weight that does not lie in panels of 16 columns}}
hone.kernel @narrow(%x: tensor<2x4xf32>, %w: tensor<2x4x8xf32>) -> tensor<2x13xf32> {
  %0 = hone.unpack %w dims [1] tiles [8] order [1, 0] : tensor<2x4x8xf32> -> tensor<4x13xf32>
  %1 = hone.matmul %x, %0 : tensor<2x4xf32>, tensor<4x13xf32> -> tensor<2x13xf32>
  hone.return %1 : tensor<2x13xf32>
}
}

// -----

// What a family takes lies in memory: attention does not read what its kernel computes.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
hone.kernel @computed(%x: tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32> {
  %0 = hone.neg %x : tensor<1x2x1x4xf32> -> tensor<1x2x1x4xf32>
  // expected-error@+1 {{has no kernel for}}
  %1 = hone.attention %0, %x, %x {scale = 1.0 : f32} : tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32> -> tensor<1x2x1x4xf32>
  hone.return %1 : tensor<1x2x1x4xf32>
}
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'other' holds nothing that the family 'attention' computes for x86-64-v3}}
hone.kernel @other(%x: tensor<4xf32>) -> tensor<4xf32> attributes {family = "attention", parameters = {keys = 256 : i64, queries = 48 : i64, rows = 6 : i64, vectors = 2 : i64}} {
  %0 = hone.neg %x : tensor<4xf32> -> tensor<4xf32>
  hone.return %0 : tensor<4xf32>
}
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'keys' wants a multiple of 16 keys in a block, got 100}}
hone.kernel @keys(%x: tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32> attributes {family = "attention", parameters = {keys = 100 : i64, queries = 48 : i64, rows = 6 : i64, vectors = 2 : i64}} {
  %1 = hone.attention %x, %x, %x {scale = 1.0 : f32} : tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32> -> tensor<1x2x1x4xf32>
  hone.return %1 : tensor<1x2x1x4xf32>
}
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'level' has a target that is not known: target 'x86-64-v9'}}
hone.kernel @level(%x: tensor<4xf32>) -> tensor<4xf32> attributes {target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v9", features = "">} {
  %0 = hone.neg %x : tensor<4xf32> -> tensor<4xf32>
  hone.return %0 : tensor<4xf32>
}
}

// -----

// Behind a product stand element-wise ops of its shape, or it is not the family's.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'moved' holds nothing that the family 'matmul' computes for x86-64-v3}}
hone.kernel @moved(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>) -> tensor<3x2xf32> attributes {family = "matmul", parameters = {depth_block = 384 : i64, row_block = 96 : i64, rows = 6 : i64, streamed_panels = 4 : i64, vectors = 2 : i64}} {
  %0 = hone.matmul %x, %w : tensor<2x4xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  %1 = hone.transpose %0 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  hone.return %1 : tensor<3x2xf32>
}
}

// -----

// The generic family may keep sums in the result.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'in_place' is to run in place, which the family 'generic' cannot: it may write an element before it has read all that goes into it}}
hone.kernel @in_place(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>, %r: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {family = "generic", in_place = 2 : i64, parameters = {chunk = 8192 : i64, interleave = 4 : i64}} {
  %0 = hone.matmul %x, %w : tensor<2x4xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  %1 = hone.add %0, %r : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  hone.return %1 : tensor<2x3xf32>
}
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
// expected-error@+1 {{kernel 'apart' returns what is not computed together}}
hone.kernel @apart(%x: tensor<4xf32>, %y: tensor<3xf32>) -> (tensor<4xf32>, tensor<3xf32>) {
  %0 = hone.neg %x : tensor<4xf32> -> tensor<4xf32>
  %1 = hone.neg %y : tensor<3xf32> -> tensor<3xf32>
  hone.return %0, %1 : tensor<4xf32>, tensor<3xf32>
}
}
