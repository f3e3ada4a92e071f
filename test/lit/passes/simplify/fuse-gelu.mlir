// RUN: hone-opt %s --hone-fuse-patterns --split-input-file | FileCheck %s

// x · (erf(x / 1.4142135) + 1) · 0.5, as PyTorch's TorchScript exporter writes nn.GELU.
// CHECK-LABEL: func @torchscript
// CHECK-SAME: (%[[X:.*]]: tensor<?x?x1536xf32>
// CHECK: %[[Y:.*]] = hone.gelu %[[X]] : tensor<?x?x1536xf32> -> tensor<?x?x1536xf32>
// CHECK-NEXT: return %[[Y]]
func.func @torchscript(%x: tensor<?x?x1536xf32>) -> tensor<?x?x1536xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<?x?x1536xf32>, tensor<f32> -> tensor<?x?x1536xf32>
  %1 = hone.erf %0 : tensor<?x?x1536xf32> -> tensor<?x?x1536xf32>
  %2 = hone.add %1, %one : tensor<?x?x1536xf32>, tensor<f32> -> tensor<?x?x1536xf32>
  %3 = hone.mul %x, %2 : tensor<?x?x1536xf32>, tensor<?x?x1536xf32> -> tensor<?x?x1536xf32>
  %4 = hone.mul %3, %half : tensor<?x?x1536xf32>, tensor<f32> -> tensor<?x?x1536xf32>
  return %4 : tensor<?x?x1536xf32>
}

// -----

// x · (0.5 · (1 + erf(x · 0.7071))), and one more association of the same factors.
// CHECK-LABEL: func @associations
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>
// CHECK: %[[A:.*]] = hone.gelu %[[X]]
// CHECK: %[[B:.*]] = hone.gelu %[[X]]
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @associations(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %scale = hone.constant dense<0.7071> : tensor<1xf32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.mul %scale, %x : tensor<1xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %1 = hone.erf %0 : tensor<4x8xf32> -> tensor<4x8xf32>
  %2 = hone.add %one, %1 : tensor<f32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %3 = hone.mul %half, %2 : tensor<f32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %4 = hone.mul %x, %3 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %5 = hone.mul %scale, %x : tensor<1xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %6 = hone.erf %5 : tensor<4x8xf32> -> tensor<4x8xf32>
  %7 = hone.add %one, %6 : tensor<f32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %8 = hone.mul %x, %half : tensor<4x8xf32>, tensor<f32> -> tensor<4x8xf32>
  %9 = hone.mul %7, %8 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  return %4, %9 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// 0.5 · x · (1 + tanh(√(2/π) (x + 0.044715 pow(x, 3)))), as transformers' NewGELUActivation.
// CHECK-LABEL: func @tanh
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>
// CHECK: %[[Y:.*]] = hone.gelu %[[X]] {tanh_approximation}
// CHECK-NEXT: return %[[Y]]
func.func @tanh(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %three = hone.constant dense<3.0> : tensor<f32>
  %cubic = hone.constant dense<0.044715> : tensor<f32>
  %root = hone.constant dense<0.797884583> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.mul %x, %half : tensor<?x16xf32>, tensor<f32> -> tensor<?x16xf32>
  %1 = hone.pow %x, %three : tensor<?x16xf32>, tensor<f32> -> tensor<?x16xf32>
  %2 = hone.mul %1, %cubic : tensor<?x16xf32>, tensor<f32> -> tensor<?x16xf32>
  %3 = hone.add %x, %2 : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %4 = hone.mul %3, %root : tensor<?x16xf32>, tensor<f32> -> tensor<?x16xf32>
  %5 = hone.tanh %4 : tensor<?x16xf32> -> tensor<?x16xf32>
  %6 = hone.add %5, %one : tensor<?x16xf32>, tensor<f32> -> tensor<?x16xf32>
  %7 = hone.mul %0, %6 : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %7 : tensor<?x16xf32>
}

// -----

// 0.5 · x · (1 + tanh(0.79788 x (1 + 0.044715 x x))), as transformers' FastGELUActivation.
// CHECK-LABEL: func @fast_tanh
// CHECK-SAME: (%[[X:.*]]: tensor<16xf32>
// CHECK: %[[Y:.*]] = hone.gelu %[[X]] {tanh_approximation}
// CHECK-NEXT: return %[[Y]]
func.func @fast_tanh(%x: tensor<16xf32>) -> tensor<16xf32> {
  %cubic = hone.constant dense<0.044715> : tensor<f32>
  %root = hone.constant dense<0.7978845608> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.mul %x, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.mul %x, %root : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %2 = hone.mul %x, %cubic : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %2, %x : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.add %3, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %5 = hone.mul %1, %4 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %6 = hone.tanh %5 : tensor<16xf32> -> tensor<16xf32>
  %7 = hone.add %6, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %8 = hone.mul %0, %7 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  return %8 : tensor<16xf32>
}

// -----

// The result keeps the places of all nodes.
// CHECK-LABEL: func @locations
// RUN: hone-opt %s --hone-fuse-patterns --split-input-file --mlir-print-debuginfo | FileCheck %s --check-prefix=LOC
// LOC-DAG: #[[A:.*]] = loc("a (Mul)")
// LOC-DAG: #[[C:.*]] = loc("c (Erf)")
// LOC: loc(fused[#{{.*}}, #{{.*}}, #[[C]]
func.func @locations(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32> loc("d (Div)")
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32> loc("c (Erf)")
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32> loc("e (Add)")
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32> loc("b (Mul)")
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32> loc("a (Mul)")
  return %4 : tensor<16xf32>
}

// -----

// erf(x/√2) has another user: fusing would compute it twice.
// CHECK-LABEL: func @used_elsewhere
// CHECK-NOT: hone.gelu
func.func @used_elsewhere(%x: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4, %1 : tensor<16xf32>, tensor<16xf32>
}

// -----

// So has a product on the way.
// CHECK-LABEL: func @product_used_elsewhere
// CHECK-NOT: hone.gelu
func.func @product_used_elsewhere(%x: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4, %3 : tensor<16xf32>, tensor<16xf32>
}

// -----

// A quarter is not a half.
// CHECK-LABEL: func @wrong_factor
// CHECK-NOT: hone.gelu
func.func @wrong_factor(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.25> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}

// -----

// 1.4 is not √2.
// CHECK-LABEL: func @wrong_constant
// CHECK-NOT: hone.gelu
func.func @wrong_constant(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.4> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}

// -----

// The gate is of another value than the factor.
// CHECK-LABEL: func @other_argument
// CHECK-NOT: hone.gelu
func.func @other_argument(%x: tensor<16xf32>, %y: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %y, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}

// -----

// The fused op's kernels are of f32.
// CHECK-LABEL: func @f64
// CHECK-NOT: hone.gelu
func.func @f64(%x: tensor<16xf64>) -> tensor<16xf64> {
  %root2 = hone.constant dense<1.41421354> : tensor<f64>
  %one = hone.constant dense<1.0> : tensor<f64>
  %half = hone.constant dense<0.5> : tensor<f64>
  %0 = hone.div %x, %root2 : tensor<16xf64>, tensor<f64> -> tensor<16xf64>
  %1 = hone.erf %0 : tensor<16xf64> -> tensor<16xf64>
  %2 = hone.add %1, %one : tensor<16xf64>, tensor<f64> -> tensor<16xf64>
  %3 = hone.mul %x, %2 : tensor<16xf64>, tensor<16xf64> -> tensor<16xf64>
  %4 = hone.mul %3, %half : tensor<16xf64>, tensor<f64> -> tensor<16xf64>
  return %4 : tensor<16xf64>
}

// -----

// One and a half are exact, whatever they were rounded to.
// CHECK-LABEL: func @nearly_one
// CHECK-NOT: hone.gelu
func.func @nearly_one(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0009> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}

// -----

// CHECK-LABEL: func @nearly_half
// CHECK-NOT: hone.gelu
func.func @nearly_half(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.41421354> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5004> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}

// -----

// A thousandth beside √2 is another function: 3e-4 of its value.
// CHECK-LABEL: func @nearly_root
// CHECK-NOT: hone.gelu
func.func @nearly_root(%x: tensor<16xf32>) -> tensor<16xf32> {
  %root2 = hone.constant dense<1.4155> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>
  %0 = hone.div %x, %root2 : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %1 = hone.erf %0 : tensor<16xf32> -> tensor<16xf32>
  %2 = hone.add %1, %one : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  %3 = hone.mul %x, %2 : tensor<16xf32>, tensor<16xf32> -> tensor<16xf32>
  %4 = hone.mul %3, %half : tensor<16xf32>, tensor<f32> -> tensor<16xf32>
  return %4 : tensor<16xf32>
}
