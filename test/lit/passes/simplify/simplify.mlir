// RUN: hone-opt %s --hone-simplify | FileCheck %s

// A layer as torch.onnx.export(dynamo=True) writes it: keys transposed through joined heads, scales on both operands, a guard.
// CHECK-NOT: @unused
// CHECK: hone.weight @query
hone.weight @unused : tensor<2x2xf32> = #hone.file<"model.onnx", offset = 0, length = 16>
hone.weight @query : tensor<384x384xf32> = #hone.file<"model.onnx", offset = 64, length = 589824>

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x?x384xf32> {{.*}}, %[[M:[^:]*]]: tensor<?x1x1x?xf32>
// CHECK: %[[W:.*]] = hone.use_weight @query
// CHECK-NEXT: %[[P:.*]] = hone.matmul %[[X]], %[[W]]
// CHECK-NEXT: %[[Q:.*]] = hone.reshape %[[P]]
// CHECK-NEXT: %[[A:.*]] = hone.attention %[[Q]], %[[Q]], %[[Q]], %[[M]] {guarded, scale = 0.17677{{[0-9]*}} : f32}
// CHECK-NEXT: %[[R:.*]] = hone.reshape %[[A]]
// CHECK-NEXT: %[[Y:.*]] = hone.gelu %[[R]]
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<?x?x384xf32> {hone.dims = ["batch", "sequence", ""]},
                %mask: tensor<?x1x1x?xf32> {hone.dims = ["batch", "", "", "sequence"]}) -> tensor<?x?x384xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c12 = arith.constant 12 : index
  %c32 = arith.constant 32 : index
  %c384 = arith.constant 384 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x384xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x384xf32>
  %bh = arith.muli %b, %c12 : index
  %zero = hone.constant dense<0.0> : tensor<f32>
  %size = hone.constant dense<32.0> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %two = hone.constant dense<2.0> : tensor<f32>
  %half = hone.constant dense<0.5> : tensor<f32>

  // The scale is computed: 1 / √√32.
  %root = hone.sqrt %size : tensor<f32> -> tensor<f32>
  %fourth = hone.sqrt %root : tensor<f32> -> tensor<f32>
  %scale = hone.div %one, %fourth : tensor<f32>, tensor<f32> -> tensor<f32>

  %w = hone.use_weight @query : tensor<384x384xf32>
  %0 = hone.matmul %x, %w : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
  %1 = hone.reshape %0 [%b, %s, %c12, %c32] : tensor<?x?x384xf32> -> tensor<?x?x12x32xf32>
  %2 = hone.transpose %1 [0, 2, 1, 3] : tensor<?x?x12x32xf32> -> tensor<?x12x?x32xf32>
  %3 = hone.reshape %2 [%bh, %s, %c32] : tensor<?x12x?x32xf32> -> tensor<?x?x32xf32>
  %4 = hone.transpose %3 [0, 2, 1] : tensor<?x?x32xf32> -> tensor<?x32x?xf32>
  %5 = hone.reshape %4 [%b, %c12, %c32, %s] : tensor<?x32x?xf32> -> tensor<?x12x32x?xf32>
  %6 = hone.mul %2, %scale : tensor<?x12x?x32xf32>, tensor<f32> -> tensor<?x12x?x32xf32>
  %7 = hone.mul %5, %scale : tensor<?x12x32x?xf32>, tensor<f32> -> tensor<?x12x32x?xf32>
  %8 = hone.matmul %6, %7 : tensor<?x12x?x32xf32>, tensor<?x12x32x?xf32> -> tensor<?x12x?x?xf32>
  %9 = hone.add %8, %mask : tensor<?x12x?x?xf32>, tensor<?x1x1x?xf32> -> tensor<?x12x?x?xf32>
  %10 = hone.softmax %9 {axis = 3 : i64} : tensor<?x12x?x?xf32> -> tensor<?x12x?x?xf32>
  %11 = hone.is_nan %10 : tensor<?x12x?x?xf32> -> tensor<?x12x?x?xi1>
  %12 = hone.select %11, %zero, %10 : tensor<?x12x?x?xi1>, tensor<f32>, tensor<?x12x?x?xf32> -> tensor<?x12x?x?xf32>
  %13 = hone.matmul %12, %2 : tensor<?x12x?x?xf32>, tensor<?x12x?x32xf32> -> tensor<?x12x?x32xf32>
  %14 = hone.transpose %13 [0, 2, 1, 3] : tensor<?x12x?x32xf32> -> tensor<?x?x12x32xf32>
  %15 = hone.reshape %14 [%b, %s, %c384] : tensor<?x?x12x32xf32> -> tensor<?x?x384xf32>

  %root2 = hone.sqrt %two : tensor<f32> -> tensor<f32>
  %16 = hone.div %15, %root2 : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %17 = hone.erf %16 : tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %18 = hone.add %17, %one : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  %19 = hone.mul %15, %18 : tensor<?x?x384xf32>, tensor<?x?x384xf32> -> tensor<?x?x384xf32>
  %20 = hone.mul %19, %half : tensor<?x?x384xf32>, tensor<f32> -> tensor<?x?x384xf32>
  return %20 : tensor<?x?x384xf32>
}
