// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK-LABEL: func @norm
func.func @norm(%x: tensor<?x?x384xf32>, %p: tensor<384xf32>) {
  // CHECK: hone.softmax %{{.*}} {axis = 2 : i64} : tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %0 = hone.softmax %x {axis = 2 : i64} : tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  // CHECK: hone.softmax %{{.*}} {axis = 0 : i64, log} : tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %1 = hone.softmax %x {axis = 0 : i64, log} : tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  // CHECK: hone.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {axis = 2 : i64, epsilon = 9.99999974E-6 : f32} : tensor<?x?x384xf32>, tensor<384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %2 = hone.layer_norm %x, %p, %p {axis = 2 : i64, epsilon = 1.0e-5 : f32} : tensor<?x?x384xf32>, tensor<384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  // CHECK: hone.layer_norm %{{.*}}, %{{.*}} {axis = 2 : i64, epsilon = 9.99999974E-6 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %3 = hone.layer_norm %x, %p {axis = 2 : i64, epsilon = 1.0e-5 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  // CHECK: hone.rms_norm %{{.*}}, %{{.*}} {axis = 2 : i64, epsilon = 9.99999974E-6 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  %4 = hone.rms_norm %x, %p {axis = 2 : i64, epsilon = 1.0e-5 : f32} : tensor<?x?x384xf32>, tensor<384xf32> -> tensor<?x?x384xf32>
  return
}
