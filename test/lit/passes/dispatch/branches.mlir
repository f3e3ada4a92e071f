// RUN: hone-opt %s --hone-dispatch | FileCheck %s

// A branch has kernels of its own. What it gives has memory of its own: what stood before it, and what is given twice, is
// copied. The dims of what both branches give are known behind them.
// CHECK-LABEL: func.func @main(
// CHECK:         %[[N:.*]] = tensor.dim %arg0, %c0
// CHECK:         %[[CONDITION:.*]] = tensor.extract %arg1[]
// CHECK:         %[[SHARED:.*]] = hone.launch @{{.*}}_exp(%arg0)
// CHECK:         %[[GIVEN:.*]]:2 = scf.if %[[CONDITION]] -> (tensor<?x8xf32>, tensor<?x8xf32>) {
// CHECK:           %[[A:.*]] = hone.launch @{{.*}}_neg_exp(%[[SHARED]])
// CHECK:           %[[COPY:.*]] = hone.launch @[[EXPAND:.*expand]](%[[SHARED]]) sizes(%[[N]]) to(%[[N]])
// CHECK:           scf.yield %[[A]], %[[COPY]]
// CHECK:         } else {
// CHECK:           %[[B:.*]] = hone.launch @{{.*}}_softmax(%[[SHARED]]) sizes(%[[N]]) to(%[[N]])
// CHECK:           %[[TWICE:.*]] = hone.launch @[[EXPAND]](%[[B]])
// CHECK:           scf.yield %[[B]], %[[TWICE]]
// CHECK:         }
// CHECK:         hone.launch @{{.*}}_add(%[[GIVEN]]#0, %[[GIVEN]]#1) {{.*}} to(%[[N]])
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
