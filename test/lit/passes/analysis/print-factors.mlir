// The iteration spaces of ops.
// RUN: hone-opt %s --hone-print-factors --verify-diagnostics --split-input-file -o /dev/null

// Element-wise ops broadcast: a dim of 1 stands in the place of another, one that may be 1 is not known.
func.func @main(%x: tensor<?x8xf32> {hone.dims = ["n", ""]}, %y: tensor<?x1xf32> {hone.dims = ["m", ""]}, %z: tensor<8xf32>) -> tensor<?x8xf32> {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  // expected-remark@+1 {{([a, b], [b]) -> ([a, b])}}
  %0 = hone.add %x, %z : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
  // expected-remark@+1 {{([a?, b], [a?, 1]) -> ([a, b])}}
  %1 = hone.mul %0, %y : tensor<?x8xf32>, tensor<?x1xf32> -> tensor<?x8xf32>
  // expected-remark@+1 {{([a, b]) -> ([a, b]) b: row}}
  %2 = hone.softmax %1 {axis = 1 : i64} : tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-remark@+1 {{([a, b]) -> ([a, 1]) b: reduction max}}
  %3 = hone.reduce max %2 [1] {keepdims} : tensor<?x8xf32> -> tensor<?x1xf32>
  // expected-remark@+1 {{([a, b], [a, 1]) -> ([a, b])}}
  %4 = hone.sub %2, %3 : tensor<?x8xf32>, tensor<?x1xf32> -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}

// -----

// Products, with and without a batch, and attention whose heads share keys.
func.func @main(%x: tensor<?x?x16xf32> {hone.dims = ["b", "s", ""]}, %w: tensor<16x32xf32>, %k: tensor<?x?x16xf32> {hone.dims = ["b", "s", ""]},
                %q: tensor<?x?x8x4xf32> {hone.dims = ["b", "s", "", ""]}, %g: tensor<?x?x2x4xf32> {hone.dims = ["b", "p", "", ""]},
                %n: tensor<?xi64> {hone.dims = ["b"]}) -> tensor<?x?x8x4xf32> {
  // expected-remark@+1 {{([a, b, d], [d, c]) -> ([a, b, c]) d: reduction sum}}
  %0 = hone.matmul %x, %w : tensor<?x?x16xf32>, tensor<16x32xf32> -> tensor<?x?x32xf32>
  // expected-remark@+1 {{([a, b, d], [a, c, d]) -> ([a, b, c]) d: reduction sum}}
  %1 = hone.matmul %x, %k {transpose_rhs} : tensor<?x?x16xf32>, tensor<?x?x16xf32> -> tensor<?x?x?xf32>
  // expected-remark@+1 {{([a, b, c·d, f], [a, e, c, f], [a, e, c, g]) -> ([a, b, c·d, g]) e: row f: row}}
  %2 = hone.attention %q, %g, %g {scale = 0.5 : f32} : tensor<?x?x8x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32> -> tensor<?x?x8x4xf32>
  // What a query sees depends on which one it is.
  %i = arith.constant 0 : index
  // expected-remark@+1 {{([a, b, c·d, f], [a, e, c, f], [a, e, c, g], [a]) -> ([a, b, c·d, g]) b: opaque e: row f: row}}
  %3 = hone.attention %2, %g, %g lengths %n causal(%i) {scale = 0.5 : f32} : tensor<?x?x8x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32> lengths tensor<?xi64> -> tensor<?x?x8x4xf32>
  return %3 : tensor<?x?x8x4xf32>
}

// -----

// Moves. Reshapes split and merge dims; slices, pads and joins have parts of them; what data choose is opaque.
func.func @main(%x: tensor<?x?x384xf32> {hone.dims = ["b", "s", ""]}, %ids: tensor<?x?xi64> {hone.dims = ["b", "s"]}, %table: tensor<100x8xf32>,
                %t: tensor<6x10xf32>) -> tensor<?x?x384xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c12 = arith.constant 12 : index
  %c15 = arith.constant 15 : index
  %c10 = arith.constant 10 : index
  %c30 = arith.constant 30 : index
  %c32 = arith.constant 32 : index
  %c384 = arith.constant 384 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x384xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x384xf32>
  %bs = arith.muli %b, %s : index
  // expected-remark@+1 {{([a, b, c·d]) -> ([a, b, c, d])}}
  %0 = hone.reshape %x [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
  // expected-remark@+1 {{([a, b, c, d]) -> ([a, c, b, d])}}
  %1 = hone.transpose %0 [0, 2, 1, 3] : tensor<?x?x12x32xf32> -> tensor<?x12x?x32xf32>
  // expected-remark@+1 {{([a, b, c]) -> ([a·b, c])}}
  %2 = hone.reshape %x [%bs, %c384] : tensor<?x?x384xf32> -> tensor<?x384xf32>
  // Of 6 · 10 as 4 · 15 no dim is a factor.
  // expected-remark@+1 {{([a, b]) -> ([c, d]) a: opaque b: opaque c: opaque d: opaque}}
  %3 = hone.reshape %t [%c4, %c15] : tensor<6x10xf32> -> tensor<4x15xf32>
  // Of 2 · 30, one dim is a factor, and another one is split for it.
  // expected-remark@+1 {{([a·b, c]) -> ([a, 1, b·c])}}
  %4 = hone.reshape %t [%c2, %c1, %c30] : tensor<6x10xf32> -> tensor<2x1x30xf32>
  // expected-remark@+1 {{([a, d, c]) -> ([a, b, c]) d: opaque b of d}}
  %5 = hone.slice %x [%c0, %c1, %c0] [%b, %c2, %c384] [%c1, %c1, %c1] : tensor<?x?x384xf32> -> tensor<?x2x384xf32>
  // expected-remark@+1 {{([a, d, c], [a, e, c]) -> ([a, b, c]) b: opaque d: opaque e: opaque d of b e of b}}
  %6 = hone.concat %x, %5 {axis = 1 : i64} : tensor<?x?x384xf32>, tensor<?x2x384xf32> -> tensor<?x?x384xf32>
  // expected-remark@+1 {{([d, c], [a, b]) -> ([a, b, c]) d: opaque}}
  %7 = hone.gather %table, %ids {axis = 0 : i64} : tensor<100x8xf32>, tensor<?x?xi64> -> tensor<?x?x8xf32>
  // expected-remark@+1 {{([a, b]) -> ([a, c·b])}}
  %8 = hone.tile %t [%c1, %c2] : tensor<6x10xf32> -> tensor<6x20xf32>
  // expected-remark@+1 {{([b, c]) -> ([a, b, c])}}
  %9 = hone.expand %t [%c4, %c6, %c10] : tensor<6x10xf32> -> tensor<4x6x10xf32>
  // Where elements stand says what they are: nothing more is known.
  // expected-remark@+1 {{([a, b]) -> ([c, d]) a: opaque b: opaque c: opaque d: opaque}}
  %10 = hone.trilu %t, %c0 {upper = true} : tensor<6x10xf32> -> tensor<6x10xf32>
  return %6 : tensor<?x?x384xf32>
}
