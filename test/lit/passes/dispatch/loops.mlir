// RUN: hone-opt %s --hone-dispatch --canonicalize | FileCheck %s

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  // What a step yields is a launch's. Arithmetic that asks for nothing in the loop is done before it. Dims that stay are
  // told by the same values before the loop and behind a step, wherever they come from.
  // CHECK-LABEL: func.func @main
  // CHECK:       %[[DOUBLE:.*]] = arith.addi %[[N:.*]], %[[N]]
  // CHECK-DAG:   %[[P:.*]] = hone.with_dims %arg0[%[[N]]]
  // CHECK-DAG:   %[[Q:.*]] = hone.with_dims %arg0[%[[N]]]
  // CHECK:       scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
  // CHECK:         %[[SUM:.*]] = hone.launch @{{.*}}add(%[[A]], %[[B]])
  // CHECK:         %[[SAME:.*]] = hone.with_dims %[[SUM]][%[[N]]]
  // CHECK:         %[[COPY:.*]] = hone.launch @{{.*}}expand(%{{.*}}) sizes(%[[N]]) to(%[[N]])
  // CHECK:         scf.yield %[[SAME]], %[[COPY]]
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"]}, %table: tensor<4x3xf32>)
      -> (tensor<?xf32>, tensor<?xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<?xf32>, tensor<?xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %a, %b = scf.for %i = %c0 to %c4 step %c1 iter_args(%p = %x, %q = %x) -> (tensor<?xf32>, tensor<?xf32>) {
      %sum = hone.add %p, %q : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
      scf.yield %sum, %p : tensor<?xf32>, tensor<?xf32>
    }

    // What a loop changes step by step is a copy of what somebody else has, and the program's result itself.
    // CHECK:       %[[OWN:.*]] = hone.launch @{{.*}}expand(%arg1)
    // CHECK:       %[[FILLED:.*]] = scf.for %[[I:.*]] = {{.*}} iter_args(%[[T:.*]] = %[[OWN]])
    // CHECK:         %[[NEXT:.*]] = hone.launch @{{.*}}insert(%[[T]]) sizes(%[[I]])
    // CHECK:         scf.yield %[[NEXT]]
    %row = hone.constant dense<1.0> : tensor<1x3xf32>
    %filled = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %table) -> tensor<4x3xf32> {
      %next = hone.insert %row into %t [%i] {axis = 0 : i64} : tensor<1x3xf32> into tensor<4x3xf32> -> tensor<4x3xf32>
      scf.yield %next : tensor<4x3xf32>
    }

    // CHECK:       %[[LATER:.*]] = hone.launch @{{.*}}exp(%arg1)
    // CHECK:       %[[KEPT:.*]] = hone.launch @{{.*}}expand(%[[LATER]])
    // CHECK:       hone.launch @{{.*}}insert(%[[KEPT]])
    // CHECK:       hone.launch @{{.*}}add(%[[LATER]],
    %later = hone.exp %table : tensor<4x3xf32> -> tensor<4x3xf32>
    %changed = hone.insert %row into %later [%c1] {axis = 0 : i64} : tensor<1x3xf32> into tensor<4x3xf32> -> tensor<4x3xf32>
    %both = hone.add %later, %changed : tensor<4x3xf32>, tensor<4x3xf32> -> tensor<4x3xf32>

    // Dims that nobody proves to stay are checked in each step.
    // CHECK:       scf.for
    // CHECK:         hone.check %{{.*}}, "an unnamed operation: a dim of what the loop carries is {0} before a step and {1} behind it"(%[[N]], %[[DOUBLE]])
    // CHECK:         hone.with_dims %{{.*}}[%[[N]]]
    %long = scf.for %i = %c0 to %c4 step %c1 iter_args(%p = %x) -> tensor<?xf32> {
      %double = arith.addi %n, %n : index
      %twice = hone.concat %p, %p {axis = 0 : i64} : tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
      scf.yield %twice : tensor<?xf32>
    }
    %end = hone.neg %long : tensor<?xf32> -> tensor<?xf32>
    return %a, %b, %filled, %both, %end, %end : tensor<?xf32>, tensor<?xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<?xf32>, tensor<?xf32>
  }
}
