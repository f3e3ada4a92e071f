// RUN: hone-opt %s --hone-plan-memory --split-input-file | FileCheck %s

// Two values lie where one lay before that was as large as both: 1024 + 64 bytes, and no more.
// CHECK-LABEL: module @known
// CHECK-DAG: %[[HALF:.*]] = arith.constant 512 : index
// CHECK-DAG: %[[ABOVE:.*]] = arith.constant 1024 : index
// CHECK-DAG: %[[ALL:.*]] = arith.constant 1088 : index
// CHECK: memref.view %{{.*}}[%[[LOW:.*]]][] : memref<?xi8> to memref<256xf32>
// CHECK: memref.view %{{.*}}[%[[ABOVE]]][] : memref<?xi8> to memref<9xf32>
// CHECK: memref.view %{{.*}}[%[[LOW]]][] : memref<?xi8> to memref<128xf32>
// CHECK: memref.view %{{.*}}[%[[HALF]]][] : memref<?xi8> to memref<128xf32>
// CHECK: return %[[ALL]],
module @known attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k1(%a: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %a : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  hone.kernel @k2(%a: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.add %a, %b : tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %a = hone.launch @k1(%x) sizes() : (tensor<8xf32>) -> tensor<256xf32>
    %b = hone.launch @k1(%a) sizes() : (tensor<256xf32>) -> tensor<9xf32>
    %c = hone.launch @k1(%b) sizes() : (tensor<9xf32>) -> tensor<128xf32>
    %d = hone.launch @k2(%b, %c) sizes() : (tensor<9xf32>, tensor<128xf32>) -> tensor<128xf32>
    %y = hone.launch @k2(%c, %d) sizes() : (tensor<128xf32>, tensor<128xf32>) -> tensor<8xf32>
    return %y : tensor<8xf32>
  }
}

// -----

// The same in multiples of n.
// CHECK-LABEL: module @multiples
// CHECK-DAG: %[[ABOVE:.*]] = arith.muli %[[N:.*]], %c1024
// CHECK-DAG: %[[HALF:.*]] = arith.muli %[[N]], %c512
// CHECK-DAG: %[[ALL:.*]] = arith.muli %[[N]], %c1088
// CHECK-NOT: arith.maxsi
// CHECK: memref.view %{{.*}}[%[[LOW:.*]]][%[[N]]] : memref<?xi8> to memref<?x256xf32>
// CHECK: memref.view %{{.*}}[%[[ABOVE]]][%[[N]]] : memref<?xi8> to memref<?x16xf32>
// CHECK: memref.view %{{.*}}[%[[LOW]]][%[[N]]] : memref<?xi8> to memref<?x128xf32>
// CHECK: memref.view %{{.*}}[%[[HALF]]][%[[N]]] : memref<?xi8> to memref<?x128xf32>
// CHECK: return %[[ALL]],
module @multiples attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k1(%a: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %a : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  hone.kernel @k2(%a: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.add %a, %b : tensor<8xf32>, tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<?x8xf32> {hone.dims = ["n", ""]}) -> tensor<?x8xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x8xf32>
    %a = hone.launch @k1(%x) sizes() to(%n) : (tensor<?x8xf32>) -> tensor<?x256xf32>
    %b = hone.launch @k1(%a) sizes() to(%n) : (tensor<?x256xf32>) -> tensor<?x16xf32>
    %c = hone.launch @k1(%b) sizes() to(%n) : (tensor<?x16xf32>) -> tensor<?x128xf32>
    %d = hone.launch @k2(%b, %c) sizes() to(%n) : (tensor<?x16xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    %y = hone.launch @k2(%c, %d) sizes() to(%n) : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Sizes of which a run tells which is larger, and one that is no multiple of 64 bytes.
// CHECK-LABEL: module @unrelated
// CHECK-DAG: %[[A:.*]] = arith.muli %[[N:.*]], %c64
// CHECK-DAG: %[[B:.*]] = arith.muli %{{.*}}, %c64
// CHECK-DAG: %[[C:.*]] = arith.muli %[[M:.*]], %c192
// CHECK-DAG: %[[ABOVE:.*]] = arith.maxsi %[[A]], %[[C]]
// CHECK: %[[ALL:.*]] = arith.addi %[[ABOVE]], %[[B]]
// CHECK: memref.view %{{.*}}[%[[LOW:.*]]][%[[N]]] : memref<?xi8> to memref<?x16xf32>
// CHECK: memref.view %{{.*}}[%[[ABOVE]]][%[[M]]] : memref<?xi8> to memref<?x5xf32>
// CHECK: memref.view %{{.*}}[%[[LOW]]][%[[M]]] : memref<?xi8> to memref<?x48xf32>
// CHECK: return %[[ALL]],
module @unrelated attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k1(%a: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %a : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<?x?xf32> {hone.dims = ["n", "m"]}) -> tensor<?x8xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %m = tensor.dim %x, %c1 : tensor<?x?xf32>
    %a = hone.launch @k1(%x) sizes() to(%n) : (tensor<?x?xf32>) -> tensor<?x16xf32>
    %b = hone.launch @k1(%a) sizes() to(%m) : (tensor<?x16xf32>) -> tensor<?x5xf32>
    %c = hone.launch @k1(%b) sizes() to(%m) : (tensor<?x5xf32>) -> tensor<?x48xf32>
    %y = hone.launch @k1(%c) sizes() to(%n) : (tensor<?x48xf32>) -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
