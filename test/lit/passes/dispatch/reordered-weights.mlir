// RUN: hone-opt %s --hone-dispatch | FileCheck %s

// A filter that lies with its channels last is read by others, too: what shows it as it was numbers its dims, which are
// not joined.
// CHECK: hone.weight @w_packed : tensor<1x3x3x1x4xf32> = #hone.pack<@w, dims = [], tiles = [], order = [1, 2, 3, 4, 0]>
// CHECK: hone.unpack %{{.*}} : tensor<1x3x3x1x4xf32> -> tensor<4x1x3x3x1xf32>
// CHECK: hone.scatter_nd
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<4x1x3x3x1xf32> = dense<3.0> : tensor<4x1x3x3x1xf32>
  func.func @main(%x: tensor<1x8x8x4xf32> {hone.name = "x"}, %at: tensor<2x1xi64> {hone.name = "at"})
      -> (tensor<1x6x6x4xf32> {hone.name = "y"}, tensor<4x1x3x3x1xf32> {hone.name = "z"}) {
    %w = hone.use_weight @w : tensor<4x1x3x3x1xf32>
    %0 = hone.conv %x, %w strides [1, 1] dilations [1, 1] pads [0, 0] [0, 0]
       : tensor<1x8x8x4xf32>, tensor<4x1x3x3x1xf32> -> tensor<1x6x6x4xf32>
    %2 = hone.constant dense<1.0> : tensor<2x1x3x3x1xf32>
    %3 = hone.scatter_nd %w, %at, %2 "mul" : tensor<4x1x3x3x1xf32>, tensor<2x1xi64>, tensor<2x1x3x3x1xf32> -> tensor<4x1x3x3x1xf32>
    return %0, %3 : tensor<1x6x6x4xf32>, tensor<4x1x3x3x1xf32>
  }
}
