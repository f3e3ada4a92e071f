// RUN: hone-opt %s --hone-propagate-layouts --split-input-file | FileCheck %s
// RUN: hone-opt %s --hone-propagate-layouts --split-input-file --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES

// Numbers of channels, constants and a mask of rows and columns follow; a splat has any shape.
// CHECK-LABEL: func @elementwise(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x8x4xf32>, %[[MASK:[^:]*]]: tensor<8x8xi1>
// CHECK-DAG:     %[[B:.*]] = hone.reshape %{{.*}} : tensor<4x1x1xf32> -> tensor<4xf32>
// CHECK:         %[[ADD:.*]] = hone.add %[[B]], %[[X]] : tensor<4xf32>, tensor<2x8x8x4xf32> -> tensor<2x8x8x4xf32>
// CHECK:         %[[M:.*]] = hone.reshape %[[MASK]][%c8{{.*}}, %c8{{.*}}, %c1{{.*}}] : tensor<8x8xi1> -> tensor<8x8x1xi1>
// CHECK:         %[[SELECT:.*]] = hone.select %[[M]], %[[ADD]], %[[X]] :
// CHECK:         %[[W:.*]] = hone.transpose %{{.*}} [1, 2, 0] : tensor<4x8x8xf32> -> tensor<8x8x4xf32>
// CHECK:         %[[MUL:.*]] = hone.mul %[[SELECT]], %[[W]] : tensor<2x8x8x4xf32>, tensor<8x8x4xf32> -> tensor<2x8x8x4xf32>
// CHECK:         %[[ONES:.*]] = hone.constant dense<1.000000e+00> : tensor<1x8x8x4xf32>
// CHECK:         %[[MAX:.*]] = hone.max %[[MUL]], %[[ONES]] :
// CHECK:         return %[[MAX]]
hone.weight @w : tensor<4x8x8xf32> = dense<1.0> : tensor<4x8x8xf32>
func.func @elementwise(%x: tensor<2x8x8x4xf32>, %mask: tensor<8x8xi1>) -> tensor<2x8x8x4xf32> {
  %b = hone.constant dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>
  %w = hone.use_weight @w : tensor<4x8x8xf32>
  %ones = hone.constant dense<1.0> : tensor<1x4x8x8xf32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x4xf32> -> tensor<2x4x8x8xf32>
  %1 = hone.add %b, %0 : tensor<4x1x1xf32>, tensor<2x4x8x8xf32> -> tensor<2x4x8x8xf32>
  %2 = hone.select %mask, %1, %0 : tensor<8x8xi1>, tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32> -> tensor<2x4x8x8xf32>
  %3 = hone.mul %2, %w : tensor<2x4x8x8xf32>, tensor<4x8x8xf32> -> tensor<2x4x8x8xf32>
  %4 = hone.max %3, %ones : tensor<2x4x8x8xf32>, tensor<1x4x8x8xf32> -> tensor<2x4x8x8xf32>
  %5 = hone.transpose %4 [0, 2, 3, 1] : tensor<2x4x8x8xf32> -> tensor<2x8x8x4xf32>
  return %5 : tensor<2x8x8x4xf32>
}

// -----

// What is broadcast among other dims: those that count are transposed, those of one element come and go behind it.
// CHECK-LABEL: func @among(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<6x5x2x3xf32>, %[[Y:[^:]*]]: tensor<3x1x5xf32>
// CHECK:         %[[T:.*]] = hone.transpose %[[Y]] [2, 0, 1] : tensor<3x1x5xf32> -> tensor<5x3x1xf32>
// CHECK-NEXT:    %[[R:.*]] = hone.reshape %[[T]][%c5{{.*}}, %c1{{.*}}, %c3{{.*}}] : tensor<5x3x1xf32> -> tensor<5x1x3xf32>
// CHECK-NEXT:    hone.add %[[X]], %[[R]]
func.func @among(%x: tensor<6x5x2x3xf32>, %y: tensor<3x1x5xf32>) -> tensor<6x5x2x3xf32> {
  %0 = hone.transpose %x [2, 3, 0, 1] : tensor<6x5x2x3xf32> -> tensor<2x3x6x5xf32>
  %1 = hone.add %0, %y : tensor<2x3x6x5xf32>, tensor<3x1x5xf32> -> tensor<2x3x6x5xf32>
  %2 = hone.transpose %1 [2, 3, 0, 1] : tensor<2x3x6x5xf32> -> tensor<6x5x2x3xf32>
  return %2 : tensor<6x5x2x3xf32>
}
// Types may say less than is known.
// CHECK-LABEL: func @types(
// CHECK:         %[[X:.*]] = hone.with_dims %arg0[%c6{{.*}}, %c5{{.*}}] : tensor<6x5xf32> -> tensor<?x?xf32>
// CHECK-NEXT:    %[[RELU:.*]] = hone.relu %[[X]]
// CHECK-NEXT:    hone.with_dims %[[RELU]][%c6{{.*}}, %c5{{.*}}] : tensor<?x?xf32> -> tensor<6x5xf32>
func.func @types(%x: tensor<6x5xf32>) -> tensor<6x5xf32> {
  %0 = hone.transpose %x [1, 0] : tensor<6x5xf32> -> tensor<?x?xf32>
  %1 = hone.relu %0 : tensor<?x?xf32> -> tensor<?x?xf32>
  %2 = hone.transpose %1 [1, 0] : tensor<?x?xf32> -> tensor<6x5xf32>
  return %2 : tensor<6x5xf32>
}

// -----

// Branches that meet, of open dims.
// CHECK-LABEL: func @residual(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x?x?x16xf32> {{[^)]*}}, %[[Y:[^:]*]]: tensor
// CHECK-NEXT:    %[[SUM:.*]] = hone.add %[[X]], %[[Y]] : tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32> -> tensor<?x?x?x16xf32>
// CHECK-NEXT:    return %[[SUM]]
func.func @residual(%x: tensor<?x?x?x16xf32> {hone.dims = ["n", "h", "w", ""]},
                    %y: tensor<?x?x?x16xf32> {hone.dims = ["n", "h", "w", ""]}) -> tensor<?x?x?x16xf32> {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<?x?x?x16xf32> -> tensor<?x16x?x?xf32>
  %1 = hone.transpose %y [0, 3, 1, 2] : tensor<?x?x?x16xf32> -> tensor<?x16x?x?xf32>
  %2 = hone.add %0, %1 : tensor<?x16x?x?xf32>, tensor<?x16x?x?xf32> -> tensor<?x16x?x?xf32>
  %3 = hone.transpose %2 [0, 2, 3, 1] : tensor<?x16x?x?xf32> -> tensor<?x?x?x16xf32>
  return %3 : tensor<?x?x?x16xf32>
}

// -----

// What is left of a tensor is transposed instead of all of it.
// CHECK-LABEL: func @reductions(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x8x?x4xf32>
// CHECK:         %[[MAX:.*]] = hone.reduce max %[[X]] [3] : tensor<?x8x?x4xf32> -> tensor<?x8x?xf32>
// CHECK:         %[[SUM:.*]] = hone.reduce sum %[[X]] [1, 2] {keepdims} : tensor<?x8x?x4xf32> -> tensor<?x1x1x4xf32>
// CHECK:         %[[FLAT:.*]] = hone.reshape %[[SUM]][{{.*}}, %c4{{.*}}] : tensor<?x1x1x4xf32> -> tensor<?x4xf32>
// CHECK:         %[[ARG:.*]] = hone.arg_reduce max %[[X]] {axis = 1 : i64} : tensor<?x8x?x4xf32> -> tensor<?x?x4xi64>
// CHECK:         %[[BACK:.*]] = hone.transpose %[[ARG]] [0, 2, 1] : tensor<?x?x4xi64> -> tensor<?x4x?xi64>
// CHECK:         return %[[MAX]], %[[FLAT]], %[[BACK]]
func.func @reductions(%x: tensor<?x8x?x4xf32> {hone.dims = ["n", "", "w", ""]})
    -> (tensor<?x8x?xf32>, tensor<?x4xf32>, tensor<?x4x?xi64>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x8x?x4xf32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<?x8x?x4xf32> -> tensor<?x4x8x?xf32>
  %1 = hone.reduce max %0 [1] : tensor<?x4x8x?xf32> -> tensor<?x8x?xf32>
  %2 = hone.reduce sum %0 [2, 3] {keepdims} : tensor<?x4x8x?xf32> -> tensor<?x4x1x1xf32>
  %3 = hone.reshape %2 [%n, %c4] : tensor<?x4x1x1xf32> -> tensor<?x4xf32>
  %4 = hone.arg_reduce max %0 {axis = 2 : i64} : tensor<?x4x8x?xf32> -> tensor<?x4x?xi64>
  return %1, %3, %4 : tensor<?x8x?xf32>, tensor<?x4xf32>, tensor<?x4x?xi64>
}

// -----

// Axes, and index operands that are one for each dim.
// CHECK-LABEL: func @moves(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x6x4xf32>, %[[I:[^:]*]]: tensor<5xi64>
// CHECK-NOT:     hone.transpose
// CHECK:         hone.concat %[[X]], %[[X]] {axis = 3 : i64}
// CHECK:         hone.slice %[[X]][%c0{{.*}}, %c2{{.*}}, %c0{{.*}}, %c1{{.*}}] [%c2{{.*}}, %c4{{.*}}, %c6{{.*}}, %c2{{.*}}] [%c1{{.*}}, %c1{{.*}}, %c1{{.*}}, %c2{{.*}}]
// CHECK:         hone.pad %[[X]], %{{.*}}[%c0{{.*}}, %c1{{.*}}, %c0{{.*}}, %c0{{.*}}] [%c0{{.*}}, %c2{{.*}}, %c0{{.*}}, %c0{{.*}}] "constant"
// CHECK:         hone.pad %[[X]], %{{.*}}[%c0{{.*}}, %c1{{.*}}, %c2{{.*}}, %c0{{.*}}] [%c0{{.*}}, %c1{{.*}}, %c2{{.*}}, %c0{{.*}}] "reflect"
// CHECK:         hone.tile %[[X]][%c1{{.*}}, %c2{{.*}}, %c1{{.*}}, %c1{{.*}}]
// CHECK:         hone.gather %[[X]], %[[I]] {axis = 1 : i64} : tensor<2x8x6x4xf32>, tensor<5xi64> -> tensor<2x5x6x4xf32>
// CHECK:         hone.expand %[[X]][%c4{{.*}}, %c2{{.*}}, %c8{{.*}}, %c6{{.*}}, %c4{{.*}}] : tensor<2x8x6x4xf32> -> tensor<4x2x8x6x4xf32>
// CHECK:         hone.cumsum %[[X]] {axis = 2 : i64}
// CHECK-NOT:     hone.transpose
func.func @moves(%x: tensor<2x8x6x4xf32>, %i: tensor<5xi64>)
    -> (tensor<2x8x6x8xf32>, tensor<2x4x6x2xf32>, tensor<2x11x6x4xf32>, tensor<2x10x10x4xf32>, tensor<2x16x6x4xf32>,
        tensor<2x5x6x4xf32>, tensor<4x2x8x6x4xf32>, tensor<2x8x6x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %z = hone.constant dense<0.0> : tensor<f32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x6x4xf32> -> tensor<2x4x8x6xf32>
  %1 = hone.concat %0, %0 {axis = 1 : i64} : tensor<2x4x8x6xf32>, tensor<2x4x8x6xf32> -> tensor<2x8x8x6xf32>
  %2 = hone.transpose %1 [0, 2, 3, 1] : tensor<2x8x8x6xf32> -> tensor<2x8x6x8xf32>
  %3 = hone.slice %0 [%c0, %c1, %c2, %c0] [%c2, %c2, %c4, %c6] [%c1, %c2, %c1, %c1]
     : tensor<2x4x8x6xf32> -> tensor<2x2x4x6xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<2x2x4x6xf32> -> tensor<2x4x6x2xf32>
  %5 = hone.pad %0, %z [%c0, %c0, %c1, %c0] [%c0, %c0, %c2, %c0] "constant"
     : tensor<2x4x8x6xf32>, tensor<f32> -> tensor<2x4x11x6xf32>
  %6 = hone.transpose %5 [0, 2, 3, 1] : tensor<2x4x11x6xf32> -> tensor<2x11x6x4xf32>
  %7 = hone.pad %0, %z [%c0, %c0, %c1, %c2] [%c0, %c0, %c1, %c2] "reflect"
     : tensor<2x4x8x6xf32>, tensor<f32> -> tensor<2x4x10x10xf32>
  %8 = hone.transpose %7 [0, 2, 3, 1] : tensor<2x4x10x10xf32> -> tensor<2x10x10x4xf32>
  %9 = hone.tile %0 [%c1, %c1, %c2, %c1] : tensor<2x4x8x6xf32> -> tensor<2x4x16x6xf32>
  %10 = hone.transpose %9 [0, 2, 3, 1] : tensor<2x4x16x6xf32> -> tensor<2x16x6x4xf32>
  %11 = hone.gather %0, %i {axis = 2 : i64} : tensor<2x4x8x6xf32>, tensor<5xi64> -> tensor<2x4x5x6xf32>
  %12 = hone.transpose %11 [0, 2, 3, 1] : tensor<2x4x5x6xf32> -> tensor<2x5x6x4xf32>
  %13 = hone.expand %0 [%c4, %c2, %c4, %c8, %c6] : tensor<2x4x8x6xf32> -> tensor<4x2x4x8x6xf32>
  %14 = hone.transpose %13 [0, 1, 3, 4, 2] : tensor<4x2x4x8x6xf32> -> tensor<4x2x8x6x4xf32>
  %15 = hone.cumsum %0 {axis = 3 : i64} : tensor<2x4x8x6xf32> -> tensor<2x4x8x6xf32>
  %16 = hone.transpose %15 [0, 2, 3, 1] : tensor<2x4x8x6xf32> -> tensor<2x8x6x4xf32>
  return %2, %4, %6, %8, %10, %12, %14, %16
    : tensor<2x8x6x8xf32>, tensor<2x4x6x2xf32>, tensor<2x11x6x4xf32>, tensor<2x10x10x4xf32>, tensor<2x16x6x4xf32>,
      tensor<2x5x6x4xf32>, tensor<4x2x8x6x4xf32>, tensor<2x8x6x4xf32>
}

// -----

// Rows of one dim lie anywhere. Those of norms are the last dims: here they are so in either order,
// CHECK-LABEL: func @rows(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x6x4xf32>
// CHECK-DAG:     hone.softmax %[[X]] {axis = 3 : i64} :
// CHECK-DAG:     hone.softmax %[[X]] {axis = 2 : i64, log} :
// CHECK-DAG:     %[[W:.*]] = hone.transpose %{{.*}} [1, 2, 0] : tensor<4x8x6xf32> -> tensor<8x6x4xf32>
// CHECK-DAG:     hone.layer_norm %[[X]], %[[W]], %[[W]] {axis = 1 : i64,
// and here they would not be.
// CHECK:         %[[T:.*]] = hone.transpose %[[X]] [0, 3, 1, 2]
// CHECK:         hone.rms_norm %[[T]], %{{.*}} {axis = 3 : i64,
hone.weight @w : tensor<4x8x6xf32> = dense<1.0> : tensor<4x8x6xf32>
func.func @rows(%x: tensor<2x8x6x4xf32>) -> (tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>) {
  %w = hone.use_weight @w : tensor<4x8x6xf32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x6x4xf32> -> tensor<2x4x8x6xf32>
  %1 = hone.softmax %0 {axis = 1 : i64} : tensor<2x4x8x6xf32> -> tensor<2x4x8x6xf32>
  %2 = hone.transpose %1 [0, 2, 3, 1] : tensor<2x4x8x6xf32> -> tensor<2x8x6x4xf32>
  %3 = hone.softmax %0 {axis = 3 : i64, log} : tensor<2x4x8x6xf32> -> tensor<2x4x8x6xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<2x4x8x6xf32> -> tensor<2x8x6x4xf32>
  %5 = hone.layer_norm %0, %w, %w {axis = 1 : i64, epsilon = 1.0e-5 : f32}
     : tensor<2x4x8x6xf32>, tensor<4x8x6xf32>, tensor<4x8x6xf32> -> tensor<2x4x8x6xf32>
  %6 = hone.transpose %5 [0, 2, 3, 1] : tensor<2x4x8x6xf32> -> tensor<2x8x6x4xf32>
  %7 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x6x4xf32> -> tensor<2x4x8x6xf32>
  %8 = hone.rms_norm %7, %one {axis = 3 : i64, epsilon = 1.0e-5 : f32} : tensor<2x4x8x6xf32>, tensor<f32> -> tensor<2x4x8x6xf32>
  %9 = hone.transpose %8 [0, 2, 3, 1] : tensor<2x4x8x6xf32> -> tensor<2x8x6x4xf32>
  return %2, %4, %6, %9 : tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>
}

// -----

// Dims that are joined in order, or split: a sequence of positions, groups of channels.
// CHECK-LABEL: func @reshapes(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x8x6x16xf32>
// CHECK-NOT:     hone.transpose
// CHECK:         hone.reshape %[[X]][{{.*}}, %c48{{.*}}, %c16{{.*}}] : tensor<?x8x6x16xf32> -> tensor<?x48x16xf32>
// CHECK:         %[[GROUPS:.*]] = hone.reshape %[[X]][{{.*}}, %c8{{.*}}, %c6{{.*}}, %c2{{.*}}, %c8{{.*}}] : tensor<?x8x6x16xf32> -> tensor<?x8x6x2x8xf32>
// CHECK:         hone.reduce max %[[GROUPS]] [3] : tensor<?x8x6x2x8xf32> -> tensor<?x8x6x8xf32>
// CHECK-NOT:     hone.transpose
func.func @reshapes(%x: tensor<?x8x6x16xf32> {hone.dims = ["n", "", "", ""]}) -> (tensor<?x48x16xf32>, tensor<?x8x6x8xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c48 = arith.constant 48 : index
  %n = tensor.dim %x, %c0 : tensor<?x8x6x16xf32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<?x8x6x16xf32> -> tensor<?x16x8x6xf32>
  %1 = hone.reshape %0 [%n, %c16, %c48] : tensor<?x16x8x6xf32> -> tensor<?x16x48xf32>
  %2 = hone.transpose %1 [0, 2, 1] : tensor<?x16x48xf32> -> tensor<?x48x16xf32>
  %3 = hone.reshape %0 [%n, %c2, %c8, %c8, %c6] : tensor<?x16x8x6xf32> -> tensor<?x2x8x8x6xf32>
  %4 = hone.reduce max %3 [1] : tensor<?x2x8x8x6xf32> -> tensor<?x8x8x6xf32>
  %5 = hone.transpose %4 [0, 2, 3, 1] : tensor<?x8x8x6xf32> -> tensor<?x8x6x8xf32>
  return %2, %5 : tensor<?x48x16xf32>, tensor<?x8x6x8xf32>
}

// -----

// What is joined behind a transposition is brought together once: channels that are shuffled, and those that become positions.
// CHECK-LABEL: func @shuffle(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x8x6x16xf32>
// CHECK:         %[[GROUPS:.*]] = hone.reshape %[[X]]{{.*}} -> tensor<?x8x6x2x8xf32>
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[GROUPS]] [0, 1, 2, 4, 3] : tensor<?x8x6x2x8xf32> -> tensor<?x8x6x8x2xf32>
// CHECK-NEXT:    %[[Y:.*]] = hone.reshape %[[T]]{{.*}} -> tensor<?x8x6x16xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @shuffle(%x: tensor<?x8x6x16xf32>) -> tensor<?x8x6x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %n = tensor.dim %x, %c0 : tensor<?x8x6x16xf32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<?x8x6x16xf32> -> tensor<?x16x8x6xf32>
  %1 = hone.reshape %0 [%n, %c2, %c8, %c8, %c6] : tensor<?x16x8x6xf32> -> tensor<?x2x8x8x6xf32>
  %2 = hone.transpose %1 [0, 2, 1, 3, 4] : tensor<?x2x8x8x6xf32> -> tensor<?x8x2x8x6xf32>
  %3 = hone.reshape %2 [%n, %c16, %c8, %c6] : tensor<?x8x2x8x6xf32> -> tensor<?x16x8x6xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<?x16x8x6xf32> -> tensor<?x8x6x16xf32>
  return %4 : tensor<?x8x6x16xf32>
}
// CHECK-LABEL: func @depth_to_space(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x6x16xf32>
// CHECK:         %[[SPLIT:.*]] = hone.reshape %[[X]]{{.*}} -> tensor<2x8x6x2x2x4xf32>
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[SPLIT]] [0, 1, 3, 2, 4, 5] : tensor<2x8x6x2x2x4xf32> -> tensor<2x8x2x6x2x4xf32>
// CHECK-NEXT:    %[[Y:.*]] = hone.reshape %[[T]]{{.*}} -> tensor<2x16x12x4xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @depth_to_space(%x: tensor<2x8x6x16xf32>) -> tensor<2x16x12x4xf32> {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %c12 = arith.constant 12 : index
  %c16 = arith.constant 16 : index
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x6x16xf32> -> tensor<2x16x8x6xf32>
  %1 = hone.reshape %0 [%c2, %c2, %c2, %c4, %c8, %c6] : tensor<2x16x8x6xf32> -> tensor<2x2x2x4x8x6xf32>
  %2 = hone.transpose %1 [0, 3, 4, 1, 5, 2] : tensor<2x2x2x4x8x6xf32> -> tensor<2x4x8x2x6x2xf32>
  %3 = hone.reshape %2 [%c2, %c4, %c16, %c12] : tensor<2x4x8x2x6x2xf32> -> tensor<2x4x16x12xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<2x4x16x12xf32> -> tensor<2x16x12x4xf32>
  return %4 : tensor<2x16x12x4xf32>
}

// -----

// Channels and positions that are joined have to lie as they are joined.
// CHECK-LABEL: func @flatten(
// CHECK:         %[[T:.*]] = hone.transpose %{{.*}} [0, 3, 1, 2]
// CHECK:         %[[RELU:.*]] = hone.relu %[[T]]
// CHECK:         hone.reshape %[[RELU]]
func.func @flatten(%x: tensor<2x8x6x16xf32>) -> tensor<2x768xf32> {
  %c2 = arith.constant 2 : index
  %c768 = arith.constant 768 : index
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x6x16xf32> -> tensor<2x16x8x6xf32>
  %1 = hone.relu %0 : tensor<2x16x8x6xf32> -> tensor<2x16x8x6xf32>
  %2 = hone.reshape %1 [%c2, %c768] : tensor<2x16x8x6xf32> -> tensor<2x768xf32>
  return %2 : tensor<2x768xf32>
}

// -----

// Squeeze and excitation: a gate for each channel, whose transpositions move dims of one element.
// CHECK-LABEL: func @excite(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x8x16xf32>
// CHECK:         %[[SUM:.*]] = hone.reduce sum %[[X]] [1, 2] {keepdims} : tensor<2x8x8x16xf32> -> tensor<2x1x1x16xf32>
// CHECK-NEXT:    %[[Y:.*]] = hone.matmul %[[SUM]]
// CHECK-NEXT:    %[[GATE:.*]] = hone.sigmoid %[[Y]] : tensor<2x1x1x16xf32> -> tensor<2x1x1x16xf32>
// CHECK-NEXT:    %[[MUL:.*]] = hone.mul %[[X]], %[[GATE]] : tensor<2x8x8x16xf32>, tensor<2x1x1x16xf32> -> tensor<2x8x8x16xf32>
// CHECK-NEXT:    return %[[MUL]]
hone.weight @w : tensor<16x16xf32> = dense<1.0> : tensor<16x16xf32>
func.func @excite(%x: tensor<2x8x8x16xf32>) -> tensor<2x8x8x16xf32> {
  %w = hone.use_weight @w : tensor<16x16xf32>
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %1 = hone.reduce sum %0 [2, 3] {keepdims} : tensor<2x16x8x8xf32> -> tensor<2x16x1x1xf32>
  %2 = hone.transpose %1 [0, 2, 3, 1] : tensor<2x16x1x1xf32> -> tensor<2x1x1x16xf32>
  %3 = hone.matmul %2, %w : tensor<2x1x1x16xf32>, tensor<16x16xf32> -> tensor<2x1x1x16xf32>
  %4 = hone.transpose %3 [0, 3, 1, 2] : tensor<2x1x1x16xf32> -> tensor<2x16x1x1xf32>
  %5 = hone.sigmoid %4 : tensor<2x16x1x1xf32> -> tensor<2x16x1x1xf32>
  %6 = hone.mul %0, %5 : tensor<2x16x8x8xf32>, tensor<2x16x1x1xf32> -> tensor<2x16x8x8xf32>
  %7 = hone.transpose %6 [0, 2, 3, 1] : tensor<2x16x8x8xf32> -> tensor<2x8x8x16xf32>
  return %7 : tensor<2x8x8x16xf32>
}

// -----

// A transposition that moves dims of one element alone is a view.
// CHECK-LABEL: func @ones(
// CHECK-NOT:     hone.transpose
// CHECK:         hone.reshape %arg0[%{{.*}}, %c16{{.*}}, %c1{{.*}}, %c1{{.*}}] : tensor<?x1x1x16xf32> -> tensor<?x16x1x1xf32>
func.func @ones(%x: tensor<?x1x1x16xf32>) -> tensor<?x16x1x1xf32> {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<?x1x1x16xf32> -> tensor<?x16x1x1xf32>
  return %0 : tensor<?x16x1x1xf32>
}

// -----

// One transposition instead of two pays; one instead of one does not.
// CHECK-LABEL: func @meet(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x8x16xf32>, %[[Y:[^:]*]]: tensor<2x16x8x8xf32>
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[Y]] [0, 2, 3, 1]
// CHECK-NEXT:    %[[SUM:.*]] = hone.add %[[X]], %[[T]]
// CHECK-NEXT:    return %[[SUM]]
func.func @meet(%x: tensor<2x8x8x16xf32>, %y: tensor<2x16x8x8xf32>) -> tensor<2x8x8x16xf32> {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %1 = hone.add %0, %y : tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  %2 = hone.transpose %1 [0, 2, 3, 1] : tensor<2x16x8x8xf32> -> tensor<2x8x8x16xf32>
  return %2 : tensor<2x8x8x16xf32>
}
// CHECK-LABEL: func @meet_at_the_end(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x8x16xf32>, %[[Y:[^:]*]]: tensor<2x16x8x8xf32>
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[X]] [0, 3, 1, 2]
// CHECK-NEXT:    hone.add %[[T]], %[[Y]]
func.func @meet_at_the_end(%x: tensor<2x8x8x16xf32>, %y: tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32> {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %1 = hone.add %0, %y : tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  return %1 : tensor<2x16x8x8xf32>
}
// Two orders: of three transpositions one is left, between them.
// CHECK-LABEL: func @two_orders(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<8x8x8xf32>, %[[Y:[^:]*]]: tensor<8x8x8xf32>
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[Y]] [1, 0, 2]
// CHECK-NEXT:    hone.add %[[X]], %[[T]]
func.func @two_orders(%x: tensor<8x8x8xf32>, %y: tensor<8x8x8xf32>) -> tensor<8x8x8xf32> {
  %0 = hone.transpose %x [1, 2, 0] : tensor<8x8x8xf32> -> tensor<8x8x8xf32>
  %1 = hone.transpose %y [0, 2, 1] : tensor<8x8x8xf32> -> tensor<8x8x8xf32>
  %2 = hone.add %0, %1 : tensor<8x8x8xf32>, tensor<8x8x8xf32> -> tensor<8x8x8xf32>
  %3 = hone.transpose %2 [2, 0, 1] : tensor<8x8x8xf32> -> tensor<8x8x8xf32>
  return %3 : tensor<8x8x8xf32>
}

// -----

// Taps and results of the program are what they were, under their names, whatever is turned around them.
// CHECK-LABEL: func @ends(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x8x8x16xf32>
// CHECK-NEXT:    %[[RELU:.*]] = hone.relu %[[X]]
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[RELU]] [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
// NAMES:         hone.relu %{{.*}} -> tensor<2x8x8x16xf32> loc("relu (Relu)")
// NAMES-NEXT:    hone.transpose {{.*}} loc("relu (Relu)")
// CHECK-NEXT:    hone.tap %[[T]] "relu"
// CHECK-NEXT:    %[[EXP:.*]] = hone.exp %[[RELU]]
// CHECK-NEXT:    %[[SUM:.*]] = hone.add %[[EXP]], %[[RELU]]
// CHECK-NEXT:    return %[[T]], %[[SUM]], %[[EXP]]
func.func @ends(%x: tensor<2x8x8x16xf32>) -> (tensor<2x16x8x8xf32>, tensor<2x8x8x16xf32>, tensor<2x8x8x16xf32>) {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %1 = hone.relu %0 : tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32> loc("relu (Relu)")
  %tap = hone.tap %1 "relu" : tensor<2x16x8x8xf32>
  %2 = hone.exp %1 : tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  %3 = hone.add %2, %1 : tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  %4 = hone.transpose %3 [0, 2, 3, 1] : tensor<2x16x8x8xf32> -> tensor<2x8x8x16xf32>
  %5 = hone.transpose %2 [0, 2, 3, 1] : tensor<2x16x8x8xf32> -> tensor<2x8x8x16xf32>
  return %1, %4, %5 : tensor<2x16x8x8xf32>, tensor<2x8x8x16xf32>, tensor<2x8x8x16xf32>
}
// A transposed value that others read, too: what would be turned takes as many transpositions as before.
// CHECK-LABEL: func @shared(
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %arg0 [0, 3, 1, 2]
// CHECK-NEXT:    %[[RELU:.*]] = hone.relu %[[T]]
// CHECK-NEXT:    %[[SLICE:.*]] = hone.sigmoid %[[RELU]]
// CHECK-NEXT:    return %[[T]], %[[SLICE]]
func.func @shared(%x: tensor<2x8x8x16xf32>) -> (tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32>) {
  %0 = hone.transpose %x [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %1 = hone.relu %0 : tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  %2 = hone.sigmoid %1 : tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  return %0, %2 : tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32>
}

// -----

// Branches read what they read.
// CHECK-LABEL: func @branch(
// CHECK:         %[[RELU:.*]] = hone.relu %arg0
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[RELU]] [1, 0]
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      hone.transpose %[[T]] [1, 0]
// CHECK:         return %[[RELU]]
func.func @branch(%x: tensor<8x8xf32>, %c: i1) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = hone.transpose %x [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %1 = hone.relu %0 : tensor<8x8xf32> -> tensor<8x8xf32>
  %2 = scf.if %c -> tensor<8x8xf32> {
    %5 = hone.transpose %1 [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
    scf.yield %5 : tensor<8x8xf32>
  } else {
    scf.yield %1 : tensor<8x8xf32>
  }
  %3 = hone.exp %1 : tensor<8x8xf32> -> tensor<8x8xf32>
  %4 = hone.transpose %3 [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %6 = hone.transpose %1 [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  return %6, %2, %4 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// Products and attention want their dims where they are; of these triangles and gathers nothing is known.
// CHECK-LABEL: func @stays(
// CHECK:         %[[T:.*]] = hone.transpose %arg0 [0, 2, 1, 3]
// CHECK:         hone.attention %[[T]], %[[T]], %[[T]]
// CHECK:         hone.matmul %[[T]],
// CHECK:         hone.trilu %[[T]],
// CHECK:         hone.gather_elements %[[T]],
// CHECK-COUNT-4: hone.transpose {{.*}} [0, 2, 1, 3]
hone.weight @w : tensor<4x4xf32> = dense<1.0> : tensor<4x4xf32>
func.func @stays(%x: tensor<2x8x6x4xf32>, %k: index, %i: tensor<2x6x8x4xi64>)
    -> (tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>) {
  %w = hone.use_weight @w : tensor<4x4xf32>
  %0 = hone.transpose %x [0, 2, 1, 3] : tensor<2x8x6x4xf32> -> tensor<2x6x8x4xf32>
  %1 = hone.attention %0, %0, %0 {scale = 1.0 : f32}
     : tensor<2x6x8x4xf32>, tensor<2x6x8x4xf32>, tensor<2x6x8x4xf32> -> tensor<2x6x8x4xf32>
  %2 = hone.matmul %0, %w : tensor<2x6x8x4xf32>, tensor<4x4xf32> -> tensor<2x6x8x4xf32>
  %3 = hone.trilu %0, %k {upper = true} : tensor<2x6x8x4xf32> -> tensor<2x6x8x4xf32>
  %4 = hone.gather_elements %0, %i {axis = 1 : i64} : tensor<2x6x8x4xf32>, tensor<2x6x8x4xi64> -> tensor<2x6x8x4xf32>
  %5 = hone.transpose %1 [0, 2, 1, 3] : tensor<2x6x8x4xf32> -> tensor<2x8x6x4xf32>
  %6 = hone.transpose %2 [0, 2, 1, 3] : tensor<2x6x8x4xf32> -> tensor<2x8x6x4xf32>
  %7 = hone.transpose %3 [0, 2, 1, 3] : tensor<2x6x8x4xf32> -> tensor<2x8x6x4xf32>
  %8 = hone.transpose %4 [0, 2, 1, 3] : tensor<2x6x8x4xf32> -> tensor<2x8x6x4xf32>
  return %5, %6, %7, %8 : tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>, tensor<2x8x6x4xf32>
}

// -----

// Behind a convolution, what is element-wise is computed with it if the transposition comes later: that decides a tie.
// CHECK-LABEL: func @behind_a_convolution(
// CHECK:         %[[CONV:.*]] = hone.conv
// CHECK-NEXT:    %[[BIASED:.*]] = hone.add %[[CONV]]
// CHECK-NEXT:    %[[RELU:.*]] = hone.relu %[[BIASED]]
// CHECK-NEXT:    %[[T:.*]] = hone.transpose %[[RELU]] [0, 3, 1, 2]
// CHECK-NEXT:    return %[[T]]
hone.weight @w : tensor<1x16x3x3x8xf32> = dense<1.0> : tensor<1x16x3x3x8xf32>
hone.weight @b : tensor<16xf32> = dense<1.0> : tensor<16xf32>
func.func @behind_a_convolution(%x: tensor<2x8x8x8xf32>) -> tensor<2x16x8x8xf32> {
  %w = hone.use_weight @w : tensor<1x16x3x3x8xf32>
  %b = hone.use_weight @b : tensor<16xf32>
  %0 = hone.conv %x, %w strides [1, 1] dilations [1, 1] pads [1, 1] [1, 1]
     : tensor<2x8x8x8xf32>, tensor<1x16x3x3x8xf32> -> tensor<2x8x8x16xf32>
  %1 = hone.add %0, %b : tensor<2x8x8x16xf32>, tensor<16xf32> -> tensor<2x8x8x16xf32>
  %2 = hone.transpose %1 [0, 3, 1, 2] : tensor<2x8x8x16xf32> -> tensor<2x16x8x8xf32>
  %3 = hone.relu %2 : tensor<2x16x8x8xf32> -> tensor<2x16x8x8xf32>
  return %3 : tensor<2x16x8x8xf32>
}
