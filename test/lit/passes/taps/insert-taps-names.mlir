// RUN: hone-opt %s --hone-insert-taps=names=. | FileCheck %s
// RUN: hone-opt %s --hone-insert-taps=names=Split --hone-simplify --hone-dispatch | FileCheck %s --check-prefix=KERNELS

// A node with several values gives each its number, also where one of them is not there. A node whose value is an output of its name has nothing to add; one that
// has an output's name but another value gets a name of its own.
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = hone.slice
// CHECK-NEXT: hone.tap %[[A]] "Split:0"
// CHECK: %[[B:.*]] = hone.slice
// CHECK-NEXT: hone.tap %[[B]] "Split:2"
// CHECK: %[[Z:.*]] = hone.neg
// CHECK-NEXT: hone.tap %[[Z]] "z:tap"
// CHECK: %[[Y:.*]] = hone.select
// CHECK-NEXT: return %[[Y]], %{{.*}} : tensor<4xf32>, tensor<4xf32>

// What nothing reads any more is kept for its tap.
// KERNELS: func.func @main({{.*}}) -> ({{.*}}hone.name = "y"{{.*}}hone.name = "z"{{.*}}hone.name = "Split:0"{{.*}}hone.name = "Split:2"})
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> (tensor<4xf32> {hone.name = "y"}, tensor<4xf32> {hone.name = "z"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %true = hone.constant dense<true> : tensor<i1>
    %0 = hone.slice %x [%c0] [%c4] [%c1] : tensor<8xf32> -> tensor<4xf32> loc("Split (Split)"("0"))
    %1 = hone.slice %x [%c4] [%c4] [%c1] : tensor<8xf32> -> tensor<4xf32> loc("Split (Split)"("2"))
    %2 = hone.neg %0 : tensor<4xf32> -> tensor<4xf32> loc("z (Neg)")
    %3 = hone.select %true, %2, %1 : tensor<i1>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32> loc("y (Where)")
    return %3, %0 : tensor<4xf32>, tensor<4xf32>
  }
}
