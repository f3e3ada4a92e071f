// A decoder layer of 9 heads that share 3 groups of keys and values (SmolLM2's widths), with a cache and rotary
// positions, from Q's columns and from the cache.
// RUN: hone-opt %s --hone-print-factors=from=@query:1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=QUERY
// RUN: hone-opt %s --hone-print-factors=from=past_key:1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=PAST

// Q's columns are groups, heads of a group, and columns of a head. K, V and the cache carry the groups. Rotation takes
// halves of a head's columns, so these must stay together; the heads do not mind.
// QUERY: remark: @query dim 1 is a(3)·b(3)·c(64)
// QUERY: remark: @key dim 1 is a(3)·c(64)
// QUERY: remark: input 2 dim 2 is a(3)
// QUERY: remark: result 1 dim 2 is a(3)
// QUERY: remark: @value dim 1 is a(3)·_
// QUERY: remark: input 3 dim 2 is a(3)
// QUERY: remark: @out dim 0 is a(3)·b(3)·_
// QUERY: remark: input 1 dim 3 is c(64)
// QUERY: remark: input 2 dim 3 is c(64)
// QUERY: remark: result 1 dim 3 is c(64)
// QUERY-NOT: remark: {{[ab]}} must be whole
// QUERY: remark: a ends here: sum
// QUERY-NOT: remark: {{[ab]}} must be whole
// QUERY: remark: b ends here: sum
// QUERY-NOT: remark: {{[ab]}} must be whole
// QUERY: remark: c must be whole here: opaque
// QUERY: remark: d(32) is a part of c(64) here, from position 0
// QUERY: remark: e(32) is a part of c(64) here, from position 32

// The cache's length and the new keys' are parts of the keys that attention walks.
// PAST: remark: input 2 dim 1 is a(?)
// PAST-DAG: remark: a must be whole here: opaque
// PAST-DAG: remark: b must be whole here: row
// PAST-DAG: remark: a(?) is a part of b(?) here, from position 0

hone.weight @query : tensor<576x576xf32> = #hone.file<"m", offset = 0, length = 1327104>
hone.weight @key : tensor<576x192xf32> = #hone.file<"m", offset = 0, length = 442368>
hone.weight @value : tensor<576x192xf32> = #hone.file<"m", offset = 0, length = 442368>
hone.weight @out : tensor<576x576xf32> = #hone.file<"m", offset = 0, length = 1327104>

func.func @main(%x: tensor<?x?x576xf32> {hone.dims = ["batch", "sequence", ""], hone.name = "x"},
                %cos: tensor<?x?x1x64xf32> {hone.dims = ["batch", "sequence", "", ""], hone.name = "cos"},
                %past_key: tensor<?x?x3x64xf32> {hone.dims = ["batch", "past", "", ""], hone.name = "past_key"},
                %past_value: tensor<?x?x3x64xf32> {hone.dims = ["batch", "past", "", ""], hone.name = "past_value"})
    -> (tensor<?x?x576xf32>, tensor<?x?x3x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c9 = arith.constant 9 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c576 = arith.constant 576 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x576xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x576xf32>
  %wq = hone.use_weight @query : tensor<576x576xf32>
  %wk = hone.use_weight @key : tensor<576x192xf32>
  %wv = hone.use_weight @value : tensor<576x192xf32>
  %wo = hone.use_weight @out : tensor<576x576xf32>
  %0 = hone.matmul %x, %wq : tensor<?x?x576xf32>, tensor<576x576xf32> -> tensor<?x?x576xf32>
  %q = hone.reshape %0 [%b, %s, %c9, %c64] : tensor<?x?x576xf32> -> tensor<?x?x9x64xf32>
  %low = hone.slice %q [%c0, %c0, %c0, %c0] [%b, %s, %c9, %c32] [%c1, %c1, %c1, %c1] : tensor<?x?x9x64xf32> -> tensor<?x?x9x32xf32>
  %high = hone.slice %q [%c0, %c0, %c0, %c32] [%b, %s, %c9, %c32] [%c1, %c1, %c1, %c1] : tensor<?x?x9x64xf32> -> tensor<?x?x9x32xf32>
  %negated = hone.neg %high : tensor<?x?x9x32xf32> -> tensor<?x?x9x32xf32>
  %half = hone.concat %negated, %low {axis = 3 : i64} : tensor<?x?x9x32xf32>, tensor<?x?x9x32xf32> -> tensor<?x?x9x64xf32>
  %straight = hone.mul %q, %cos : tensor<?x?x9x64xf32>, tensor<?x?x1x64xf32> -> tensor<?x?x9x64xf32>
  %rotated = hone.add %straight, %half : tensor<?x?x9x64xf32>, tensor<?x?x9x64xf32> -> tensor<?x?x9x64xf32>
  %1 = hone.matmul %x, %wk : tensor<?x?x576xf32>, tensor<576x192xf32> -> tensor<?x?x192xf32>
  %k = hone.reshape %1 [%b, %s, %c3, %c64] : tensor<?x?x192xf32> -> tensor<?x?x3x64xf32>
  %keys = hone.concat %past_key, %k {axis = 1 : i64} : tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32> -> tensor<?x?x3x64xf32>
  %2 = hone.matmul %x, %wv : tensor<?x?x576xf32>, tensor<576x192xf32> -> tensor<?x?x192xf32>
  %v = hone.reshape %2 [%b, %s, %c3, %c64] : tensor<?x?x192xf32> -> tensor<?x?x3x64xf32>
  %values = hone.concat %past_value, %v {axis = 1 : i64} : tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32> -> tensor<?x?x3x64xf32>
  %3 = hone.attention %rotated, %keys, %values {scale = 0.125 : f32} : tensor<?x?x9x64xf32>, tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32> -> tensor<?x?x9x64xf32>
  %4 = hone.reshape %3 [%b, %s, %c576] : tensor<?x?x9x64xf32> -> tensor<?x?x576xf32>
  %5 = hone.matmul %4, %wo : tensor<?x?x576xf32>, tensor<576x576xf32> -> tensor<?x?x576xf32>
  return %5, %keys : tensor<?x?x576xf32>, tensor<?x?x3x64xf32>
}
