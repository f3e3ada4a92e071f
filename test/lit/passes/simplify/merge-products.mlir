// RUN: hone-opt %s --hone-merge-products --split-input-file | FileCheck %s

// CHECK-DAG: hone.weight @[[W:.*]] : tensor<8x24xf32> = #hone.concat<[@q, @k, @v], axis = 1>
// CHECK-DAG: hone.weight @[[B:.*]] : tensor<24xf32> = #hone.concat<[@bq, @constant, @bv], axis = 0>
// CHECK-LABEL: func @main
// CHECK:         %[[SUM:.*]] = hone.matmul %arg0, %{{.*}} : tensor<2x?x8xf32>, tensor<8x24xf32> -> tensor<2x?x24xf32>
// CHECK:         %[[ADD:.*]] = hone.add %[[SUM]], %{{.*}} : tensor<2x?x24xf32>, tensor<24xf32> -> tensor<2x?x24xf32>
// CHECK:         %[[ALL:.*]] = hone.reshape %[[ADD]][{{.*}}] : tensor<2x?x24xf32> -> tensor<2x?x6x4xf32>
// CHECK:         %[[Q:.*]] = hone.slice %[[ALL]][%c0{{.*}}, %c0{{.*}}, %c0{{.*}}, %c0{{.*}}]
// CHECK:         %[[K:.*]] = hone.slice %[[ALL]][%c0{{.*}}, %c0{{.*}}, %c2{{.*}}, %c0{{.*}}]
// CHECK:         %[[V:.*]] = hone.slice %[[ALL]][%c0{{.*}}, %c0{{.*}}, %c4{{.*}}, %c0{{.*}}]
// CHECK:         hone.attention %[[Q]], %[[K]], %[[V]]
hone.weight @q : tensor<8x8xf32> = dense<1.0> : tensor<8x8xf32>
hone.weight @k : tensor<8x8xf32> = dense<2.0> : tensor<8x8xf32>
hone.weight @v : tensor<8x8xf32> = dense<3.0> : tensor<8x8xf32>
hone.weight @bq : tensor<8xf32> = dense<4.0> : tensor<8xf32>
hone.weight @bv : tensor<8xf32> = dense<5.0> : tensor<8xf32>
func.func @main(%x: tensor<2x?x8xf32> {hone.dims = ["", "s", ""]}) -> tensor<2x?x2x4xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %s = tensor.dim %x, %c1 : tensor<2x?x8xf32>
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %wv = hone.use_weight @v : tensor<8x8xf32>
  %bq = hone.use_weight @bq : tensor<8xf32>
  %bk = hone.constant dense<6.0> : tensor<8xf32>
  %bv = hone.use_weight @bv : tensor<8xf32>
  %0 = hone.matmul %x, %wq : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  %1 = hone.add %0, %bq : tensor<2x?x8xf32>, tensor<8xf32> -> tensor<2x?x8xf32>
  %q = hone.reshape %1[%c2, %s, %c2, %c4] : tensor<2x?x8xf32> -> tensor<2x?x2x4xf32>
  %2 = hone.matmul %x, %wk : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  %3 = hone.add %2, %bk : tensor<2x?x8xf32>, tensor<8xf32> -> tensor<2x?x8xf32>
  %k = hone.reshape %3[%c2, %s, %c2, %c4] : tensor<2x?x8xf32> -> tensor<2x?x2x4xf32>
  %4 = hone.matmul %x, %wv : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  %5 = hone.add %4, %bv : tensor<2x?x8xf32>, tensor<8xf32> -> tensor<2x?x8xf32>
  %v = hone.reshape %5[%c2, %s, %c2, %c4] : tensor<2x?x8xf32> -> tensor<2x?x2x4xf32>
  %6 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32> -> tensor<2x?x2x4xf32>
  return %6 : tensor<2x?x2x4xf32>
}

// -----

// A weight that two products share is not stored twice: all stay apart. Here keys and values have one.
// CHECK-LABEL: func @main
// CHECK-COUNT-3: hone.matmul
hone.weight @q : tensor<8x8xf32> = dense<1.0> : tensor<8x8xf32>
hone.weight @k : tensor<8x8xf32> = dense<2.0> : tensor<8x8xf32>
func.func @main(%x: tensor<2x3x8xf32>) -> tensor<2x3x2x4xf32> {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %wv = hone.use_weight @k : tensor<8x8xf32>
  %0 = hone.matmul %x, %wq : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %q = hone.reshape %0[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %1 = hone.matmul %x, %wk : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %k = hone.reshape %1[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %2 = hone.matmul %x, %wv : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %v = hone.reshape %2[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %3 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32> -> tensor<2x3x2x4xf32>
  return %3 : tensor<2x3x2x4xf32>
}

// -----

// Numbers of two types cannot be joined: what follows the products stays apart from there on, and so do they.
// CHECK-LABEL: func @main
// CHECK-COUNT-3: hone.matmul
hone.weight @q : tensor<8x8xf32> = dense<1.0> : tensor<8x8xf32>
hone.weight @k : tensor<8x8xf32> = dense<2.0> : tensor<8x8xf32>
hone.weight @v : tensor<8x8xf32> = dense<3.0> : tensor<8x8xf32>
func.func @main(%x: tensor<2x3x8xf32>) -> tensor<2x3x2x4xf32> {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %wq = hone.use_weight @q : tensor<8x8xf32>
  %wk = hone.use_weight @k : tensor<8x8xf32>
  %wv = hone.use_weight @v : tensor<8x8xf32>
  %ef = hone.constant dense<2.0> : tensor<8xf32>
  %ei = hone.constant dense<2> : tensor<8xi64>
  %0 = hone.matmul %x, %wq : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %1 = hone.pow %0, %ef : tensor<2x3x8xf32>, tensor<8xf32> -> tensor<2x3x8xf32>
  %q = hone.reshape %1[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %2 = hone.matmul %x, %wk : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %3 = hone.pow %2, %ei : tensor<2x3x8xf32>, tensor<8xi64> -> tensor<2x3x8xf32>
  %k = hone.reshape %3[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %4 = hone.matmul %x, %wv : tensor<2x3x8xf32>, tensor<8x8xf32> -> tensor<2x3x8xf32>
  %5 = hone.pow %4, %ei : tensor<2x3x8xf32>, tensor<8xi64> -> tensor<2x3x8xf32>
  %v = hone.reshape %5[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %6 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32> -> tensor<2x3x2x4xf32>
  return %6 : tensor<2x3x2x4xf32>
}

// -----

// Narrow weights with a scale of columns, as hone-fuse-patterns leaves them, [n, k], and keys and values alone.
// CHECK-DAG: hone.weight @[[W:.*]] : tensor<16x8xi8> = #hone.concat<[@k, @v], axis = 0>
// CHECK-DAG: hone.weight @[[S:.*]] : tensor<1x16xf32> = #hone.concat<[@sk, @sv], axis = 1>
// CHECK-LABEL: func @main
// CHECK:         %[[SUM:.*]] = hone.matmul %arg0, %{{.*}} {transpose_rhs} : tensor<2x3x8xf32>, tensor<16x8xi8> -> tensor<2x3x16xf32>
// CHECK:         hone.mul %[[SUM]], %{{.*}} : tensor<2x3x16xf32>, tensor<1x16xf32>
hone.weight @k : tensor<8x8xi8> = dense<2> : tensor<8x8xi8>
hone.weight @v : tensor<8x8xi8> = dense<3> : tensor<8x8xi8>
hone.weight @sk : tensor<1x8xf32> = dense<2.0> : tensor<1x8xf32>
hone.weight @sv : tensor<1x8xf32> = dense<3.0> : tensor<1x8xf32>
func.func @main(%x: tensor<2x3x8xf32>, %q: tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32> {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %wk = hone.use_weight @k : tensor<8x8xi8>
  %wv = hone.use_weight @v : tensor<8x8xi8>
  %sk = hone.use_weight @sk : tensor<1x8xf32>
  %sv = hone.use_weight @sv : tensor<1x8xf32>
  %2 = hone.matmul %x, %wk {transpose_rhs} : tensor<2x3x8xf32>, tensor<8x8xi8> -> tensor<2x3x8xf32>
  %3 = hone.mul %2, %sk : tensor<2x3x8xf32>, tensor<1x8xf32> -> tensor<2x3x8xf32>
  %k = hone.reshape %3[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %4 = hone.matmul %x, %wv {transpose_rhs} : tensor<2x3x8xf32>, tensor<8x8xi8> -> tensor<2x3x8xf32>
  %5 = hone.mul %4, %sv : tensor<2x3x8xf32>, tensor<1x8xf32> -> tensor<2x3x8xf32>
  %v = hone.reshape %5[%c2, %c3, %c2, %c4] : tensor<2x3x8xf32> -> tensor<2x3x2x4xf32>
  %6 = hone.attention %q, %k, %v {scale = 0.5 : f32} : tensor<2x5x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32> -> tensor<2x5x2x4xf32>
  return %6 : tensor<2x5x2x4xf32>
}
