// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK-LABEL: func @matmul
func.func @matmul(%x: tensor<?x?x384xf32>, %w: tensor<384x1536xf32>, %t: tensor<1536x384xf32>) {
  // CHECK: hone.matmul %{{.*}}, %{{.*}} : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
  %0 = hone.matmul %x, %w : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
  // CHECK: hone.matmul %{{.*}}, %{{.*}} {transpose_rhs} : tensor<?x?x384xf32>, tensor<1536x384xf32>
  %1 = hone.matmul %x, %t {transpose_rhs} : tensor<?x?x384xf32>, tensor<1536x384xf32> -> tensor<?x?x1536xf32>
  return
}

// CHECK-LABEL: func @attention
func.func @attention(%x: tensor<?x?x12x32xf32>, %mask: tensor<?x1x1x?xf32>) {
  // CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {scale = 1.250000e-01 : f32}
  // CHECK-SAME: : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> -> tensor<?x?x12x32xf32>
  %0 = hone.attention %x, %x, %x, %mask {scale = 0.125 : f32}
     : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> -> tensor<?x?x12x32xf32>
  // CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}} {guarded, scale = 1.000000e+00 : f32} : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32> -> tensor<?x?x12x32xf32>
  %1 = hone.attention %x, %x, %x {guarded, scale = 1.0 : f32}
     : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32> -> tensor<?x?x12x32xf32>
  return
}

// CHECK-LABEL: func @attention_of_seen_keys
func.func @attention_of_seen_keys(%x: tensor<?x?x12x32xf32>, %mask: tensor<?x1x1x?xf32>, %n: tensor<?xi64>, %i: index) {
  // CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} lengths %{{.*}} causal(%{{.*}}) {maskedZero, scale = 1.000000e+00 : f32}
  // CHECK-SAME: : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> lengths tensor<?xi64> -> tensor<?x?x12x32xf32>
  %0 = hone.attention %x, %x, %x, %mask lengths %n causal(%i) {maskedZero, scale = 1.0 : f32}
     : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x1x1x?xf32> lengths tensor<?xi64> -> tensor<?x?x12x32xf32>
  // CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}} lengths %{{[a-z0-9]*}} {scale = 1.000000e+00 : f32}
  %1 = hone.attention %x, %x, %x lengths %n {scale = 1.0 : f32}
     : tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32>, tensor<?x?x12x32xf32> lengths tensor<?xi64> -> tensor<?x?x12x32xf32>
  return
}

// CHECK-LABEL: func @grouped_attention
func.func @grouped_attention(%x: tensor<?x?x12x32xf32>, %k: tensor<?x?x4x32xf32>, %mask: tensor<?x1x1x?xi1>) {
  // CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {fill = 0xFF800000 : f32, scale = 1.250000e-01 : f32}
  // CHECK-SAME: : tensor<?x?x12x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x1x1x?xi1> -> tensor<?x?x12x32xf32>
  %0 = hone.attention %x, %k, %k, %mask {fill = 0xFF800000 : f32, scale = 0.125 : f32}
     : tensor<?x?x12x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x1x1x?xi1> -> tensor<?x?x12x32xf32>
  return
}
