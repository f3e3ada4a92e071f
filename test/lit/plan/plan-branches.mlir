// RUN: hone-opt %s --hone-dispatch --hone-plan-memory | FileCheck %s

// Both branches write to the same memory. All sizes, and the views of the arena, stand before the first launch that needs
// them.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[X:arg0]]: memref<?x8xf32> {{.*}}, %[[FLAG:arg1]]: memref<i1> {{.*}}, %[[Y:arg2]]: memref<?x8xf32> {{.*}}hone.output
// CHECK:         %[[CONDITION:.*]] = memref.load %[[FLAG]][]
// CHECK:         %[[SHARED:.*]] = memref.view
// CHECK:         hone.launch @{{.*}}_exp(%[[X]], %[[SHARED]])
// CHECK:         %[[FIRST:.*]] = memref.view
// CHECK:         %[[SECOND:.*]] = memref.view
// CHECK:         scf.if %[[CONDITION]] {
// CHECK-NEXT:      hone.launch @{{.*}}_neg_exp(%[[SHARED]], %[[FIRST]])
// CHECK-NEXT:      hone.launch @{{.*}}_expand(%[[SHARED]], %[[SECOND]])
// CHECK-NEXT:    } else {
// CHECK-NEXT:      hone.launch @{{.*}}_softmax(%[[SHARED]], %[[FIRST]])
// CHECK-NEXT:      hone.launch @{{.*}}_expand(%[[FIRST]], %[[SECOND]])
// CHECK-NEXT:    }
// CHECK-NEXT:    hone.launch @{{.*}}_add(%[[FIRST]], %[[SECOND]], %[[Y]])
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?x8xf32> {hone.dims = ["n", ""], hone.name = "x"}, %flag: tensor<i1> {hone.name = "flag"})
      -> (tensor<?x8xf32> {hone.name = "y"}) {
    %shared = hone.exp %x : tensor<?x8xf32> -> tensor<?x8xf32>
    %condition = tensor.extract %flag[] : tensor<i1>
    %chosen, %same = scf.if %condition -> (tensor<?x8xf32>, tensor<?x8xf32>) {
      %a = hone.neg %shared : tensor<?x8xf32> -> tensor<?x8xf32>
      %b = hone.exp %a : tensor<?x8xf32> -> tensor<?x8xf32>
      scf.yield %b, %shared : tensor<?x8xf32>, tensor<?x8xf32>
    } else {
      %c = hone.softmax %shared {axis = 1 : i64} : tensor<?x8xf32> -> tensor<?x8xf32>
      scf.yield %c, %c : tensor<?x8xf32>, tensor<?x8xf32>
    }
    %y = hone.add %chosen, %same : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
