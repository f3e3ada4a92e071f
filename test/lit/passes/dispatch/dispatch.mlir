// RUN: hone-opt %s --hone-dispatch --split-input-file | FileCheck %s

// A matmul on a weight takes the element-wise chain behind it; the weight is packed; batch and sequence are one dim.
// CHECK-LABEL: module @epilogue
// CHECK: hone.weight @w_packed : tensor<24x384x64xf32> = #hone.pack<@w, dims = [1], tiles = [64], order = [1, 0]>
// CHECK: hone.kernel @k0_matmul_add_gelu(%[[X:.*]]: tensor<?x384xf32> {hone.sizes = array<i64: 3>}, %[[W:.*]]: tensor<24x384x64xf32>, %[[B:.*]]: tensor<1536xf32>, %{{.*}}: index) -> tensor<?x1536xf32>
// CHECK:   %[[U:.*]] = hone.unpack %[[W]] dims [1] tiles [64] order [1, 0] : tensor<24x384x64xf32> -> tensor<384x1536xf32>
// CHECK:   %[[P:.*]] = hone.matmul %[[X]], %[[U]] :
// CHECK:   %[[S:.*]] = hone.add %[[P]], %[[B]]
// CHECK:   %[[G:.*]] = hone.gelu %[[S]]
// CHECK:   hone.return %[[G]]
// CHECK-LABEL: func.func @main
// CHECK: %[[M:.*]] = arith.muli
// CHECK: hone.launch @k0_matmul_add_gelu(%arg0, %{{.*}}, %{{.*}}) sizes(%[[M]]) to({{.*}})
module @epilogue attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "">} {
  hone.weight @w : tensor<384x1536xf32> = #hone.file<"model.bin", offset = 0, length = 2359296>
  func.func @main(%x: tensor<?x?x384xf32> {hone.dims = ["batch", "sequence", ""], hone.name = "x"}, %b: tensor<1536xf32> {hone.dims = [""], hone.name = "b"}) -> (tensor<?x?x1536xf32> {hone.name = "y"}) {
    %w = hone.use_weight @w : tensor<384x1536xf32>
    %0 = hone.matmul %x, %w : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
    %1 = hone.add %0, %b : tensor<?x?x1536xf32>, tensor<1536xf32> -> tensor<?x?x1536xf32>
    %2 = hone.gelu %1 : tensor<?x?x1536xf32> -> tensor<?x?x1536xf32>
    return %2 : tensor<?x?x1536xf32>
  }
}

// -----

// A value that is also a result ends its kernel; equal kernels are made once, whatever the dims' names.
// CHECK-LABEL: module @shared
// CHECK: hone.kernel @k0_exp
// CHECK-NOT: hone.kernel @k1_exp
// CHECK: hone.kernel @k1_add_mul
// CHECK-LABEL: func.func @main
// CHECK: %[[E:.*]] = hone.launch @k0_exp(%arg0)
// CHECK: %[[F:.*]] = hone.launch @k0_exp(%arg1)
// CHECK: %[[M:.*]] = hone.launch @k1_add_mul(%[[E]])
// CHECK: return %[[M]], %[[F]], %[[E]]
module @shared attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x7xf32> {hone.dims = ["n", ""], hone.name = "x"}, %z: tensor<?x7xf32> {hone.dims = ["m", ""], hone.name = "z"}) -> (tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>) {
    %0 = hone.exp %x : tensor<?x7xf32> -> tensor<?x7xf32>
    %1 = hone.exp %z : tensor<?x7xf32> -> tensor<?x7xf32>
    %2 = hone.add %0, %0 : tensor<?x7xf32>, tensor<?x7xf32> -> tensor<?x7xf32>
    %3 = hone.mul %2, %0 : tensor<?x7xf32>, tensor<?x7xf32> -> tensor<?x7xf32>
    return %3, %1, %0 : tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>
  }
}

// -----

// A producer under a broadcast is not computed again for each reader's element.
// CHECK-LABEL: module @broadcast
// CHECK: hone.kernel @k0_exp
// CHECK: hone.kernel @k1_add
module @broadcast attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<64xf32> {hone.name = "x"}, %y: tensor<?x64xf32> {hone.dims = ["n", ""], hone.name = "y"}) -> tensor<?x64xf32> {
    %0 = hone.exp %x : tensor<64xf32> -> tensor<64xf32>
    %1 = hone.add %0, %y : tensor<64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    return %1 : tensor<?x64xf32>
  }
}

// -----

// Results have buffers of their own: an input that is returned, and a value that is returned twice, are copied.
// CHECK-LABEL: module @results
// CHECK: hone.kernel @k0_neg
// CHECK: hone.kernel @k1_expand
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = hone.launch @k0_neg
// CHECK: %[[C:.*]] = hone.launch @k1_expand(%arg0)
// CHECK: %[[D:.*]] = hone.launch @k1_expand(%[[N]])
// CHECK: return %[[C]], %[[N]], %[[D]]
module @results attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    return %x, %0, %0 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
  }
}

// -----

// A tapped value becomes a result under its own name, and so keeps its kernel from going on.
// CHECK-LABEL: module @taps
// CHECK: func.func @main({{.*}}) -> (tensor<8xf32> {hone.name = "y"}, tensor<8xf32> {hone.name = "inner"})
// CHECK: %[[N:.*]] = hone.launch @k0_neg
// CHECK: %[[E:.*]] = hone.launch @k1_exp(%[[N]])
// CHECK: return %[[E]], %[[N]]
module @taps attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> (tensor<8xf32> {hone.name = "y"}) {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    %1 = hone.tap %0 "inner" : tensor<8xf32>
    %2 = hone.exp %1 : tensor<8xf32> -> tensor<8xf32>
    return %2 : tensor<8xf32>
  }
}

// -----

// Dims collapse although a splat constant has more of them than the collapsed space: it becomes a scalar.
// CHECK-LABEL: module @splat_rank
// CHECK: hone.kernel @k0_and(%{{.*}}: tensor<70xi1>)
module @splat_rank attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<70x1x1x1xi1> {hone.name = "x"}) -> tensor<70x1x1x1xi1> {
    %0 = hone.constant dense<false> : tensor<1x1xi1>
    %1 = hone.and %x, %0 : tensor<70x1x1x1xi1>, tensor<1x1xi1> -> tensor<70x1x1x1xi1>
    return %1 : tensor<70x1x1x1xi1>
  }
}

// -----

// A splat constant that alone gives a result a dim keeps it, joined as those of the other values are; where a tensor has the
// dim, too, it stays a scalar.
// CHECK-LABEL: module @splat_widens
// CHECK: hone.kernel @k0_mul_add(%{{.*}}: tensor<?x1xf32>
// CHECK-DAG: %[[WIDE:.*]] = hone.constant dense<2.000000e+00> : tensor<1x32xf32>
// CHECK-DAG: %[[SCALAR:.*]] = hone.constant dense<3.000000e+00> : tensor<f32>
// CHECK: %[[M:.*]] = hone.mul %{{.*}}, %[[WIDE]] : tensor<?x1xf32>, tensor<1x32xf32> -> tensor<?x32xf32>
// CHECK: hone.add %[[M]], %[[SCALAR]] : tensor<?x32xf32>, tensor<f32> -> tensor<?x32xf32>
module @splat_widens attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x1x1xf32> {hone.dims = ["n", "", ""], hone.name = "x"}) -> tensor<?x4x8xf32> {
    %0 = hone.constant dense<2.0> : tensor<4x8xf32>
    %1 = hone.constant dense<3.0> : tensor<1x1x8xf32>
    %2 = hone.mul %x, %0 : tensor<?x1x1xf32>, tensor<4x8xf32> -> tensor<?x4x8xf32>
    %3 = hone.add %2, %1 : tensor<?x4x8xf32>, tensor<1x1x8xf32> -> tensor<?x4x8xf32>
    return %3 : tensor<?x4x8xf32>
  }
}

// -----

// Two splats give a dim each, and both dims are joined: the constants have them all.
// CHECK-LABEL: module @splats_widen
// CHECK: hone.kernel @k0_select(%[[X:.*]]: tensor<1xf32>) -> tensor<12xf32>
// CHECK-DAG: %[[CONDITION:.*]] = hone.constant dense<true> : tensor<12xi1>
// CHECK-DAG: %[[OTHER:.*]] = hone.constant dense<2.000000e+00> : tensor<12xf32>
// CHECK: hone.select %[[CONDITION]], %[[X]], %[[OTHER]] : tensor<12xi1>, tensor<1xf32>, tensor<12xf32> -> tensor<12xf32>
module @splats_widen attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<1x1xf32> {hone.name = "x"}) -> tensor<3x4xf32> {
    %0 = hone.constant dense<true> : tensor<3x1xi1>
    %1 = hone.constant dense<2.0> : tensor<4xf32>
    %2 = hone.select %0, %x, %1 : tensor<3x1xi1>, tensor<1x1xf32>, tensor<4xf32> -> tensor<3x4xf32>
    return %2 : tensor<3x4xf32>
  }
}

// -----

// A splat may give a result its rank alone, which joining takes away again.
// CHECK-LABEL: module @splat_adds_rank
// CHECK: hone.kernel @k0_add_softmax(%[[X:.*]]: tensor<8xf32>) -> tensor<8xf32>
// CHECK: %[[C:.*]] = hone.constant dense<2.000000e+00> : tensor<8xf32>
// CHECK: hone.add %[[X]], %[[C]] : tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
// CHECK: hone.softmax %{{.*}} {axis = 0 : i64} : tensor<8xf32> -> tensor<8xf32>
// CHECK: hone.kernel @k1_add(%[[S:.*]]: tensor<f32>) -> tensor<1xf32>
// CHECK: %[[ONE:.*]] = hone.constant dense<2.000000e+00> : tensor<1xf32>
// CHECK: hone.add %[[S]], %[[ONE]] : tensor<f32>, tensor<1xf32> -> tensor<1xf32>
module @splat_adds_rank attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}, %s: tensor<f32> {hone.name = "s"}) -> (tensor<1x1x8xf32>, tensor<1x1xf32>) {
    %0 = hone.constant dense<2.0> : tensor<1x1x1xf32>
    %1 = hone.constant dense<2.0> : tensor<1x1xf32>
    %2 = hone.add %x, %0 : tensor<8xf32>, tensor<1x1x1xf32> -> tensor<1x1x8xf32>
    %3 = hone.softmax %2 {axis = 2 : i64} : tensor<1x1x8xf32> -> tensor<1x1x8xf32>
    %4 = hone.add %s, %1 : tensor<f32>, tensor<1x1xf32> -> tensor<1x1xf32>
    return %3, %4 : tensor<1x1x8xf32>, tensor<1x1xf32>
  }
}

// -----

// A product of dims that a later op built first is there for an earlier kernel, too.
// CHECK-LABEL: module @dominance
// CHECK: hone.launch @k0_layer_norm
// CHECK: hone.launch @{{.*}}tile
module @dominance attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x3x3xf32> {hone.dims = ["d", "", ""], hone.name = "x"}, %s: tensor<3xf32> {hone.name = "s"}) -> (tensor<?x3x3xf32>, tensor<?x3x3xf32>) {
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %0 = hone.layer_norm %x, %s {axis = 2 : i64, epsilon = 1.0e-5 : f32} : tensor<?x3x3xf32>, tensor<3xf32> -> tensor<?x3x3xf32>
    %1 = hone.tile %0 [%c3, %c1, %c1] : tensor<?x3x3xf32> -> tensor<?x3x3xf32>
    return %0, %1 : tensor<?x3x3xf32>, tensor<?x3x3xf32>
  }
}

// -----

// A family reads memory: a constant operand of a matmul is a weight, never a scalar inside the kernel.
// CHECK-LABEL: module @constant_operand
// CHECK: hone.weight @constant : tensor<1x1xf32> = dense<5.000000e-01>
// CHECK: hone.kernel @k0_matmul(%{{.*}}: tensor<?x1xf32> {{.*}}, %{{.*}}: tensor<1x1x{{.*}}xf32>
module @constant_operand attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x1xf32> {hone.dims = ["n", ""], hone.name = "x"}) -> tensor<?x1xf32> {
    %0 = hone.constant dense<0.5> : tensor<1x1xf32>
    %1 = hone.matmul %x, %0 : tensor<?x1xf32>, tensor<1x1xf32> -> tensor<?x1xf32>
    return %1 : tensor<?x1xf32>
  }
}

// -----

// A row op behind a transposition or a slice would be computed again for each element: it ends its kernel.
// CHECK-LABEL: module @moved_rows
// CHECK: hone.kernel @k0_softmax
// CHECK: hone.kernel @k1_mul_transpose
// CHECK: hone.kernel @k2_mul_slice
module @moved_rows attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x6x40xf32> {hone.dims = ["n", "", ""], hone.name = "x"}) -> (tensor<6x?x40xf32>, tensor<?x6x3xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c6 = arith.constant 6 : index
    %n = tensor.dim %x, %c0 : tensor<?x6x40xf32>
    %0 = hone.softmax %x {axis = 2 : i64} : tensor<?x6x40xf32> -> tensor<?x6x40xf32>
    %1 = hone.mul %0, %x : tensor<?x6x40xf32>, tensor<?x6x40xf32> -> tensor<?x6x40xf32>
    %2 = hone.transpose %1 [1, 0, 2] : tensor<?x6x40xf32> -> tensor<6x?x40xf32>
    %3 = hone.softmax %x {axis = 2 : i64} : tensor<?x6x40xf32> -> tensor<?x6x40xf32>
    %4 = hone.mul %3, %x : tensor<?x6x40xf32>, tensor<?x6x40xf32> -> tensor<?x6x40xf32>
    %5 = hone.slice %4 [%c0, %c0, %c0] [%n, %c6, %c3] [%c1, %c1, %c1] : tensor<?x6x40xf32> -> tensor<?x6x3xf32>
    return %2, %5 : tensor<6x?x40xf32>, tensor<?x6x3xf32>
  }
}

// -----

// What counts against a kernel's 16 inputs is what it reads from memory, not what it computes.
// CHECK-LABEL: module @long_chain
// CHECK: hone.kernel @k0_
// CHECK-NOT: hone.kernel
module @long_chain attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<64xf32> {hone.name = "x"}) -> tensor<64xf32> {
    %0 = hone.exp %x : tensor<64xf32> -> tensor<64xf32>
    %1 = hone.neg %0 : tensor<64xf32> -> tensor<64xf32>
    %2 = hone.tanh %1 : tensor<64xf32> -> tensor<64xf32>
    %3 = hone.abs %2 : tensor<64xf32> -> tensor<64xf32>
    %4 = hone.exp %3 : tensor<64xf32> -> tensor<64xf32>
    %5 = hone.neg %4 : tensor<64xf32> -> tensor<64xf32>
    %6 = hone.tanh %5 : tensor<64xf32> -> tensor<64xf32>
    %7 = hone.abs %6 : tensor<64xf32> -> tensor<64xf32>
    %8 = hone.exp %7 : tensor<64xf32> -> tensor<64xf32>
    %9 = hone.neg %8 : tensor<64xf32> -> tensor<64xf32>
    %10 = hone.tanh %9 : tensor<64xf32> -> tensor<64xf32>
    %11 = hone.abs %10 : tensor<64xf32> -> tensor<64xf32>
    %12 = hone.exp %11 : tensor<64xf32> -> tensor<64xf32>
    %13 = hone.neg %12 : tensor<64xf32> -> tensor<64xf32>
    %14 = hone.tanh %13 : tensor<64xf32> -> tensor<64xf32>
    %15 = hone.abs %14 : tensor<64xf32> -> tensor<64xf32>
    %16 = hone.exp %15 : tensor<64xf32> -> tensor<64xf32>
    %17 = hone.neg %16 : tensor<64xf32> -> tensor<64xf32>
    %18 = hone.tanh %17 : tensor<64xf32> -> tensor<64xf32>
    %19 = hone.abs %18 : tensor<64xf32> -> tensor<64xf32>
    return %19 : tensor<64xf32>
  }
}

// -----

// A symbol of the module has a kernel's name.
// CHECK-LABEL: module @taken
// CHECK-DAG: hone.weight @k0_neg_add
// CHECK-DAG: hone.kernel @[[K:k0_neg_add_[0-9]+]]
// CHECK: hone.launch @[[K]]
module @taken attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @k0_neg_add : tensor<8xf32> = #hone.file<"model.bin", offset = 0, length = 32>
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> tensor<8xf32> {
    %w = hone.use_weight @k0_neg_add : tensor<8xf32>
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    %1 = hone.add %0, %w : tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
    return %1 : tensor<8xf32>
  }
}

// -----

// A transposition of a family reads memory, too.
// CHECK-LABEL: module @constant_transposed
// CHECK: hone.weight @constant : tensor<64x64xf32>
// CHECK: hone.kernel @k0_transpose(%{{.*}}: tensor<64x64xf32>)
module @constant_transposed attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> tensor<64x64xf32> {
    %0 = hone.constant dense<0.5> : tensor<64x64xf32>
    %1 = hone.transpose %0 [1, 0] : tensor<64x64xf32> -> tensor<64x64xf32>
    return %1 : tensor<64x64xf32>
  }
}

// -----

// Dims are joined around whatever op treats them alike: a product with a plain matrix, positions of a gather, a
// transposition, a reduction. Attributes that number dims follow.
// CHECK-LABEL: module @joined
// CHECK: hone.kernel @k0_matmul(%{{.*}}: tensor<?x16xf32> {{.*}}, %{{.*}}: tensor<16x8xf32>, {{.*}}) -> tensor<?x8xf32>
// CHECK: hone.kernel @k1_gather(%{{.*}}: tensor<100x32xf32>, %{{.*}}: tensor<?xi64> {{.*}}) -> tensor<?x32xf32>
// CHECK:   hone.gather %{{.*}}, %{{.*}} {axis = 0 : i64} : tensor<100x32xf32>, tensor<?xi64>
// CHECK: hone.kernel @k2_transpose(%{{.*}}: tensor<?x16xf32> {{.*}}) -> tensor<16x?xf32>
// CHECK:   hone.transpose %{{.*}} [1, 0]
// CHECK: hone.kernel @k3_reduce(%{{.*}}: tensor<?x16xf32> {{.*}}) -> tensor<?x1xf32>
// CHECK:   hone.reduce sum %{{.*}} [1] {keepdims}
// CHECK: hone.kernel @k4_concat(%{{.*}}: tensor<2x3x?xf32> {{.*}}) -> tensor<2x6x?xf32>
// CHECK:   hone.concat %{{.*}} {axis = 1 : i64}
module @joined attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x?x16xf32> {hone.dims = ["b", "s", ""], hone.name = "x"}, %w: tensor<16x8xf32> {hone.name = "w"},
                  %table: tensor<100x4x8xf32> {hone.name = "table"}, %ids: tensor<?x?xi64> {hone.dims = ["b", "s"], hone.name = "ids"},
                  %c: tensor<2x3x?x?xf32> {hone.dims = ["", "", "b", "s"], hone.name = "c"})
      -> (tensor<?x?x8xf32>, tensor<?x?x4x8xf32>, tensor<16x?x?xf32>, tensor<?x?x1xf32>, tensor<2x6x?x?xf32>) {
    %0 = hone.matmul %x, %w : tensor<?x?x16xf32>, tensor<16x8xf32> -> tensor<?x?x8xf32>
    %1 = hone.gather %table, %ids {axis = 0 : i64} : tensor<100x4x8xf32>, tensor<?x?xi64> -> tensor<?x?x4x8xf32>
    %2 = hone.transpose %x [2, 0, 1] : tensor<?x?x16xf32> -> tensor<16x?x?xf32>
    %3 = hone.reduce sum %x [2] {keepdims} : tensor<?x?x16xf32> -> tensor<?x?x1xf32>
    %4 = hone.concat %c, %c {axis = 1 : i64} : tensor<2x3x?x?xf32>, tensor<2x3x?x?xf32> -> tensor<2x6x?x?xf32>
    return %0, %1, %2, %3, %4 : tensor<?x?x8xf32>, tensor<?x?x4x8xf32>, tensor<16x?x?xf32>, tensor<?x?x1xf32>, tensor<2x6x?x?xf32>
  }
}

// -----

// A product of a matrix with itself has one dim in two roles: nothing is joined.
// CHECK-LABEL: module @twice
// CHECK: hone.kernel @k0_matmul(%{{.*}}: tensor<3x4x4xf64>) -> tensor<3x4x4xf64>
module @twice attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<3x4x4xf64> {hone.name = "x"}) -> tensor<3x4x4xf64> {
    %0 = hone.matmul %x, %x : tensor<3x4x4xf64>, tensor<3x4x4xf64> -> tensor<3x4x4xf64>
    return %0 : tensor<3x4x4xf64>
  }
}

// -----

// A layout is restored by the kernel that reads it, family or not; a table is read in the form that a product wants.
// CHECK-LABEL: module @restored
// CHECK: hone.kernel @k0_gather(%[[P:.*]]: tensor<2x8x16xf32>, %[[I:.*]]: tensor<?xi64>
// CHECK:   %[[T:.*]] = hone.unpack %[[P]] dims [1] tiles [16] order [1, 0]
// CHECK:   hone.gather %[[T]], %[[I]]
module @restored attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%p: tensor<2x8x16xf32> {hone.name = "p"}, %i: tensor<?xi64> {hone.dims = ["n"], hone.name = "i"}) -> tensor<?x30xf32> {
    %0 = hone.unpack %p dims [1] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
    %1 = hone.gather %0, %i {axis = 0 : i64} : tensor<8x30xf32>, tensor<?xi64> -> tensor<?x30xf32>
    return %1 : tensor<?x30xf32>
  }
}

// -----

// A dim of one element that a product broadcasts keeps the product's dims apart: batch dims are told by their places.
// CHECK-LABEL: module @one_in_its_place
// CHECK: hone.kernel @k0_matmul(%{{.*}}: tensor<3x4x5xf32>, %{{.*}}: tensor<1x5x6xf32>) -> tensor<3x4x6xf32>
module @one_in_its_place attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%a: tensor<3x4x5xf32> {hone.name = "a"}, %b: tensor<1x5x6xf32> {hone.name = "b"}) -> tensor<3x4x6xf32> {
    %0 = hone.matmul %a, %b : tensor<3x4x5xf32>, tensor<1x5x6xf32> -> tensor<3x4x6xf32>
    return %0 : tensor<3x4x6xf32>
  }
}

// -----

// A product reads a weight itself only where it lies in panels: another layout is undone by a kernel of its own.
// CHECK-LABEL: module @foreign
// CHECK: hone.kernel @k0_unpack({{.*}} family = "generic"
// CHECK: hone.kernel @k1_matmul({{.*}} family = "matmul"
// CHECK-NOT: hone.unpack
// CHECK-LABEL: func.func @main
module @foreign attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "">} {
  hone.weight @p : tensor<2x3x2x2xf32> = #hone.file<"model.bin", offset = 0, length = 96>
  func.func @main(%x: tensor<?x4xf32> {hone.dims = ["n", ""], hone.name = "x"}) -> (tensor<?x6xf32> {hone.name = "y"}) {
    %p = hone.use_weight @p : tensor<2x3x2x2xf32>
    %w = hone.unpack %p dims [0, 1] tiles [2, 2] : tensor<2x3x2x2xf32> -> tensor<4x6xf32>
    %0 = hone.matmul %x, %w : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
    return %0 : tensor<?x6xf32>
  }
}

// -----

// What is cheap is computed where a look-up asks for it: no table is expanded. A root is not, nor what lies before it.
// CHECK-LABEL: module @looked_up
// CHECK: hone.kernel @k0_cast_mul_gather(%{{.*}}: tensor<100x8xi8>, %{{.*}}: tensor<100x1xf32>, %{{.*}}: tensor<?xi64>
// CHECK: hone.kernel @k1_sqrt(
// CHECK: hone.kernel @k2_gather(
module @looked_up attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%t: tensor<100x8xi8> {hone.name = "t"}, %s: tensor<100x1xf32> {hone.name = "s"},
                  %r: tensor<100x8xf32> {hone.name = "r"}, %i: tensor<?xi64> {hone.dims = ["n"], hone.name = "i"})
      -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0 = hone.cast %t : tensor<100x8xi8> -> tensor<100x8xf32>
    %1 = hone.mul %0, %s : tensor<100x8xf32>, tensor<100x1xf32> -> tensor<100x8xf32>
    %2 = hone.gather %1, %i {axis = 0 : i64} : tensor<100x8xf32>, tensor<?xi64> -> tensor<?x8xf32>
    %3 = hone.sqrt %r : tensor<100x8xf32> -> tensor<100x8xf32>
    %4 = hone.gather %3, %i {axis = 0 : i64} : tensor<100x8xf32>, tensor<?xi64> -> tensor<?x8xf32>
    return %2, %4 : tensor<?x8xf32>, tensor<?x8xf32>
  }
}
