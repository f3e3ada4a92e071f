// RUN: hone-opt %s | hone-opt | FileCheck %s
// RUN: hone-opt %s --emit-bytecode | hone-opt | FileCheck %s

// CHECK-LABEL: func @elementwise
func.func @elementwise(%f: tensor<?x4xf32>, %row: tensor<4xf32>, %i: tensor<?x4xi64>, %b: tensor<?x4xi1>) {
  // CHECK: hone.abs %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %0 = hone.abs %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.neg %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %1 = hone.neg %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.ceil %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %2 = hone.ceil %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.floor %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %3 = hone.floor %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.round %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %4 = hone.round %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.sqrt %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %5 = hone.sqrt %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.exp %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %6 = hone.exp %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.log %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %7 = hone.log %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.log1p %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %8 = hone.log1p %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.sin %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %9 = hone.sin %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.cos %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %10 = hone.cos %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.tanh %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %11 = hone.tanh %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.erf %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %12 = hone.erf %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.sigmoid %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %13 = hone.sigmoid %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.relu %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %14 = hone.relu %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.sign %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %15 = hone.sign %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.neg %{{.*}} : tensor<?x4xi64> -> tensor<?x4xi64>
  %16 = hone.neg %i : tensor<?x4xi64> -> tensor<?x4xi64>
  // CHECK: hone.not %{{.*}} : tensor<?x4xi1> -> tensor<?x4xi1>
  %17 = hone.not %b : tensor<?x4xi1> -> tensor<?x4xi1>
  // CHECK: hone.is_nan %{{.*}} : tensor<?x4xf32> -> tensor<?x4xi1>
  %18 = hone.is_nan %f : tensor<?x4xf32> -> tensor<?x4xi1>
  // CHECK: hone.is_inf %{{.*}} : tensor<?x4xf32> -> tensor<?x4xi1>
  %19 = hone.is_inf %f : tensor<?x4xf32> -> tensor<?x4xi1>
  // CHECK: hone.is_inf %{{.*}} {negative = false} : tensor<?x4xf32> -> tensor<?x4xi1>
  %20 = hone.is_inf %f {negative = false} : tensor<?x4xf32> -> tensor<?x4xi1>
  // CHECK: hone.gelu %{{.*}} : tensor<?x4xf32> -> tensor<?x4xf32>
  %21 = hone.gelu %f : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.gelu %{{.*}} {tanh_approximation} : tensor<?x4xf32> -> tensor<?x4xf32>
  %22 = hone.gelu %f {tanh_approximation} : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: hone.cast %{{.*}} : tensor<?x4xf32> -> tensor<?x4xui8>
  %23 = hone.cast %f : tensor<?x4xf32> -> tensor<?x4xui8>
  // CHECK: hone.add %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %24 = hone.add %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.sub %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %25 = hone.sub %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.mul %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %26 = hone.mul %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.div %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %27 = hone.div %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.mod %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %28 = hone.mod %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.pow %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %29 = hone.pow %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.min %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %30 = hone.min %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.max %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %31 = hone.max %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.mod %{{.*}}, %{{.*}} {fmod} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %32 = hone.mod %f, %row {fmod} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: hone.and %{{.*}}, %{{.*}} : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  %33 = hone.and %b, %b : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  // CHECK: hone.or %{{.*}}, %{{.*}} : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  %34 = hone.or %b, %b : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  // CHECK: hone.xor %{{.*}}, %{{.*}} : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  %35 = hone.xor %b, %b : tensor<?x4xi1>, tensor<?x4xi1> -> tensor<?x4xi1>
  // CHECK: hone.equal %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  %36 = hone.equal %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  // CHECK: hone.less %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  %37 = hone.less %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  // CHECK: hone.less_equal %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  %38 = hone.less_equal %f, %row : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  // CHECK: hone.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x4xi1>, tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %39 = hone.select %b, %f, %row : tensor<?x4xi1>, tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}
