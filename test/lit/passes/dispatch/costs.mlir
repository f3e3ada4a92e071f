// RUN: hone-opt %s --hone-dispatch --split-input-file | FileCheck %s

// What a launch is predicted to take: nanoseconds on one core. A dim that is open counts as 128, so that a kernel with
// dims of 128 costs the same.
// CHECK-LABEL: module @open
// CHECK: hone.kernel @k0_add({{.*}} attributes {cost = [[COST:[1-9][0-9]*]] : i64, family = "generic"
// CHECK-LABEL: module @pinned
// CHECK: hone.kernel @k0_add({{.*}} attributes {cost = [[COST]] : i64, family = "generic"
module @open attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "">} {
  func.func @main(%x: tensor<?x384xf32> {hone.dims = ["n", ""], hone.name = "x"}, %b: tensor<384xf32> {hone.dims = [""], hone.name = "b"}) -> (tensor<?x384xf32> {hone.name = "y"}) {
    %0 = hone.add %x, %b : tensor<?x384xf32>, tensor<384xf32> -> tensor<?x384xf32>
    return %0 : tensor<?x384xf32>
  }
}

// -----

module @pinned attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "">} {
  func.func @main(%x: tensor<128x384xf32> {hone.dims = ["", ""], hone.name = "x"}, %b: tensor<384xf32> {hone.dims = [""], hone.name = "b"}) -> (tensor<128x384xf32> {hone.name = "y"}) {
    %0 = hone.add %x, %b : tensor<128x384xf32>, tensor<384xf32> -> tensor<128x384xf32>
    return %0 : tensor<128x384xf32>
  }
}

// -----

// 2 * 128 * 512 * 512 operations are 67 million: at 10 to 1000 a nanosecond, 0.1 to 7 ms.
// CHECK-LABEL: module @product
// CHECK: hone.kernel @k0_matmul({{.*}} attributes {cost = {{[1-9][0-9][0-9][0-9][0-9][0-9][0-9]?}} : i64, family = "matmul"
module @product attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<128x512xf32> {hone.dims = ["", ""], hone.name = "x"}, %w: tensor<512x512xf32> {hone.dims = ["", ""], hone.name = "w"}) -> (tensor<128x512xf32> {hone.name = "y"}) {
    %0 = hone.matmul %x, %w : tensor<128x512xf32>, tensor<512x512xf32> -> tensor<128x512xf32>
    return %0 : tensor<128x512xf32>
  }
}

// -----

// Dims beyond all memory, and none at all.
// CHECK-LABEL: module @extremes
// CHECK-DAG: hone.kernel @k0_add({{.*}} attributes {cost = {{[1-9][0-9]*}} : i64
// CHECK-DAG: hone.kernel @k1_add({{.*}} attributes {cost = {{[0-9]+}} : i64
module @extremes attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "">} {
  func.func @main(%x: tensor<576460752303423488xi8> {hone.dims = [""], hone.name = "x"}, %z: tensor<0xf32> {hone.dims = [""], hone.name = "z"}) -> (tensor<576460752303423488xi8> {hone.name = "y"}, tensor<0xf32> {hone.name = "n"}) {
    %0 = hone.add %x, %x : tensor<576460752303423488xi8>, tensor<576460752303423488xi8> -> tensor<576460752303423488xi8>
    %1 = hone.add %z, %z : tensor<0xf32>, tensor<0xf32> -> tensor<0xf32>
    return %0, %1 : tensor<576460752303423488xi8>, tensor<0xf32>
  }
}

// -----

// Of a table, what is read counts: four rows take below 10 us, all of them would take milliseconds.
// CHECK-LABEL: module @table
// CHECK: hone.kernel @k0_gather({{.*}} attributes {cost = {{[0-9][0-9]?[0-9]?[0-9]?}} : i64
module @table attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<30522x384xf32> {hone.dims = ["", ""], hone.name = "x"}, %i: tensor<4xi64> {hone.dims = [""], hone.name = "i"}) -> (tensor<4x384xf32> {hone.name = "y"}) {
    %0 = hone.gather %x, %i {axis = 0 : i64} : tensor<30522x384xf32>, tensor<4xi64> -> tensor<4x384xf32>
    return %0 : tensor<4x384xf32>
  }
}
