// RUN: hone-opt %s --hone-dispatch --hone-plan-memory --split-input-file | FileCheck %s

// Five launches, two slots: a sum lies where its operand did, and a value's slot is free again behind the last launch that
// reads it. Weights get places, 64-byte aligned.
// CHECK: module @chain attributes {{.*}}hone.weight_bytes = 92 : i64
// CHECK: hone.weight @a : tensor<7xf32> = {{.*}} {hone.offset = 0 : i64}
// CHECK: hone.weight @b : tensor<7xf32> = {{.*}} {hone.offset = 64 : i64}
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x7xf32>
// CHECK-SAME: %[[Y:[a-z0-9]+]]: memref<?x7xf32> {{.*}}hone.output
// CHECK-SAME: %[[ARENA:[a-z0-9]+]]: memref<?xi8>
// CHECK-SAME: -> (index, index, index, index)
// CHECK: %[[V0:.*]] = memref.view %[[ARENA]][%[[LOW:.*]]][%[[N:.*]]] : memref<?xi8> to memref<?x7xf32>
// CHECK: hone.launch @k0_cumsum(%[[X]], %[[V0]])
// CHECK: hone.launch @k1_add(%[[V0]], %{{.*}}, %[[V0]])
// CHECK: %[[V1:.*]] = memref.view %[[ARENA]][%[[HIGH:.*]]][%[[N]]]
// CHECK: hone.launch @k0_cumsum(%[[V0]], %[[V1]])
// CHECK: hone.launch @k1_add(%[[V1]], %{{.*}}, %[[V1]])
// CHECK: hone.launch @k0_cumsum(%[[V1]], %[[Y]])
// CHECK: return %{{.*}}, %{{.*}}, %[[N]], %{{.*}} : index, index, index, index
module @chain attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @a : tensor<7xf32> = #hone.file<"model.bin", offset = 0, length = 28>
  hone.weight @b : tensor<7xf32> = #hone.file<"model.bin", offset = 28, length = 28>
  func.func @main(%x: tensor<?x7xf32> {hone.dims = ["n", ""], hone.name = "x"}) -> (tensor<?x7xf32> {hone.name = "y"}) {
    %a = hone.use_weight @a : tensor<7xf32>
    %b = hone.use_weight @b : tensor<7xf32>
    %0 = hone.cumsum %x {axis = 1 : i64} : tensor<?x7xf32> -> tensor<?x7xf32>
    %1 = hone.add %0, %a : tensor<?x7xf32>, tensor<7xf32> -> tensor<?x7xf32>
    %2 = hone.cumsum %1 {axis = 1 : i64} : tensor<?x7xf32> -> tensor<?x7xf32>
    %3 = hone.add %2, %b : tensor<?x7xf32>, tensor<7xf32> -> tensor<?x7xf32>
    %4 = hone.cumsum %3 {axis = 1 : i64} : tensor<?x7xf32> -> tensor<?x7xf32>
    return %4 : tensor<?x7xf32>
  }
}

// -----

// A dim is checked where it may be negative: what follows from host values may, and a dim of an input that grows cannot.
// CHECK-LABEL: module @checked
// CHECK-COUNT-1: "node 'any' (Pad): a dim of the result would be {0}"
// CHECK-NOT: a dim of the result would be
module @checked attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"], hone.name = "x"}, %amount: tensor<i64> {hone.name = "amount"}) -> (tensor<?xf32> {hone.name = "y"}, tensor<?xf32> {hone.name = "z"}) {
    %zero = hone.constant dense<0.0> : tensor<f32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = hone.pad %x, %zero[%c0] [%c1] "constant" : tensor<?xf32>, tensor<f32> -> tensor<?xf32> loc("one (Pad)")
    %number = tensor.extract %amount[] : tensor<i64>
    %many = arith.index_cast %number : i64 to index
    %1 = hone.pad %x, %zero[%c0] [%many] "constant" : tensor<?xf32>, tensor<f32> -> tensor<?xf32> loc("any (Pad)")
    return %0, %1 : tensor<?xf32>, tensor<?xf32>
  }
}
