// RUN: hone-opt %s --hone-simplify-shapes --split-input-file | FileCheck %s

// The transposition of attention's keys as PyTorch's exporter writes it: heads joined with the batch, and split again.
// CHECK-LABEL: func @keys
// CHECK-SAME: (%[[X:.*]]: tensor<?x12x?x32xf32>
// CHECK: %[[Y:.*]] = hone.transpose %[[X]] [0, 1, 3, 2] : tensor<?x12x?x32xf32> -> tensor<?x12x32x?xf32>
// CHECK: return %[[Y]]
func.func @keys(%x: tensor<?x12x?x32xf32> {hone.dims = ["batch", "", "sequence", ""]}) -> tensor<?x12x32x?xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c12 = arith.constant 12 : index
  %c32 = arith.constant 32 : index
  %b = tensor.dim %x, %c0 : tensor<?x12x?x32xf32>
  %s = tensor.dim %x, %c2 : tensor<?x12x?x32xf32>
  %bh = arith.muli %b, %c12 : index
  %0 = hone.reshape %x [%bh, %s, %c32] : tensor<?x12x?x32xf32> -> tensor<?x?x32xf32>
  %1 = hone.transpose %0 [0, 2, 1] : tensor<?x?x32xf32> -> tensor<?x32x?xf32>
  %2 = hone.reshape %1 [%b, %c12, %c32, %s] : tensor<?x32x?xf32> -> tensor<?x12x32x?xf32>
  return %2 : tensor<?x12x32x?xf32>
}

// -----

// The same reshapes with other dims after the split move elements.
// CHECK-LABEL: func @other_split
// CHECK: hone.transpose %{{.*}} [0, 2, 1]
// CHECK: hone.reshape
func.func @other_split(%x: tensor<2x12x5x32xf32>) -> tensor<12x2x32x5xf32> {
  %c2 = arith.constant 2 : index
  %c5 = arith.constant 5 : index
  %c12 = arith.constant 12 : index
  %c24 = arith.constant 24 : index
  %c32 = arith.constant 32 : index
  %0 = hone.reshape %x [%c24, %c5, %c32] : tensor<2x12x5x32xf32> -> tensor<24x5x32xf32>
  %1 = hone.transpose %0 [0, 2, 1] : tensor<24x5x32xf32> -> tensor<24x32x5xf32>
  %2 = hone.reshape %1 [%c12, %c2, %c32, %c5] : tensor<24x32x5xf32> -> tensor<12x2x32x5xf32>
  return %2 : tensor<12x2x32x5xf32>
}

// -----

// Dims with one name are equal, whichever argument they are of.
// CHECK-LABEL: func @same_dims
// CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32>
// CHECK-NOT: = hone.
// CHECK: return %[[X]], %[[X]], %[[X]]
func.func @same_dims(%x: tensor<?x?xf32> {hone.dims = ["batch", "sequence"]},
                     %y: tensor<?x?xi64> {hone.dims = ["sequence", "batch"]}) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = tensor.dim %y, %c0 : tensor<?x?xi64>
  %b = tensor.dim %y, %c1 : tensor<?x?xi64>
  %0 = hone.reshape %x [%b, %s] : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = hone.expand %x [%b, %s] : tensor<?x?xf32> -> tensor<?x?xf32>
  %2 = hone.slice %x [%c0, %c0] [%b, %s] [%c1, %c1] : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0, %1, %2 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// Other dims, another start, another step.
// CHECK-LABEL: func @different
// CHECK: hone.reshape
// CHECK: hone.expand
// CHECK: hone.slice
// CHECK: hone.slice
func.func @different(%x: tensor<?x?xf32> {hone.dims = ["batch", "sequence"]}, %n: tensor<?xf32> {hone.dims = ["n"]})
    -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?xf32>
  %size = tensor.dim %n, %c0 : tensor<?xf32>
  %minus = arith.constant -1 : index
  %0 = hone.reshape %x [%s, %b] : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = hone.expand %x [%b, %size] : tensor<?x?xf32> -> tensor<?x?xf32>
  %2 = hone.slice %x [%c1, %c0] [%b, %s] [%c1, %c1] : tensor<?x?xf32> -> tensor<?x?xf32>
  %3 = hone.slice %x [%c0, %c0] [%b, %s] [%c1, %minus] : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0, %1, %2, %3 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// A condition that always holds needs no check.
// CHECK-LABEL: func @checks
// CHECK: hone.check %{{.*}}, "may fail"
// CHECK-NOT: holds
func.func @checks(%c: i1) {
  %true = arith.constant true
  %c0 = arith.constant 0 : index
  hone.check %c, "may fail" (%c0, %c0)
  hone.check %true, "holds" (%c0, %c0)
  return
}
