// RUN: hone-opt %s --hone-fold-constants --split-input-file | FileCheck %s
// RUN: hone-opt %s --hone-fold-constants --split-input-file --remarks-filter=simplify 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hone-opt %s --hone-fold-constants=total-limit=0 --split-input-file | FileCheck %s --check-prefix=NONE

// A chain folds in one walk.
// CHECK-LABEL: func @chain
// CHECK: %[[Y:.*]] = hone.constant dense<[3.000000e+00, 5.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return %[[Y]]
// NONE-LABEL: func @chain
// NONE: hone.sqrt
func.func @chain() -> tensor<2xf32> {
  %squares = hone.constant dense<[4.0, 16.0]> : tensor<2xf32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %0 = hone.sqrt %squares : tensor<2xf32> -> tensor<2xf32>
  %1 = hone.add %0, %one : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

// CHECK-LABEL: func @moves
// NONE-LABEL: func @moves
// CHECK: hone.constant dense<{{\[\[}}1, 3], [2, 4]]> : tensor<2x2xi64>
func.func @moves() -> tensor<2x2xi64> {
  %0 = hone.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>
  %1 = hone.transpose %0 [1, 0] : tensor<2x2xi64> -> tensor<2x2xi64>
  return %1 : tensor<2x2xi64>
}

// -----

// Growth is not folded, and said.
// CHECK-LABEL: func @large
// CHECK: hone.expand
// REMARK: remark: {{.*}}not-folded{{.*}}hone.expand
func.func @large() -> tensor<512x2xf32> {
  %c512 = arith.constant 512 : index
  %c2 = arith.constant 2 : index
  %0 = hone.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %1 = hone.expand %0 [%c512, %c2] : tensor<2xf32> -> tensor<512x2xf32>
  return %1 : tensor<512x2xf32>
}

// -----

// CHECK-LABEL: func @unknown
// CHECK: hone.sqrt
// REMARK-NOT: remark:
func.func @unknown(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = hone.sqrt %x : tensor<2xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
