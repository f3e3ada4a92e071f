// An embedding that is the last product's matrix, too, lies in memory once, in the product's form.
// RUN: hone-opt %s --hone-fold-weights --hone-dispatch | FileCheck %s

// CHECK: hone.weight @table_packed : tensor<63x64x16xf32> = #hone.pack<@table, dims = [0], tiles = [16]>
// CHECK-NOT: hone.weight @table_t
// CHECK: hone.kernel @k0_gather(%[[P:.*]]: tensor<63x64x16xf32>,
// CHECK:   %[[T:.*]] = hone.unpack %[[P]] dims [0] tiles [16] : tensor<63x64x16xf32> -> tensor<1000x64xf32>
// CHECK:   hone.gather %[[T]]
// CHECK: hone.kernel @k1_matmul(%{{.*}}, %[[P:.*]]: tensor<63x64x16xf32>,
// CHECK:   %[[W:.*]] = hone.unpack %[[P]] dims [1] tiles [16] order [1, 0] : tensor<63x64x16xf32> -> tensor<64x1000xf32>
// CHECK:   hone.matmul %{{.*}}, %[[W]]
// CHECK: func.func @main
// CHECK-NOT: hone.use_weight @table :
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @table : tensor<1000x64xf32> = #hone.file<"model.bin", offset = 0, length = 256000>
  func.func @main(%ids: tensor<?x?xi64> {hone.dims = ["b", "s"], hone.name = "ids"}) -> (tensor<?x?x64xf32>, tensor<?x?x1000xf32>) {
    %w = hone.use_weight @table : tensor<1000x64xf32>
    %0 = hone.gather %w, %ids {axis = 0 : i64} : tensor<1000x64xf32>, tensor<?x?xi64> -> tensor<?x?x64xf32>
    %1 = hone.transpose %w [1, 0] : tensor<1000x64xf32> -> tensor<64x1000xf32>
    %2 = hone.matmul %0, %1 : tensor<?x?x64xf32>, tensor<64x1000xf32> -> tensor<?x?x1000xf32>
    return %0, %2 : tensor<?x?x64xf32>, tensor<?x?x1000xf32>
  }
}
