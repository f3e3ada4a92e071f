// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @rank(%x: tensor<4x8xf32>, %w: tensor<1x4x8xf32>) {
  // expected-error@+1 {{wants a batch, spatial dims and channels, got 'tensor<4x8xf32>'}}
  %0 = hone.conv %x, %w strides [] dilations [] pads [] [] : tensor<4x8xf32>, tensor<1x4x8xf32> -> tensor<4x4xf32>
  return
}

// -----

func.func @filter_rank(%x: tensor<1x8x8xf32>, %w: tensor<1x4x8xf32>) {
  // expected-error@+1 {{wants a filter with a dim more than the input, got 'tensor<1x4x8xf32>' for 'tensor<1x8x8xf32>'}}
  %0 = hone.conv %x, %w strides [1] dilations [1] pads [0] [0] : tensor<1x8x8xf32>, tensor<1x4x8xf32> -> tensor<1x8x4xf32>
  return
}

// -----

func.func @strides(%x: tensor<1x8x8x4xf32>, %w: tensor<1x4x1x1x4xf32>) {
  // expected-error@+1 {{wants one of `strides` for each of 2 spatial dims}}
  %0 = hone.conv %x, %w strides [1] dilations [1, 1] pads [0, 0] [0, 0] : tensor<1x8x8x4xf32>, tensor<1x4x1x1x4xf32> -> tensor<1x8x8x4xf32>
  return
}

// -----

func.func @dilation(%x: tensor<1x8x4xf32>, %w: tensor<1x4x1x4xf32>) {
  // expected-error@+1 {{wants `dilations` of 1 to 2147483647, got 0}}
  %0 = hone.conv %x, %w strides [1] dilations [0] pads [0] [0] : tensor<1x8x4xf32>, tensor<1x4x1x4xf32> -> tensor<1x8x4xf32>
  return
}

// -----

func.func @pads(%x: tensor<1x8x4xf32>, %w: tensor<1x4x1x4xf32>) {
  // expected-error@+1 {{wants `pads_after` of 0 to 2147483647, got -1}}
  %0 = hone.conv %x, %w strides [1] dilations [1] pads [0] [-1] : tensor<1x8x4xf32>, tensor<1x4x1x4xf32> -> tensor<1x7x4xf32>
  return
}

// -----

func.func @channels(%x: tensor<1x8x4xf32>, %w: tensor<1x4x1x3xf32>) {
  // expected-error@+1 {{has 4 channels, and a filter that reads 3 in each of 1 groups}}
  %0 = hone.conv %x, %w strides [1] dilations [1] pads [0] [0] : tensor<1x8x4xf32>, tensor<1x4x1x3xf32> -> tensor<1x8x4xf32>
  return
}

// -----

func.func @narrowing(%x: tensor<1x8x4xf64>, %w: tensor<1x3x1x4xf32>) {
  // expected-error@+1 {{cannot convert 'f64' to 'f32' without a loss}}
  %0 = hone.conv %x, %w strides [1] dilations [1] pads [0] [0] : tensor<1x8x4xf64>, tensor<1x3x1x4xf32> -> tensor<1x8x3xf32>
  return
}

// -----

func.func @positions(%x: tensor<1x8x4xf32>, %w: tensor<1x3x3x4xf32>) {
  // expected-error@+1 {{wants 6 as dim 1 of its result, got 'tensor<1x8x3xf32>'}}
  %0 = hone.conv %x, %w strides [1] dilations [1] pads [0] [0] : tensor<1x8x4xf32>, tensor<1x3x3x4xf32> -> tensor<1x8x3xf32>
  return
}

// -----

func.func @window(%x: tensor<1x8x4xf32>) {
  // expected-error@+1 {{wants a window of 1 to 2147483647 taps, got 0}}
  %0 = hone.pool max %x [0] strides [1] dilations [1] pads [0] [0] : tensor<1x8x4xf32> -> tensor<1x9x4xf32>
  return
}

// -----

func.func @window_rank(%x: tensor<1x8x4xf32>) {
  // expected-error@+1 {{wants a size of the window for each of 1 spatial dims}}
  %0 = hone.pool max %x [2, 2] strides [1] dilations [1] pads [0] [0] : tensor<1x8x4xf32> -> tensor<1x7x4xf32>
  return
}
