// RUN: hone-opt %s --hone-fold-weights --split-input-file | FileCheck %s
// RUN: hone-opt %s --hone-fold-weights --split-input-file --remarks-filter=weights 2>&1 | FileCheck %s --check-prefix=REMARK

// Each op on a weight; equal ones share the new weight, and what nothing reads any more is not used.
// CHECK: hone.weight @w : tensor<4x6xf32>
// CHECK-DAG: hone.weight @w_transpose : tensor<6x4xf32> = #hone.transpose<@w, [1, 0]>
// CHECK-DAG: hone.weight @w_slice : tensor<2x3xf32> = #hone.slice<@w, starts = [0, 5], sizes = [2, 3], steps = [2, -1]>
// CHECK-DAG: hone.weight @w_reshape : tensor<24xf32> = #hone.reshape<@w>
// CHECK-DAG: hone.weight @w_concat : tensor<8x6xf32> = #hone.concat<[@w, @v], axis = 0>
// CHECK-DAG: hone.weight @w_cast : tensor<4x6xi8> = #hone.cast<@w>
// CHECK-LABEL: func @each
// CHECK: %[[T:.*]] = hone.use_weight @w_transpose
// CHECK-NEXT: %[[T2:.*]] = hone.use_weight @w_transpose
// CHECK-NEXT: %[[S:.*]] = hone.use_weight @w_slice
// CHECK-NEXT: %[[R:.*]] = hone.use_weight @w_reshape
// CHECK-NEXT: %[[C:.*]] = hone.use_weight @w_concat
// CHECK-NEXT: %[[I:.*]] = hone.use_weight @w_cast
// CHECK-NEXT: return %[[T]], %[[T2]], %[[S]], %[[R]], %[[C]], %[[I]]
hone.weight @w : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
hone.weight @v : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 96, length = 96>
func.func @each() -> (tensor<6x4xf32>, tensor<6x4xf32>, tensor<2x3xf32>, tensor<24xf32>, tensor<8x6xf32>, tensor<4x6xi8>) {
  %c-1 = arith.constant -1 : index
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c24 = arith.constant 24 : index
  %w = hone.use_weight @w : tensor<4x6xf32>
  %again = hone.use_weight @w : tensor<4x6xf32>
  %v = hone.use_weight @v : tensor<4x6xf32>
  %0 = hone.transpose %w [1, 0] : tensor<4x6xf32> -> tensor<6x4xf32>
  %1 = hone.transpose %again [1, 0] : tensor<4x6xf32> -> tensor<6x4xf32>
  %2 = hone.slice %w [%c0, %c5] [%c2, %c3] [%c2, %c-1] : tensor<4x6xf32> -> tensor<2x3xf32>
  %3 = hone.reshape %w [%c24] : tensor<4x6xf32> -> tensor<24xf32>
  %4 = hone.concat %w, %v {axis = 0 : i64} : tensor<4x6xf32>, tensor<4x6xf32> -> tensor<8x6xf32>
  %5 = hone.cast %w : tensor<4x6xf32> -> tensor<4x6xi8>
  return %0, %1, %2, %3, %4, %5 : tensor<6x4xf32>, tensor<6x4xf32>, tensor<2x3xf32>, tensor<24xf32>, tensor<8x6xf32>, tensor<4x6xi8>
}

// -----

// A chain is a chain of weights; a constant in it is one, too. What a recipe of the file makes already is used.
// CHECK: hone.weight @[[C:.*]] : tensor<1x4xf32> = dense
// CHECK: hone.weight @turned : tensor<6x4xf32> = #hone.transpose<@w, [1, 0]>
// CHECK-NEXT: hone.weight @[[J:.*]] : tensor<7x4xf32> = #hone.concat<[@turned, @[[C]]], axis = 0>
// CHECK-NEXT: hone.weight @[[I:.*]] : tensor<7x4xi16> = #hone.cast<@[[J]]>
// CHECK-LABEL: func @chain
// CHECK-NEXT: hone.use_weight @[[I]] : tensor<7x4xi16>
// CHECK-NEXT: return
hone.weight @w : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
hone.weight @turned : tensor<6x4xf32> = #hone.transpose<@w, [1, 0]>
func.func @chain() -> tensor<7x4xi16> {
  %w = hone.use_weight @w : tensor<4x6xf32>
  %row = hone.constant dense<1.0> : tensor<1x4xf32>
  %0 = hone.transpose %w [1, 0] : tensor<4x6xf32> -> tensor<6x4xf32>
  %1 = hone.concat %0, %row {axis = 0 : i64} : tensor<6x4xf32>, tensor<1x4xf32> -> tensor<7x4xf32>
  %2 = hone.cast %1 : tensor<7x4xf32> -> tensor<7x4xi16>
  return %2 : tensor<7x4xi16>
}

// -----

// A cast that makes a matrix four times as large stays, and so does the join of a weight with itself; what is below them
// does not make it larger.
// CHECK-LABEL: func @growth
// CHECK: %[[T:.*]] = hone.use_weight @large_transpose : tensor<256x512xi8>
// CHECK: hone.cast %[[T]]
// CHECK: %[[W:.*]] = hone.use_weight @other : tensor<65536xi8>
// CHECK: hone.concat %[[W]], %[[W]], %[[W]]
// CHECK: hone.use_weight @small_cast
// REMARK: remark: {{.*}}not-folded{{.*}}hone.cast
// REMARK: remark: {{.*}}not-folded{{.*}}hone.concat
hone.weight @large : tensor<512x256xi8> = #hone.file<"model.onnx", offset = 0, length = 131072>
hone.weight @other : tensor<65536xi8> = #hone.file<"model.onnx", offset = 0, length = 65536>
hone.weight @small : tensor<512xi8> = #hone.file<"model.onnx", offset = 0, length = 512>
func.func @growth() -> (tensor<256x512xf32>, tensor<196608xi8>, tensor<512xf32>) {
  %large = hone.use_weight @large : tensor<512x256xi8>
  %0 = hone.transpose %large [1, 0] : tensor<512x256xi8> -> tensor<256x512xi8>
  %1 = hone.cast %0 : tensor<256x512xi8> -> tensor<256x512xf32>
  %other = hone.use_weight @other : tensor<65536xi8>
  %2 = hone.concat %other, %other, %other {axis = 0 : i64} : tensor<65536xi8>, tensor<65536xi8>, tensor<65536xi8> -> tensor<196608xi8>
  %small = hone.use_weight @small : tensor<512xi8>
  %3 = hone.cast %small : tensor<512xi8> -> tensor<512xf32>
  return %1, %2, %3 : tensor<256x512xf32>, tensor<196608xi8>, tensor<512xf32>
}

// -----

// A weight that is read as it is, too, would be there twice; a small part of it may be.
// CHECK-LABEL: func @shared
// CHECK: %[[W:.*]] = hone.use_weight @table : tensor<512x256xf32>
// CHECK: hone.gather %[[W]]
// CHECK: hone.transpose %[[W]]
// CHECK: hone.use_weight @table_slice : tensor<1x256xf32>
hone.weight @table : tensor<512x256xf32> = #hone.file<"model.onnx", offset = 0, length = 524288>
func.func @shared(%ids: tensor<?xi64>) -> (tensor<?x256xf32>, tensor<256x512xf32>, tensor<1x256xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c256 = arith.constant 256 : index
  %w = hone.use_weight @table : tensor<512x256xf32>
  %0 = hone.gather %w, %ids {axis = 0 : i64} : tensor<512x256xf32>, tensor<?xi64> -> tensor<?x256xf32>
  %1 = hone.transpose %w [1, 0] : tensor<512x256xf32> -> tensor<256x512xf32>
  %2 = hone.slice %w [%c1, %c0] [%c1, %c256] [%c1, %c1] : tensor<512x256xf32> -> tensor<1x256xf32>
  return %0, %1, %2 : tensor<?x256xf32>, tensor<256x512xf32>, tensor<1x256xf32>
}

// -----

// All parts of a weight are no larger than it. What data decide on stays.
// CHECK-LABEL: func @parts
// CHECK-DAG: hone.use_weight @qkv_slice : tensor<512x256xf32>
// CHECK-DAG: hone.use_weight @qkv_slice_0 : tensor<512x256xf32>
// CHECK: return
// CHECK-LABEL: func @unknown
// CHECK: hone.slice
hone.weight @qkv : tensor<512x512xf32> = #hone.file<"model.onnx", offset = 0, length = 1048576>
hone.weight @w : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
func.func @parts() -> (tensor<512x256xf32>, tensor<512x256xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c256 = arith.constant 256 : index
  %c512 = arith.constant 512 : index
  %w = hone.use_weight @qkv : tensor<512x512xf32>
  %0 = hone.slice %w [%c0, %c0] [%c512, %c256] [%c1, %c1] : tensor<512x512xf32> -> tensor<512x256xf32>
  %1 = hone.slice %w [%c0, %c256] [%c512, %c256] [%c1, %c1] : tensor<512x512xf32> -> tensor<512x256xf32>
  return %0, %1 : tensor<512x256xf32>, tensor<512x256xf32>
}
func.func @unknown(%n: tensor<?xf32>) -> tensor<?x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %size = tensor.dim %n, %c0 : tensor<?xf32>
  %w = hone.use_weight @w : tensor<4x6xf32>
  %0 = hone.slice %w [%c0, %c0] [%size, %c6] [%c1, %c1] : tensor<4x6xf32> -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Constants alone whose result is no constant any more, but a weight; one number for all elements is made by kernels.
// CHECK-LABEL: func @constants
// CHECK-NOT: hone.cast
// CHECK: hone.use_weight @constant_cast : tensor<260xf32>
// CHECK-NOT: hone.cast
// CHECK: hone.use_weight @constant_concat : tensor<1300xi8>
// CHECK: %[[ONE:.*]] = hone.constant dense<1>
// CHECK: hone.cast %[[ONE]]
func.func @constants() -> (tensor<260xf32>, tensor<1300xi8>, tensor<2000xf32>) {
  %0 = hone.constant dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708"> : tensor<260xi8>
  %1 = hone.cast %0 : tensor<260xi8> -> tensor<260xf32>
  %2 = hone.concat %0, %0, %0, %0, %0 {axis = 0 : i64} : tensor<260xi8>, tensor<260xi8>, tensor<260xi8>, tensor<260xi8>, tensor<260xi8> -> tensor<1300xi8>
  %one = hone.constant dense<1> : tensor<2000xi8>
  %3 = hone.cast %one : tensor<2000xi8> -> tensor<2000xf32>
  return %1, %2, %3 : tensor<260xf32>, tensor<1300xi8>, tensor<2000xf32>
}
