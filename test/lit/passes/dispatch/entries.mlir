// RUN: hone-opt %s --hone-dispatch | FileCheck %s
// RUN: hone-opt %s --hone-dispatch --hone-plan-memory | FileCheck %s --check-prefixes=CHECK,PLAN
// RUN: hone-opt %s --hone-dispatch --hone-plan-memory --hone-generate-kernels --hone-lower-program | FileCheck %s --check-prefix=LOWER

// Each public function is an entry. A kernel that two of them launch is one, as are a packed weight, which a reader of
// single rows in another entry takes, too, and equal constants. Names of kernels go on counting.
// CHECK: hone.kernel @k4_gather(%{{.*}}: tensor<63x64x16xf32>
// CHECK: func.func @decode
// PLAN-SAME: hone.output
// CHECK: hone.launch @k4_gather
// CHECK: hone.launch @k2_cumsum(
// CHECK: hone.launch @k3_add(
// CHECK-DAG: hone.weight @constant : tensor<7xf32>
// CHECK-DAG: hone.weight @table_packed : tensor<63x64x16xf32>
// CHECK-NOT: hone.weight @
// CHECK: hone.kernel @k0_gather(
// CHECK-NOT: hone.weight @
// CHECK: hone.kernel @k1_matmul(
// CHECK: hone.kernel @k2_cumsum(
// CHECK: hone.kernel @k3_add(
// CHECK-NOT: hone.kernel
// CHECK: func.func @main
// PLAN-SAME: hone.output
// CHECK: hone.launch @k0_gather
// CHECK: hone.launch @k1_matmul
// CHECK: hone.launch @k2_cumsum(
// CHECK: hone.launch @k3_add(

// One table has the launches of all entries, in order.
// LOWER: llvm.func internal @plan(
// LOWER: llvm.func internal @run(
// LOWER: %[[LAUNCHES:.*]] = llvm.mlir.addressof @launches
// LOWER: llvm.getelementptr %[[LAUNCHES]][0]
// LOWER: llvm.func internal @decode.plan(
// LOWER: llvm.func internal @decode.run(
// LOWER: %[[LAUNCHES:.*]] = llvm.mlir.addressof @launches
// LOWER: llvm.getelementptr %[[LAUNCHES]][96]
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @table : tensor<1000x64xf32> = #hone.file<"model.bin", offset = 0, length = 256000>
  func.func @decode(%ids: tensor<1x1xi64> {hone.name = "ids"}, %x: tensor<?x7xf32> {hone.dims = ["n", ""], hone.name = "x"}) -> (tensor<1x1x64xf32>, tensor<?x7xf32>) {
    %w = hone.use_weight @table : tensor<1000x64xf32>
    %c = hone.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]> : tensor<7xf32>
    %0 = hone.gather %w, %ids {axis = 0 : i64} : tensor<1000x64xf32>, tensor<1x1xi64> -> tensor<1x1x64xf32>
    %1 = hone.cumsum %x {axis = 1 : i64} : tensor<?x7xf32> -> tensor<?x7xf32>
    %2 = hone.add %1, %c : tensor<?x7xf32>, tensor<7xf32> -> tensor<?x7xf32>
    return %0, %2 : tensor<1x1x64xf32>, tensor<?x7xf32>
  }
  func.func @main(%ids: tensor<?x?xi64> {hone.dims = ["b", "s"], hone.name = "ids"}, %x: tensor<?x7xf32> {hone.dims = ["n", ""], hone.name = "x"}) -> (tensor<?x?x1000xf32>, tensor<?x7xf32>) {
    %w = hone.use_weight @table : tensor<1000x64xf32>
    %c = hone.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]> : tensor<7xf32>
    %0 = hone.gather %w, %ids {axis = 0 : i64} : tensor<1000x64xf32>, tensor<?x?xi64> -> tensor<?x?x64xf32>
    %1 = hone.transpose %w [1, 0] : tensor<1000x64xf32> -> tensor<64x1000xf32>
    %2 = hone.matmul %0, %1 : tensor<?x?x64xf32>, tensor<64x1000xf32> -> tensor<?x?x1000xf32>
    %3 = hone.cumsum %x {axis = 1 : i64} : tensor<?x7xf32> -> tensor<?x7xf32>
    %4 = hone.add %3, %c : tensor<?x7xf32>, tensor<7xf32> -> tensor<?x7xf32>
    return %2, %4 : tensor<?x?x1000xf32>, tensor<?x7xf32>
  }
}
