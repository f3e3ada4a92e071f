// RUN: hone-opt %s --hone-fuse-patterns --split-input-file | FileCheck %s

// The right factor of a product is converted where the product reads it.
// CHECK-LABEL: func @half
// CHECK:         %[[Y:.*]] = hone.matmul %arg0, %arg1 : tensor<?x8xf32>, tensor<8x16xf16> -> tensor<?x16xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @half(%x: tensor<?x8xf32>, %w: tensor<8x16xf16>) -> tensor<?x16xf32> {
  %0 = hone.cast %w : tensor<8x16xf16> -> tensor<8x16xf32>
  %1 = hone.matmul %x, %0 : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
  return %1 : tensor<?x16xf32>
}

// -----

// A scale of columns becomes one of the sums.
// CHECK-LABEL: func @scaled
// CHECK:         %[[SUM:.*]] = hone.matmul %arg0, %arg1 : tensor<?x8xf32>, tensor<8x16xi8> -> tensor<?x16xf32>
// CHECK-NEXT:    hone.mul %[[SUM]], %arg2 : tensor<?x16xf32>, tensor<1x16xf32> -> tensor<?x16xf32>
func.func @scaled(%x: tensor<?x8xf32>, %w: tensor<8x16xi8>, %scale: tensor<1x16xf32>) -> tensor<?x16xf32> {
  %0 = hone.cast %w : tensor<8x16xi8> -> tensor<8x16xf32>
  %1 = hone.mul %0, %scale : tensor<8x16xf32>, tensor<1x16xf32> -> tensor<8x16xf32>
  %2 = hone.matmul %x, %1 : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
  return %2 : tensor<?x16xf32>
}

// -----

// CHECK-LABEL: func @scaled_transposed
// CHECK:         %[[SUM:.*]] = hone.matmul %arg0, %arg1 {transpose_rhs}
// CHECK:         %[[ROW:.*]] = hone.reshape %arg2[%{{.*}}] : tensor<16x1xf32> -> tensor<16xf32>
// CHECK:         hone.mul %[[SUM]], %[[ROW]]
func.func @scaled_transposed(%x: tensor<?x8xf32>, %w: tensor<16x8xui8>, %scale: tensor<16x1xf32>) -> tensor<?x16xf32> {
  %0 = hone.cast %w : tensor<16x8xui8> -> tensor<16x8xf32>
  %1 = hone.mul %scale, %0 : tensor<16x1xf32>, tensor<16x8xf32> -> tensor<16x8xf32>
  %2 = hone.matmul %x, %1 {transpose_rhs} : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  return %2 : tensor<?x16xf32>
}

// -----

// One for each row of the factor stays: it differs within a sum. So does a cast that loses something.
// CHECK-LABEL: func @stay
// CHECK:         hone.mul
// CHECK:         hone.matmul %{{.*}} : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
// CHECK:         hone.cast
// CHECK:         hone.matmul %{{.*}} : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
func.func @stay(%x: tensor<?x8xf32>, %w: tensor<8x16xi8>, %scale: tensor<8x1xf32>, %v: tensor<8x16xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %0 = hone.cast %w : tensor<8x16xi8> -> tensor<8x16xf32>
  %1 = hone.mul %0, %scale : tensor<8x16xf32>, tensor<8x1xf32> -> tensor<8x16xf32>
  %2 = hone.matmul %x, %1 : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
  %3 = hone.cast %v : tensor<8x16xi32> -> tensor<8x16xf32>
  %4 = hone.matmul %x, %3 : tensor<?x8xf32>, tensor<8x16xf32> -> tensor<?x16xf32>
  return %2, %4 : tensor<?x16xf32>, tensor<?x16xf32>
}
