// RUN: hone-opt %s --hone-insert-taps=names=^encoder | FileCheck %s
// RUN: hone-opt %s --hone-insert-taps=names=^encoder --hone-simplify --hone-dispatch | FileCheck %s --check-prefix=KERNELS
// RUN: not hone-opt %s --hone-insert-taps=names=[ 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not hone-opt %s --hone-insert-taps=names=decodre 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: no value of a node whose name matches 'decodre'

// What a node hands on is its result; what does not match, and weights, are left alone.
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = hone.neg %arg0
// CHECK: %[[B:.*]] = hone.exp %[[A]]
// CHECK: hone.tap %[[B]] "encoder/Weird"
// CHECK-NEXT: %[[C:.*]] = hone.relu %[[B]]
// CHECK-NEXT: return %[[C]]
// KERNELS: func.func @main({{.*}}) -> (tensor<8xf32> {hone.name = "y"}, tensor<8xf32> {hone.name = "encoder/Weird"})

// A value that is returned already is returned twice, and each has a buffer of its own.
// RUN: hone-opt %s --hone-insert-taps=names=decoder --hone-simplify --hone-dispatch | FileCheck %s --check-prefix=TWICE
// TWICE: %[[Y:.*]] = hone.launch @k0
// TWICE: %[[Z:.*]] = hone.launch @k1_expand(%[[Y]])
// TWICE: return %[[Y]], %[[Z]]
// BAD: error: '[' is no regular expression
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32> {hone.name = "x"}) -> (tensor<8xf32> {hone.name = "y"}) {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32> loc("encoder/Weird (Weird)")
    %1 = hone.exp %0 : tensor<8xf32> -> tensor<8xf32> loc("encoder/Weird (Weird)")
    %2 = hone.relu %1 : tensor<8xf32> -> tensor<8xf32> loc("decoder/Relu (Relu)")
    return %2 : tensor<8xf32>
  }
}
