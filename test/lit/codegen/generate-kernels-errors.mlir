// RUN: hone-opt %s --hone-generate-kernels --verify-diagnostics

// A stage file may have been made for another target, whose panels are narrower.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
hone.kernel @narrow(%x: tensor<2x4xf32>, %w: tensor<2x4x8xf32>) -> tensor<2x13xf32> {
  // expected-error@+1 {{is packed for panels of 8 columns, but x86-64-v3 wants 16; make the stage 'kernels' again for this target}}
  %0 = hone.matmul %x, %w {packed_columns = 13 : i64} : tensor<2x4xf32>, tensor<2x4x8xf32> -> tensor<2x13xf32>
  hone.return %0 : tensor<2x13xf32>
}
}
