// RUN: hone-opt %s --hone-dispatch --split-input-file | FileCheck %s

// Two branches side by side, step by step: each begins when the one before it has come to its end, for that leaves one
// number of a row.
// CHECK-LABEL: func.func @main(
// CHECK:         %[[A:.*]] = hone.launch @[[CUMSUM:.*cumsum]](%arg0)
// CHECK-NEXT:    %[[B:.*]] = hone.launch @{{.*}}reduce(%[[A]])
// CHECK-NEXT:    %[[C:.*]] = hone.launch @{{.*}}softmax(%arg0)
// CHECK-NEXT:    hone.launch @{{.*}}reduce_add(%[[C]], %[[B]])
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8x64xf32> {hone.name = "x"}) -> (tensor<8xf32> {hone.name = "y"}) {
    %0 = hone.cumsum %x {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %1 = hone.softmax %x {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %2 = hone.reduce max %0 [1] : tensor<8x64xf32> -> tensor<8xf32>
    %3 = hone.reduce max %1 [1] : tensor<8x64xf32> -> tensor<8xf32>
    %4 = hone.add %2, %3 : tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
    return %4 : tensor<8xf32>
  }
}

// -----

// Not what would keep more alive than it gives: the sum of rows stays ahead, so that the rows are not needed to the end.
// CHECK-LABEL: func.func @main(
// CHECK:         %[[A:.*]] = hone.launch @{{.*}}cumsum(%arg0)
// CHECK-NEXT:    %[[B:.*]] = hone.launch @{{.*}}reduce(%[[A]])
// CHECK-NEXT:    %[[C:.*]] = hone.launch @{{.*}}softmax(%arg0)
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8x64xf32> {hone.name = "x"})
      -> (tensor<8xf32> {hone.name = "y"}, tensor<8x64xf32> {hone.name = "z"}) {
    %0 = hone.cumsum %x {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %1 = hone.reduce max %0 [1] : tensor<8x64xf32> -> tensor<8xf32>
    %2 = hone.softmax %x {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %3 = hone.cumsum %2 {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %4 = hone.cumsum %1 {axis = 0 : i64} : tensor<8xf32> -> tensor<8xf32>
    return %4, %3 : tensor<8xf32>, tensor<8x64xf32>
  }
}

// -----

// What a loop may write over is read ahead of it.
// CHECK-LABEL: func.func @main(
// CHECK:         %[[A:.*]] = hone.launch @{{.*}}cumsum(%arg0)
// CHECK:         hone.launch @{{.*}}softmax(%[[A]])
// CHECK:         scf.for {{.*}} = %[[A]]
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8x64xf32> {hone.name = "x"}) -> (tensor<8x64xf32> {hone.name = "y"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %0 = hone.cumsum %x {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %1 = hone.softmax %0 {axis = 1 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
    %2 = scf.for %i = %c0 to %c3 step %c1 iter_args(%h = %0) -> (tensor<8x64xf32>) {
      %4 = hone.cumsum %h {axis = 0 : i64} : tensor<8x64xf32> -> tensor<8x64xf32>
      scf.yield %4 : tensor<8x64xf32>
    }
    %3 = hone.matmul %1, %2 {transpose_rhs} : tensor<8x64xf32>, tensor<8x64xf32> -> tensor<8x8xf32>
    %5 = hone.softmax %3 {axis = 1 : i64} : tensor<8x8xf32> -> tensor<8x8xf32>
    %6 = hone.matmul %5, %x : tensor<8x8xf32>, tensor<8x64xf32> -> tensor<8x64xf32>
    return %6 : tensor<8x64xf32>
  }
}
