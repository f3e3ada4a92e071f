// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK-LABEL: func @constants
func.func @constants(%i: index) {
  // CHECK: hone.constant dense<[1, 2]> : tensor<2xi64>
  %0 = hone.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: hone.constant dense<> : tensor<0x3xf32>
  %1 = hone.constant dense<> : tensor<0x3xf32>
  // CHECK: hone.from_elements %{{.*}}, %{{.*}} : tensor<2xi64>
  %2 = hone.from_elements %i, %i : tensor<2xi64>
  // CHECK: hone.from_elements %{{.*}} : tensor<i32>
  %3 = hone.from_elements %i : tensor<i32>
  return
}

// CHECK-LABEL: func @views
func.func @views(%x: tensor<?x12xf32>, %scalar: tensor<f32>, %i: index) {
  // CHECK: hone.reshape %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : tensor<?x12xf32> -> tensor<?x3x4xf32>
  %0 = hone.reshape %x [%i, %i, %i] : tensor<?x12xf32> -> tensor<?x3x4xf32>
  // CHECK: hone.reshape %{{.*}}[] : tensor<?x12xf32> -> tensor<f32>
  %1 = hone.reshape %x [] : tensor<?x12xf32> -> tensor<f32>
  // CHECK: hone.expand %{{.*}}[%{{.*}}, %{{.*}}] : tensor<f32> -> tensor<?x12xf32>
  %2 = hone.expand %scalar [%i, %i] : tensor<f32> -> tensor<?x12xf32>
  // CHECK: hone.transpose %{{.*}} [1, 0] : tensor<?x12xf32> -> tensor<12x?xf32>
  %3 = hone.transpose %x [1, 0] : tensor<?x12xf32> -> tensor<12x?xf32>
  // CHECK: hone.slice %{{.*}}[%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] : tensor<?x12xf32> -> tensor<?x?xf32>
  %4 = hone.slice %x [%i, %i] [%i, %i] [%i, %i] : tensor<?x12xf32> -> tensor<?x?xf32>
  // CHECK: hone.concat %{{.*}}, %{{.*}} {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x12xf32> -> tensor<?x12xf32>
  %5 = hone.concat %x, %x {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x12xf32> -> tensor<?x12xf32>
  // CHECK: hone.pad %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] "reflect" : tensor<?x12xf32>, tensor<f32> -> tensor<?x?xf32>
  %6 = hone.pad %x, %scalar [%i, %i] [%i, %i] "reflect" : tensor<?x12xf32>, tensor<f32> -> tensor<?x?xf32>
  // CHECK: hone.tile %{{.*}}[%{{.*}}, %{{.*}}] : tensor<?x12xf32> -> tensor<?x?xf32>
  %7 = hone.tile %x [%i, %i] : tensor<?x12xf32> -> tensor<?x?xf32>
  return
}

// CHECK-LABEL: func @indexing
func.func @indexing(%x: tensor<?x12xf32>, %ids: tensor<?x?xi64>, %tuples: tensor<5x1xi64>, %rows: tensor<5x12xf32>,
                    %scalar: tensor<f32>, %pair: tensor<2xf32>, %i: index) {
  // CHECK: hone.gather %{{.*}}, %{{.*}} {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x?xi64> -> tensor<?x?x12xf32>
  %0 = hone.gather %x, %ids {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x?xi64> -> tensor<?x?x12xf32>
  // CHECK: hone.gather_elements %{{.*}}, %{{.*}} {axis = 1 : i64} : tensor<?x12xf32>, tensor<?x?xi64> -> tensor<?x?xf32>
  %1 = hone.gather_elements %x, %ids {axis = 1 : i64} : tensor<?x12xf32>, tensor<?x?xi64> -> tensor<?x?xf32>
  // CHECK: hone.gather_nd %{{.*}}, %{{.*}} {batch_dims = 0 : i64} : tensor<?x12xf32>, tensor<5x1xi64> -> tensor<5x12xf32>
  %2 = hone.gather_nd %x, %tuples {batch_dims = 0 : i64} : tensor<?x12xf32>, tensor<5x1xi64> -> tensor<5x12xf32>
  // CHECK: hone.one_hot %{{.*}}, %{{.*}}, %{{.*}} {axis = 2 : i64} : tensor<?x?xi64>, tensor<2xf32> -> tensor<?x?x?xf32>
  %3 = hone.one_hot %ids, %i, %pair {axis = 2 : i64} : tensor<?x?xi64>, tensor<2xf32> -> tensor<?x?x?xf32>
  // CHECK: hone.range %{{.*}}, %{{.*}}[%{{.*}}] : tensor<f32>, tensor<f32> -> tensor<?xf32>
  %4 = hone.range %scalar, %scalar [%i] : tensor<f32>, tensor<f32> -> tensor<?xf32>
  // CHECK: hone.trilu %{{.*}}, %{{.*}} {upper = true} : tensor<?x12xf32> -> tensor<?x12xf32>
  %5 = hone.trilu %x, %i {upper = true} : tensor<?x12xf32> -> tensor<?x12xf32>
  // CHECK: hone.scatter_elements %{{.*}}, %{{.*}}, %{{.*}} "add" {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x?xi64>, tensor<?x12xf32> -> tensor<?x12xf32>
  %6 = hone.scatter_elements %x, %ids, %x "add" {axis = 0 : i64} : tensor<?x12xf32>, tensor<?x?xi64>, tensor<?x12xf32> -> tensor<?x12xf32>
  // CHECK: hone.scatter_nd %{{.*}}, %{{.*}}, %{{.*}} "none" : tensor<?x12xf32>, tensor<5x1xi64>, tensor<5x12xf32> -> tensor<?x12xf32>
  %7 = hone.scatter_nd %x, %tuples, %rows "none" : tensor<?x12xf32>, tensor<5x1xi64>, tensor<5x12xf32> -> tensor<?x12xf32>
  return
}

// CHECK-LABEL: func @random
func.func @random(%i: index) {
  // CHECK: hone.random_uniform 7[%{{.*}}, %{{.*}}] : tensor<?x?xf32>
  %0 = hone.random_uniform 7 [%i, %i] : tensor<?x?xf32>
  return
}

// CHECK-LABEL: func @unpack
func.func @unpack(%panels: tensor<2x8x16xf32>, %tiles: tensor<2x2x2x3xi8>) {
  // CHECK: hone.unpack %{{.*}} dims [1] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
  %0 = hone.unpack %panels dims [1] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
  // CHECK: hone.unpack %{{.*}} dims [0, 1] tiles [2, 3] : tensor<2x2x2x3xi8> -> tensor<3x4xi8>
  %1 = hone.unpack %tiles dims [0, 1] tiles [2, 3] : tensor<2x2x2x3xi8> -> tensor<3x4xi8>
  return
}

// CHECK-LABEL: func @parts
func.func @parts(%x: tensor<?x12xf32>, %row: tensor<1x12xf32>, %column: tensor<?x1xf32>, %n: tensor<?xi64>, %i: index) {
  // CHECK: hone.insert %{{.*}} into %{{.*}}[%{{.*}}] {axis = 0 : i64} : tensor<1x12xf32> into tensor<?x12xf32> -> tensor<?x12xf32>
  %0 = hone.insert %row into %x [%i] {axis = 0 : i64} : tensor<1x12xf32> into tensor<?x12xf32> -> tensor<?x12xf32>
  // CHECK: hone.tensor_scatter %{{.*}} into %{{.*}} at %{{.*}} {axis = 1 : i64, circular} : tensor<?x1xf32> into tensor<?x12xf32> at tensor<?xi64> -> tensor<?x12xf32>
  %s = hone.tensor_scatter %column into %x at %n {axis = 1 : i64, circular} : tensor<?x1xf32> into tensor<?x12xf32> at tensor<?xi64> -> tensor<?x12xf32>
  // CHECK: hone.nonzero %{{.*}}[%{{.*}}] : tensor<?x12xf32> -> tensor<2x?xi64>
  %1 = hone.nonzero %x [%i] : tensor<?x12xf32> -> tensor<2x?xi64>
  // CHECK: hone.with_dims %{{.*}}[%{{.*}}, %{{.*}}] : tensor<?x12xf32> -> tensor<?x?xf32>
  %2 = hone.with_dims %x [%i, %i] : tensor<?x12xf32> -> tensor<?x?xf32>
  return
}
