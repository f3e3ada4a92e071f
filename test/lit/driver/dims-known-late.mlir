// Dims that are known only once all is simplified: the types in the kernel say so, those in @main need not.
// RUN: hone compile %s --emit=kernels -o - | FileCheck %s
// RUN: hone compile %s --emit=plan -o - | FileCheck %s --check-prefix=PLAN
// RUN: hone compile %s -o %t.so

// CHECK: hone.kernel @k0_pad(%arg0: tensor<1xf32>{{.*}}) -> tensor<1xf32>
// CHECK: hone.pad %arg0, {{.*}} -> tensor<1xf32>
// CHECK: hone.launch @k0_pad(%arg0) {{.*}} -> tensor<?xf32>
// PLAN:  memref.cast {{.*}} : memref<1xf32> to memref<?xf32>
func.func @main(%x: tensor<1xf32>, %step: tensor<1xi64>) -> (tensor<?xf32> {hone.name = "turned"}) {
  %c-1 = arith.constant -1 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = hone.constant dense<0.0> : tensor<f32>
  %padded = hone.pad %x, %zero[%c-1] [%c1] "edge" : tensor<1xf32>, tensor<f32> -> tensor<?xf32>
  %first = tensor.extract %step[%c0] : tensor<1xi64>
  %n = arith.index_cast %first : i64 to index
  %turned = hone.expand %padded[%n] : tensor<?xf32> -> tensor<?xf32>
  return %turned : tensor<?xf32>
}
