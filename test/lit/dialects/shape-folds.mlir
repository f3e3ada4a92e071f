// RUN: hone-opt %s --canonicalize --split-input-file | FileCheck %s

// Moves that move nothing.
// CHECK-LABEL: func @identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf32>, %[[D:.*]]: tensor<?x4xf32>, %{{.*}}: index)
// CHECK-NEXT: return %[[X]], %[[D]], %[[D]], %[[X]], %[[D]], %[[D]], %[[D]]
func.func @identities(%x: tensor<2x4xf32>, %d: tensor<?x4xf32>, %i: index)
    -> (tensor<2x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %zero = hone.constant dense<0.0> : tensor<f32>
  %0 = hone.expand %x [%c2, %c4] : tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = hone.reshape %d [%i, %c4] : tensor<?x4xf32> -> tensor<?x4xf32>
  %2 = hone.transpose %d [0, 1] : tensor<?x4xf32> -> tensor<?x4xf32>
  %3 = hone.slice %x [%c0, %c0] [%c2, %c4] [%c1, %c1] : tensor<2x4xf32> -> tensor<2x4xf32>
  %4 = hone.concat %d {axis = 1 : i64} : tensor<?x4xf32> -> tensor<?x4xf32>
  %5 = hone.pad %d, %zero [%c0, %c0] [%c0, %c0] "constant" : tensor<?x4xf32>, tensor<f32> -> tensor<?x4xf32>
  %6 = hone.tile %d [%c1, %c1] : tensor<?x4xf32> -> tensor<?x4xf32>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<2x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Moves that may move something.
// CHECK-LABEL: func @no_identities
// CHECK: hone.expand
// CHECK: hone.reshape
// CHECK: hone.transpose
// CHECK: hone.slice
// CHECK: hone.slice
// CHECK: hone.concat
// CHECK: hone.pad
// CHECK: hone.tile
func.func @no_identities(%x: tensor<4x4xf32>, %d: tensor<?x?xf32>, %i: index)
    -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<?x?xf32>, tensor<4x8xf32>, tensor<4x4xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %minus = arith.constant -1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %zero = hone.constant dense<0.0> : tensor<f32>
  %0 = hone.expand %d [%i, %i] : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = hone.reshape %d [%i, %i] : tensor<?x?xf32> -> tensor<?x?xf32>
  %2 = hone.transpose %x [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %3 = hone.slice %x [%c3, %c0] [%c4, %c4] [%minus, %c1] : tensor<4x4xf32> -> tensor<4x4xf32>
  %4 = hone.slice %d [%c0, %c0] [%i, %i] [%c1, %c1] : tensor<?x?xf32> -> tensor<?x?xf32>
  %5 = hone.concat %x, %x {axis = 1 : i64} : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x8xf32>
  %6 = hone.pad %x, %zero [%c1, %c0] [%minus, %c0] "constant" : tensor<4x4xf32>, tensor<f32> -> tensor<4x4xf32>
  %7 = hone.tile %d [%c1, %i] : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<?x?xf32>, tensor<4x8xf32>, tensor<4x4xf32>, tensor<?x?xf32>
}

// -----

// Two of one kind are one.
// CHECK-LABEL: func @chains
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[I:.*]]: index)
// CHECK-DAG: hone.reshape %[[X]][%{{.*}}, %{{.*}}] : tensor<2x3x4xf32> -> tensor<4x6xf32>
// CHECK-DAG: hone.transpose %[[X]] [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
// CHECK-DAG: hone.expand %[[X]][%[[I]], %{{.*}}, %{{.*}}, %{{.*}}] : tensor<2x3x4xf32> -> tensor<?x2x3x4xf32>
// CHECK: return %{{.*}}, %{{.*}}, %[[X]], %{{.*}} :
func.func @chains(%x: tensor<2x3x4xf32>, %i: index) -> (tensor<4x6xf32>, tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<?x2x3x4xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c24 = arith.constant 24 : index
  %0 = hone.reshape %x [%c24] : tensor<2x3x4xf32> -> tensor<24xf32>
  %1 = hone.reshape %0 [%c4, %c6] : tensor<24xf32> -> tensor<4x6xf32>
  %2 = hone.transpose %x [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %3 = hone.transpose %2 [1, 2, 0] : tensor<3x4x2xf32> -> tensor<4x2x3xf32>
  %4 = hone.transpose %2 [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  %5 = hone.expand %x [%c1, %c2, %c3, %c4] : tensor<2x3x4xf32> -> tensor<1x2x3x4xf32>
  %6 = hone.expand %5 [%i, %c2, %c3, %c4] : tensor<1x2x3x4xf32> -> tensor<?x2x3x4xf32>
  return %1, %3, %4, %6 : tensor<4x6xf32>, tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<?x2x3x4xf32>
}

// Of 4 elements 3 cannot be made, which a check has to say; folding would leave an op that is wrong by itself.
// CHECK-LABEL: func.func @reshape_of_other_count
func.func @reshape_of_other_count(%x: tensor<4xf32>, %n: index) -> tensor<3xf32> {
  // CHECK: hone.reshape %{{.*}}[%{{.*}}] : tensor<?xf32> -> tensor<3xf32>
  %c3 = arith.constant 3 : index
  %0 = hone.reshape %x[%n] : tensor<4xf32> -> tensor<?xf32>
  %1 = hone.reshape %0[%c3] : tensor<?xf32> -> tensor<3xf32>
  return %1 : tensor<3xf32>
}
