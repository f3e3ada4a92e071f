// RUN: hone-opt %s --split-input-file --hone-dispatch --canonicalize --hone-plan-memory --canonicalize --cse | FileCheck %s

// What each step needs to the end is carried between two places, one of them that of the first value, which is the loop's
// own.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    %[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<8xf32> {hone.output}, %[[ARENA:.*]]: memref<?xi8>
// CHECK:       %[[FIRST:.*]] = memref.view %[[ARENA]][%c0]
// CHECK:       hone.launch @{{[a-z0-9]*}}_neg(%[[X]], %[[FIRST]])
// CHECK:       %[[SECOND:.*]] = memref.view %[[ARENA]][%c64]
// CHECK:       %[[LAST:.*]]:2 = scf.for {{.*}} iter_args(%[[NOW:.*]] = %[[FIRST]], %[[NEXT:.*]] = %[[SECOND]])
// CHECK-NEXT:    hone.launch @{{[a-z0-9]*}}_softmax(%[[NOW]], %[[NEXT]])
// CHECK-NEXT:    scf.yield %[[NEXT]], %[[NOW]]
// CHECK:       hone.launch @{{[a-z0-9]*}}_expand(%[[LAST]]#0, %[[Y]])
// CHECK:       return %c128
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %first = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    %y = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %first) -> tensor<8xf32> {
      %next = hone.softmax %a {axis = 0 : i64} : tensor<8xf32> -> tensor<8xf32>
      scf.yield %next : tensor<8xf32>
    }
    return %y : tensor<8xf32>
  }
}

// -----

// What is dead before the next value is written stays where it is, and nothing is carried.
// CHECK-LABEL: func.func @main
// CHECK:       scf.for %{{.*}} = %c0 to %c5 step %c1 {
// CHECK-NEXT:    hone.launch @{{[a-z0-9]*}}_reduce(%[[PLACE:[a-z0-9_]*]], %[[SUM:[a-z0-9_]*]])
// CHECK-NEXT:    hone.launch @{{[a-z0-9]*}}_add(%{{.*}}, %[[SUM]], %[[PLACE]])
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %first = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    %y = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %first) -> tensor<8xf32> {
      %sum = hone.reduce sum %a [0] : tensor<8xf32> -> tensor<f32>
      %next = hone.add %x, %sum : tensor<8xf32>, tensor<f32> -> tensor<8xf32>
      scf.yield %next : tensor<8xf32>
    }
    return %y : tensor<8xf32>
  }
}

// -----

// Dims that change are told. Two memories grow in turn; the output's size is told by the run.
// CHECK-LABEL: func.func @main
// CHECK-SAME:    {hone.late_dims = array<i64: 0>, hone.output}
// CHECK-SAME:    hone.slots = 4
// CHECK:       %[[LAST:.*]]:4 = scf.for {{.*}} iter_args(%[[N:.*]] = %{{.*}}, %[[NOW:.*]] = %{{.*}}, %[[SLOT:.*]] = %c0, %[[SPARE:.*]] = %c1)
// CHECK:         %[[MEMORY:.*]] = hone.grow %[[SLOT]] to %{{.*}} : memref<?xi8>
// CHECK:         %[[VIEW:.*]] = memref.view %[[MEMORY]][%c0]
// CHECK:         hone.launch @{{[a-z0-9]*}}_concat(%[[NOW]], %{{.*}}, %[[VIEW]])
// CHECK:         scf.yield %{{.*}}, %[[VIEW]], %[[SPARE]], %[[SLOT]]
// CHECK:       hone.size_output %{{.*}}[%[[LAST]]#0] : memref<?xf32>
// CHECK:       hone.launch @{{[a-z0-9]*}}_exp(%[[LAST]]#1
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"]}) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %r:2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%m = %n, %a = %x) -> (index, tensor<?xf32>) {
      %v = hone.with_dims %a [%m] : tensor<?xf32> -> tensor<?xf32>
      %d = hone.concat %v, %v {axis = 0 : i64} : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
      %e = hone.softmax %d {axis = 0 : i64} : tensor<?xf32> -> tensor<?xf32>
      %f = hone.concat %v, %e {axis = 0 : i64} : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
      %k = arith.muli %m, %c4 : index
      %l = arith.subi %k, %m : index
      scf.yield %l, %f : index, tensor<?xf32>
    }
    %w = hone.with_dims %r#1 [%r#0] : tensor<?xf32> -> tensor<?xf32>
    %y = hone.exp %w : tensor<?xf32> -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}
