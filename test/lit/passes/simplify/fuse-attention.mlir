// RUN: hone-opt %s --hone-fuse-patterns --canonicalize --split-input-file | FileCheck %s

// BERT by the TorchScript exporter: keys transposed to [0, 2, 3, 1], scores divided, mask added.
// CHECK-LABEL: func @torchscript
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]: {{[^%]*}}%[[M:[^:]*]]:
// CHECK-NEXT: %[[Y:.*]] = hone.attention %[[Q]], %[[K]], %[[V]], %[[M]] {scale = 0.176776692 : f32}
// CHECK-NEXT: return %[[Y]]
func.func @torchscript(%q: tensor<?x?x12x32xf32> {hone.dims = ["batch", "sequence", "", ""]},
                       %k: tensor<?x?x12x32xf32> {hone.dims = ["batch", "sequence", "", ""]},
                       %v: tensor<?x?x12x32xf32> {hone.dims = ["batch", "sequence", "", ""]},
                       %m: tensor<?x1x1x?xf32> {hone.dims = ["batch", "", "", "sequence"]}) -> tensor<?x?x12x32xf32> {
  %root = hone.constant dense<5.65685415> : tensor<f32>
  %0 = hone.transpose %q [0, 2, 1, 3] : tensor<?x?x12x32xf32> -> tensor<?x12x?x32xf32>
  %1 = hone.transpose %k [0, 2, 3, 1] : tensor<?x?x12x32xf32> -> tensor<?x12x32x?xf32>
  %2 = hone.transpose %v [0, 2, 1, 3] : tensor<?x?x12x32xf32> -> tensor<?x12x?x32xf32>
  %3 = hone.matmul %0, %1 : tensor<?x12x?x32xf32>, tensor<?x12x32x?xf32> -> tensor<?x12x?x?xf32>
  %4 = hone.div %3, %root : tensor<?x12x?x?xf32>, tensor<f32> -> tensor<?x12x?x?xf32>
  %5 = hone.add %4, %m : tensor<?x12x?x?xf32>, tensor<?x1x1x?xf32> -> tensor<?x12x?x?xf32>
  %6 = hone.softmax %5 {axis = 3 : i64} : tensor<?x12x?x?xf32> -> tensor<?x12x?x?xf32>
  %7 = hone.matmul %6, %2 : tensor<?x12x?x?xf32>, tensor<?x12x?x32xf32> -> tensor<?x12x?x32xf32>
  %8 = hone.transpose %7 [0, 2, 1, 3] : tensor<?x12x?x32xf32> -> tensor<?x?x12x32xf32>
  return %8 : tensor<?x?x12x32xf32>
}

// -----

// scaled_dot_product_attention: queries and keys each multiplied by the fourth root; cross attention, no mask.
// CHECK-LABEL: func @scaled_operands
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
// CHECK-NEXT: %[[Y:.*]] = hone.attention %[[Q]], %[[K]], %[[V]] {scale = 0.12499
// CHECK-SAME: tensor<2x7x12x64xf32>, tensor<2x9x12x64xf32>, tensor<2x9x12x48xf32> -> tensor<2x7x12x48xf32>
// CHECK-NEXT: return %[[Y]]
func.func @scaled_operands(%q: tensor<2x7x12x64xf32>, %k: tensor<2x9x12x64xf32>, %v: tensor<2x9x12x48xf32>) -> tensor<2x7x12x48xf32> {
  %root = hone.constant dense<0.353553385> : tensor<f32>
  %0 = hone.transpose %q [0, 2, 1, 3] : tensor<2x7x12x64xf32> -> tensor<2x12x7x64xf32>
  %1 = hone.transpose %k [0, 2, 3, 1] : tensor<2x9x12x64xf32> -> tensor<2x12x64x9xf32>
  %2 = hone.transpose %v [0, 2, 1, 3] : tensor<2x9x12x48xf32> -> tensor<2x12x9x48xf32>
  %3 = hone.mul %0, %root : tensor<2x12x7x64xf32>, tensor<f32> -> tensor<2x12x7x64xf32>
  %4 = hone.mul %root, %1 : tensor<f32>, tensor<2x12x64x9xf32> -> tensor<2x12x64x9xf32>
  %5 = hone.matmul %3, %4 : tensor<2x12x7x64xf32>, tensor<2x12x64x9xf32> -> tensor<2x12x7x9xf32>
  %6 = hone.softmax %5 {axis = 3 : i64} : tensor<2x12x7x9xf32> -> tensor<2x12x7x9xf32>
  %7 = hone.matmul %6, %2 : tensor<2x12x7x9xf32>, tensor<2x12x9x48xf32> -> tensor<2x12x7x48xf32>
  %8 = hone.transpose %7 [0, 2, 1, 3] : tensor<2x12x7x48xf32> -> tensor<2x7x12x48xf32>
  return %8 : tensor<2x7x12x48xf32>
}

// -----

// Keys as the right operand of a transposed product (Gemm's transB); a mask [queries, keys] on the left of the sum.
// CHECK-LABEL: func @transposed_rhs
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]: {{[^%]*}}%[[M:[^:]*]]:
// CHECK-DAG: %[[QT:.*]] = hone.transpose %[[Q]] [0, 2, 1, 3]
// CHECK-DAG: %[[KT:.*]] = hone.transpose %[[K]] [0, 2, 1, 3]
// CHECK-DAG: %[[VT:.*]] = hone.transpose %[[V]] [0, 2, 1, 3]
// CHECK: %[[Y:.*]] = hone.attention %[[QT]], %[[KT]], %[[VT]], %[[M]] {scale = 1.000000e+00 : f32}
// CHECK: hone.transpose %[[Y]] [0, 2, 1, 3]
func.func @transposed_rhs(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x7x8xf32>, %v: tensor<1x4x7x8xf32>, %m: tensor<7x7xf32>) -> tensor<1x4x7x8xf32> {
  %0 = hone.matmul %q, %k {transpose_rhs} : tensor<1x4x7x8xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.add %m, %0 : tensor<7x7xf32>, tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %3 : tensor<1x4x7x8xf32>
}

// -----

// The probabilities are an output too.
// CHECK-LABEL: func @probabilities_used
// CHECK-NOT: hone.attention
func.func @probabilities_used(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>) -> (tensor<1x4x7x8xf32>, tensor<1x4x7x7xf32>) {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.softmax %0 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.matmul %1, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %2, %1 : tensor<1x4x7x8xf32>, tensor<1x4x7x7xf32>
}

// -----

// Softmax over queries.
// CHECK-LABEL: func @wrong_axis
// CHECK-NOT: hone.attention
func.func @wrong_axis(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>) -> tensor<1x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.softmax %0 {axis = 2 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.matmul %1, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %2 : tensor<1x4x7x8xf32>
}

// -----

// The scale differs from key to key: it is a mask by multiplication.
// CHECK-LABEL: func @scale_per_key
// CHECK-NOT: hone.attention
func.func @scale_per_key(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>, %s: tensor<7xf32>) -> tensor<1x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.mul %0, %s : tensor<1x4x7x7xf32>, tensor<7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %3 : tensor<1x4x7x8xf32>
}

// -----

// A mask of rank 5 widens the scores.
// CHECK-LABEL: func @wide_mask
// CHECK-NOT: hone.attention
func.func @wide_mask(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>, %m: tensor<3x1x1x1x7xf32>) -> tensor<3x1x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.add %0, %m : tensor<1x4x7x7xf32>, tensor<3x1x1x1x7xf32> -> tensor<3x1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 4 : i64} : tensor<3x1x4x7x7xf32> -> tensor<3x1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<3x1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<3x1x4x7x8xf32>
  return %3 : tensor<3x1x4x7x8xf32>
}

// -----

// The mask's batch has another name than the scores': a batch of one would be widened by it.
// CHECK-LABEL: func @unknown_batch
// CHECK-NOT: hone.attention
func.func @unknown_batch(%q: tensor<?x4x7x8xf32> {hone.dims = ["batch", "", "", ""]},
                         %k: tensor<?x4x8x7xf32> {hone.dims = ["batch", "", "", ""]},
                         %v: tensor<?x4x7x8xf32> {hone.dims = ["batch", "", "", ""]},
                         %m: tensor<?x1x1x7xf32> {hone.dims = ["masks", "", "", ""]}) -> tensor<?x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<?x4x7x8xf32>, tensor<?x4x8x7xf32> -> tensor<?x4x7x7xf32>
  %1 = hone.add %0, %m : tensor<?x4x7x7xf32>, tensor<?x1x1x7xf32> -> tensor<?x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<?x4x7x7xf32> -> tensor<?x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<?x4x7x7xf32>, tensor<?x4x7x8xf32> -> tensor<?x4x7x8xf32>
  return %3 : tensor<?x4x7x8xf32>
}

// -----

// Keys of one head, shared by all queries' heads.
// CHECK-LABEL: func @one_key_head
// CHECK-NOT: hone.attention
func.func @one_key_head(%q: tensor<1x4x7x8xf32>, %k: tensor<1x1x8x7xf32>, %v: tensor<1x4x7x8xf32>) -> tensor<1x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x1x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.softmax %0 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.matmul %1, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %2 : tensor<1x4x7x8xf32>
}

// -----

// torch.onnx.export(dynamo=True): a guard makes rows without a softmax zero, a boolean mask was turned into numbers.
// CHECK-LABEL: func @guard
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]: {{[^%]*}}%[[C:[^:]*]]:
// CHECK: %[[M:.*]] = hone.select %[[C]]
// CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[M]] {guarded, scale = 0.176776{{[0-9]*}} : f32}
// CHECK-NOT: hone.is_nan
func.func @guard(%q: tensor<1x4x7x32xf32>, %k: tensor<1x4x32x7xf32>, %v: tensor<1x4x7x32xf32>, %c: tensor<1x1x7x7xi1>) -> tensor<1x4x7x32xf32> {
  %zero = hone.constant dense<0.0> : tensor<f32>
  %least = hone.constant dense<-3.40282347E+38> : tensor<f32>
  %root = hone.constant dense<0.420448214> : tensor<f32>
  %0 = hone.mul %q, %root : tensor<1x4x7x32xf32>, tensor<f32> -> tensor<1x4x7x32xf32>
  %1 = hone.mul %k, %root : tensor<1x4x32x7xf32>, tensor<f32> -> tensor<1x4x32x7xf32>
  %2 = hone.select %c, %zero, %least : tensor<1x1x7x7xi1>, tensor<f32>, tensor<f32> -> tensor<1x1x7x7xf32>
  %3 = hone.matmul %0, %1 : tensor<1x4x7x32xf32>, tensor<1x4x32x7xf32> -> tensor<1x4x7x7xf32>
  %4 = hone.add %3, %2 : tensor<1x4x7x7xf32>, tensor<1x1x7x7xf32> -> tensor<1x4x7x7xf32>
  %5 = hone.softmax %4 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %6 = hone.is_nan %5 : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xi1>
  %7 = hone.select %6, %zero, %5 : tensor<1x4x7x7xi1>, tensor<f32>, tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %8 = hone.matmul %7, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x32xf32> -> tensor<1x4x7x32xf32>
  return %8 : tensor<1x4x7x32xf32>
}

// -----

// Another value than 0 for rows without a softmax.
// CHECK-LABEL: func @other_guard
// CHECK-NOT: hone.attention
func.func @other_guard(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>) -> tensor<1x4x7x8xf32> {
  %one = hone.constant dense<1.0> : tensor<f32>
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.softmax %0 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.is_nan %1 : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xi1>
  %3 = hone.select %2, %one, %1 : tensor<1x4x7x7xi1>, tensor<f32>, tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %4 = hone.matmul %3, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %4 : tensor<1x4x7x8xf32>
}

// -----

// CHECK-LABEL: func @f64
// CHECK-NOT: hone.attention
func.func @f64(%q: tensor<1x4x7x8xf64>, %k: tensor<1x4x8x7xf64>, %v: tensor<1x4x7x8xf64>) -> tensor<1x4x7x8xf64> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf64>, tensor<1x4x8x7xf64> -> tensor<1x4x7x7xf64>
  %1 = hone.softmax %0 {axis = 3 : i64} : tensor<1x4x7x7xf64> -> tensor<1x4x7x7xf64>
  %2 = hone.matmul %1, %v : tensor<1x4x7x7xf64>, tensor<1x4x7x8xf64> -> tensor<1x4x7x8xf64>
  return %2 : tensor<1x4x7x8xf64>
}

// -----

// A divisor so small that its inverse is no f32.
// CHECK-LABEL: func @subnormal_scale
// CHECK-NOT: hone.attention
func.func @subnormal_scale(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>) -> tensor<1x4x7x8xf32> {
  %tiny = hone.constant dense<1.0e-40> : tensor<f32>
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.div %0, %tiny : tensor<1x4x7x7xf32>, tensor<f32> -> tensor<1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %3 : tensor<1x4x7x8xf32>
}

// -----

// GPT-2: scores outside the triangle are replaced.
// CHECK-LABEL: func @replaced
// CHECK-SAME: %[[C:[^:]*]]: tensor<7x7xi1>
// CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[C]] {fill = -1.000000e+04 : f32, scale = 2.500000e-01 : f32}
func.func @replaced(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>, %c: tensor<7x7xi1>) -> tensor<1x4x7x8xf32> {
  %four = hone.constant dense<4.0> : tensor<f32>
  %fill = hone.constant dense<-1.0e+4> : tensor<f32>
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.div %0, %four : tensor<1x4x7x7xf32>, tensor<f32> -> tensor<1x4x7x7xf32>
  %2 = hone.select %c, %1, %fill : tensor<7x7xi1>, tensor<1x4x7x7xf32>, tensor<f32> -> tensor<1x4x7x7xf32>
  %3 = hone.softmax %2 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %4 = hone.matmul %3, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %4 : tensor<1x4x7x8xf32>
}

// -----

// masked_fill: true is where the fill goes.
// CHECK-LABEL: func @masked_fill
// CHECK-SAME: %[[C:[^:]*]]: tensor<1x1x1x7xi1>
// CHECK: %[[KEPT:.*]] = hone.not %[[C]]
// CHECK: hone.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[KEPT]] {fill = 0xFF800000 : f32, scale = 1.000000e+00 : f32}
func.func @masked_fill(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>, %c: tensor<1x1x1x7xi1>) -> tensor<1x4x7x8xf32> {
  %fill = hone.constant dense<0xFF800000> : tensor<f32>
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.select %c, %fill, %0 : tensor<1x1x1x7xi1>, tensor<f32>, tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %3 : tensor<1x4x7x8xf32>
}

// -----

// What replaces scores is no number but another tensor.
// CHECK-LABEL: func @other_scores
// CHECK-NOT: hone.attention
func.func @other_scores(%q: tensor<1x4x7x8xf32>, %k: tensor<1x4x8x7xf32>, %v: tensor<1x4x7x8xf32>, %c: tensor<7x7xi1>, %o: tensor<7x7xf32>) -> tensor<1x4x7x8xf32> {
  %0 = hone.matmul %q, %k : tensor<1x4x7x8xf32>, tensor<1x4x8x7xf32> -> tensor<1x4x7x7xf32>
  %1 = hone.select %c, %0, %o : tensor<7x7xi1>, tensor<1x4x7x7xf32>, tensor<7x7xf32> -> tensor<1x4x7x7xf32>
  %2 = hone.softmax %1 {axis = 3 : i64} : tensor<1x4x7x7xf32> -> tensor<1x4x7x7xf32>
  %3 = hone.matmul %2, %v : tensor<1x4x7x7xf32>, tensor<1x4x7x8xf32> -> tensor<1x4x7x8xf32>
  return %3 : tensor<1x4x7x8xf32>
}

// -----

// Llama with a cache: each of 2 heads of keys and values serves 3 heads of queries. The mask's length is another symbol,
// but values are as many as keys, so no longer mask would be taken.
// CHECK-LABEL: func @grouped
// CHECK-SAME: %[[M:[^:]*]]: tensor<1x1x?x?xf32>
// CHECK-DAG: %[[K:.*]] = hone.concat %arg1, %arg2
// CHECK-DAG: %[[V:.*]] = hone.concat %arg1, %arg3
// CHECK-DAG: %[[KEYS:.*]] = hone.transpose %[[K]] [0, 2, 1, 3] : tensor<1x2x?x8xf32> -> tensor<1x?x2x8xf32>
// CHECK-DAG: %[[VALUES:.*]] = hone.transpose %[[V]] [0, 2, 1, 3] : tensor<1x2x?x8xf32> -> tensor<1x?x2x8xf32>
// CHECK: hone.attention %{{.*}}, %[[KEYS]], %[[VALUES]], %[[M]] {scale = 1.000000e+00 : f32}
func.func @grouped(%q: tensor<1x6x?x8xf32> {hone.dims = ["", "", "s", ""]}, %past: tensor<1x2x?x8xf32> {hone.dims = ["", "", "p", ""]},
                   %newk: tensor<1x2x?x8xf32> {hone.dims = ["", "", "s", ""]}, %newv: tensor<1x2x?x8xf32> {hone.dims = ["", "", "s", ""]},
                   %m: tensor<1x1x?x?xf32> {hone.dims = ["", "", "s", "u"]}) -> tensor<1x6x?x8xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %p = tensor.dim %past, %c2 : tensor<1x2x?x8xf32>
  %s = tensor.dim %newk, %c2 : tensor<1x2x?x8xf32>
  %t = arith.addi %p, %s : index
  %k = hone.concat %past, %newk {axis = 2 : i64} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32> -> tensor<1x2x?x8xf32>
  %v = hone.concat %past, %newv {axis = 2 : i64} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32> -> tensor<1x2x?x8xf32>
  %0 = hone.reshape %k[%c1, %c2, %c1, %t, %c8] : tensor<1x2x?x8xf32> -> tensor<1x2x1x?x8xf32>
  %1 = hone.expand %0[%c1, %c2, %c3, %t, %c8] : tensor<1x2x1x?x8xf32> -> tensor<1x2x3x?x8xf32>
  %2 = hone.reshape %1[%c1, %c6, %t, %c8] : tensor<1x2x3x?x8xf32> -> tensor<1x6x?x8xf32>
  %3 = hone.reshape %v[%c1, %c2, %c1, %t, %c8] : tensor<1x2x?x8xf32> -> tensor<1x2x1x?x8xf32>
  %4 = hone.expand %3[%c1, %c2, %c3, %t, %c8] : tensor<1x2x1x?x8xf32> -> tensor<1x2x3x?x8xf32>
  %5 = hone.reshape %4[%c1, %c6, %t, %c8] : tensor<1x2x3x?x8xf32> -> tensor<1x6x?x8xf32>
  %6 = hone.transpose %2 [0, 1, 3, 2] : tensor<1x6x?x8xf32> -> tensor<1x6x8x?xf32>
  %7 = hone.matmul %q, %6 : tensor<1x6x?x8xf32>, tensor<1x6x8x?xf32> -> tensor<1x6x?x?xf32>
  %8 = hone.add %7, %m : tensor<1x6x?x?xf32>, tensor<1x1x?x?xf32> -> tensor<1x6x?x?xf32>
  %9 = hone.softmax %8 {axis = 3 : i64} : tensor<1x6x?x?xf32> -> tensor<1x6x?x?xf32>
  %10 = hone.matmul %9, %5 : tensor<1x6x?x?xf32>, tensor<1x6x?x8xf32> -> tensor<1x6x?x8xf32>
  return %10 : tensor<1x6x?x8xf32>
}

// -----

// Heads in the other order: head 0 reads group 0, head 1 group 1, head 2 group 0 again.
// CHECK-LABEL: func @interleaved
// CHECK: hone.attention {{.*}} : tensor<1x7x6x8xf32>, tensor<1x5x6x8xf32>, tensor<1x5x6x8xf32>
func.func @interleaved(%q: tensor<1x6x7x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x6x5x8xf32>) -> tensor<1x6x7x8xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %0 = hone.reshape %k[%c1, %c1, %c2, %c5, %c8] : tensor<1x2x5x8xf32> -> tensor<1x1x2x5x8xf32>
  %1 = hone.expand %0[%c1, %c3, %c2, %c5, %c8] : tensor<1x1x2x5x8xf32> -> tensor<1x3x2x5x8xf32>
  %2 = hone.reshape %1[%c1, %c6, %c5, %c8] : tensor<1x3x2x5x8xf32> -> tensor<1x6x5x8xf32>
  %3 = hone.matmul %q, %2 {transpose_rhs} : tensor<1x6x7x8xf32>, tensor<1x6x5x8xf32> -> tensor<1x6x7x5xf32>
  %4 = hone.softmax %3 {axis = 3 : i64} : tensor<1x6x7x5xf32> -> tensor<1x6x7x5xf32>
  %5 = hone.matmul %4, %v : tensor<1x6x7x5xf32>, tensor<1x6x5x8xf32> -> tensor<1x6x7x8xf32>
  return %5 : tensor<1x6x7x8xf32>
}
