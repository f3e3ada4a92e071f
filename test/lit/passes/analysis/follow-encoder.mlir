// A layer of MiniLM (12 heads of 32), from Q's columns and from the first product of the MLP.
// RUN: hone-opt %s --hone-print-factors=from=@query:1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=QUERY
// RUN: hone-opt %s --hone-print-factors=from=@up:1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=UP
// RUN: hone-opt %s --hone-print-factors=from=@up:0 -o /dev/null 2>&1 | FileCheck %s --check-prefix=HIDDEN
// RUN: not hone-opt %s --hone-print-factors=from=@nothing:1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not hone-opt %s --hone-print-factors=from=x:3 -o /dev/null 2>&1 | FileCheck %s --check-prefix=DIM

// Heads are shared by Q, K and V, and summed by the output product. The columns of a head are shared by Q and K; the
// scores need all of them. V has columns of its own.
// QUERY-NOT: remark: @up
// QUERY: remark: @query dim 1 is a(12)·b(32)
// QUERY: remark: @query_bias dim 0 is a(12)·b(32)
// QUERY: remark: @key dim 1 is a(12)·b(32)
// QUERY: remark: @key_bias dim 0 is a(12)·b(32)
// QUERY: remark: @value dim 1 is a(12)·_
// QUERY: remark: @value_bias dim 0 is a(12)·_
// QUERY: remark: @out dim 0 is a(12)·_
// QUERY-NOT: remark:
// QUERY: remark: a ends here: sum
// QUERY: hone.matmul %{{.*}} : tensor<?x?x384xf32>, tensor<384x384xf32>
// QUERY-NOT: remark:
// QUERY: remark: b must be whole here: row
// QUERY: hone.attention
// QUERY-NOT: remark:

// The wide dim lives between the two products only.
// UP: remark: @up dim 1 is a(1536)
// UP: remark: @up_bias dim 0 is a(1536)
// UP: remark: @down dim 0 is a(1536)
// UP: remark: a ends here: sum
// UP: hone.matmul %{{.*}} : tensor<?x?x1536xf32>, tensor<1536x384xf32>
// UP-NOT: remark:

// The residual ties the width of the whole model, and both norms need all of it.
// HIDDEN-DAG: remark: input 0 dim 2 is a(384)
// HIDDEN-DAG: remark: @query dim 0 is a(384)
// HIDDEN-DAG: remark: @out dim 1 is a(384)
// HIDDEN-DAG: remark: @scale dim 0 is a(384)
// HIDDEN-DAG: remark: @down dim 1 is a(384)
// HIDDEN-DAG: remark: result 0 dim 2 is a(384)
// HIDDEN-COUNT-2: remark: a must be whole here: row

// NAME: error: hone-print-factors: from='@nothing:1' names no weight that is used and no input: @WEIGHT:DIM or NAME:DIM
// DIM: error: hone-print-factors: from='x:3' names no dim of 'tensor<?x?x384xf32>'

hone.weight @query : tensor<384x384xf32> = #hone.file<"m", offset = 0, length = 589824>
hone.weight @query_bias : tensor<384xf32> = #hone.file<"m", offset = 0, length = 1536>
hone.weight @key : tensor<384x384xf32> = #hone.file<"m", offset = 0, length = 589824>
hone.weight @key_bias : tensor<384xf32> = #hone.file<"m", offset = 0, length = 1536>
hone.weight @value : tensor<384x384xf32> = #hone.file<"m", offset = 0, length = 589824>
hone.weight @value_bias : tensor<384xf32> = #hone.file<"m", offset = 0, length = 1536>
hone.weight @out : tensor<384x384xf32> = #hone.file<"m", offset = 0, length = 589824>
hone.weight @scale : tensor<384xf32> = #hone.file<"m", offset = 0, length = 1536>
hone.weight @up : tensor<384x1536xf32> = #hone.file<"m", offset = 0, length = 2359296>
hone.weight @up_bias : tensor<1536xf32> = #hone.file<"m", offset = 0, length = 6144>
hone.weight @down : tensor<1536x384xf32> = #hone.file<"m", offset = 0, length = 2359296>

func.func @main(%x: tensor<?x?x384xf32> {hone.dims = ["batch", "sequence", ""], hone.name = "x"},
                %mask: tensor<?x1x1x?xf32> {hone.dims = ["batch", "", "", "sequence"], hone.name = "mask"}) -> tensor<?x?x384xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c12 = arith.constant 12 : index
  %c32 = arith.constant 32 : index
  %c384 = arith.constant 384 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x384xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x384xf32>
  %wq = hone.use_weight @query : tensor<384x384xf32>
  %bq = hone.use_weight @query_bias : tensor<384xf32>
  %wk = hone.use_weight @key : tensor<384x384xf32>
  %bk = hone.use_weight @key_bias : tensor<384xf32>
  %wv = hone.use_weight @value : tensor<384x384xf32>
  %bv = hone.use_weight @value_bias : tensor<384xf32>
  %wo = hone.use_weight @out : tensor<384x384xf32>
  %scale = hone.use_weight @scale : tensor<384xf32>
  %wu = hone.use_weight @up : tensor<384x1536xf32>
  %bu = hone.use_weight @up_bias : tensor<1536xf32>
  %wd = hone.use_weight @down : tensor<1536x384xf32>
  %0 = hone.matmul %x, %wq : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
  %1 = hone.add %bq, %0 : tensor<384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %2 = hone.matmul %x, %wk : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
  %3 = hone.add %bk, %2 : tensor<384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %4 = hone.reshape %3 [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
  %5 = hone.matmul %x, %wv : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
  %6 = hone.add %bv, %5 : tensor<384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %7 = hone.reshape %6 [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
  %8 = hone.reshape %1 [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
  %9 = hone.attention %8, %4, %7, %mask {scale = 0.176776692 : f32} : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> -> tensor<?x?x12x32xf32>
  %10 = hone.reshape %9 [%b, %s, %c384] : tensor<?x?x12x32xf32> -> tensor<?x?x384xf32>
  %11 = hone.matmul %10, %wo : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
  %12 = hone.add %11, %x : tensor<?x?x384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %13 = hone.layer_norm %12, %scale {axis = 2 : i64, epsilon = 1.0e-12 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %14 = hone.matmul %13, %wu : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
  %15 = hone.add %14, %bu : tensor<?x?x1536xf32>, tensor<1536xf32> -> tensor<?x?x1536xf32>
  %16 = hone.gelu %15 : tensor<?x?x1536xf32> -> tensor<?x?x1536xf32>
  %17 = hone.matmul %16, %wd : tensor<?x?x1536xf32>, tensor<1536x384xf32> -> tensor<?x?x384xf32>
  %18 = hone.add %17, %13 : tensor<?x?x384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %19 = hone.layer_norm %18, %scale {axis = 2 : i64, epsilon = 1.0e-12 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  return %19 : tensor<?x?x384xf32>
}
