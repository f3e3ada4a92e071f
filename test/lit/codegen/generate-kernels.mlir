// RUN: hone-opt %s --hone-generate-kernels | FileCheck %s

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {

// A softmax is three loops over a row: the greatest element, where NaN need not be kept; the powers, which stand in the
// result, and their sum; the quotient, with one division a row. Once a row has been read, the next one is asked for.
// CHECK-LABEL: module @rows
// CHECK: func.func @model.rows.f32.v3.{{[^ ]*}}body(%[[X:.*]]: memref<1xf32> {{.*}}llvm.noalias{{.*}}, %[[Y:.*]]: memref<1xf32> {{.*}}llvm.noalias
// CHECK: %[[SOURCE:.*]] = memref.reinterpret_cast %[[X]]
// CHECK: %[[RESULT:.*]] = memref.reinterpret_cast %[[Y]]
// CHECK: scf.for
// CHECK:   %[[MAX:.*]] = scf.for {{.*}} iter_args
// CHECK:     arith.maxnumf {{.*}} fastmath<nnan,nsz>
// CHECK:   scf.if
// CHECK:     scf.for
// CHECK:       memref.prefetch %[[SOURCE]][{{.*}}], read, locality<3>, data
// CHECK:   %[[SUM:.*]] = scf.for {{.*}} iter_args
// CHECK:     %[[P:.*]] = math.exp {{.*}} {hone.nonpositive}
// CHECK:     memref.store %[[P]], %[[RESULT]][
// CHECK:     arith.addf {{.*}} fastmath<reassoc,contract>
// CHECK:   scf.for
// CHECK-NOT: math.exp
// CHECK:     %[[Q:.*]] = memref.load %[[RESULT]]
// CHECK:     %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[SUM]]
// CHECK:     arith.mulf %[[Q]], %[[INVERSE]]
hone.kernel @rows(%x: tensor<?x?xf32> {hone.sizes = array<i64: 1, 2>}, %n: index, %m: index) -> tensor<?x?xf32> {
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<?x?xf32> -> tensor<?x?xf32>
  hone.return %0 : tensor<?x?xf32>
}

// A short row comes by itself.
// CHECK-LABEL: module @short
// CHECK: arith.maxnumf
// CHECK-NOT: scf.if
// CHECK-NOT: memref.prefetch
hone.kernel @short(%x: tensor<?x16xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?x16xf32> {
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<?x16xf32> -> tensor<?x16xf32>
  hone.return %0 : tensor<?x16xf32>
}

// What a softmax knows of its parts, nobody else can claim.
// CHECK-LABEL: module @claimed
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK-NOT: hone.nonpositive
hone.kernel @claimed(%x: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %0 = hone.reduce max %x [1] {keepdims, hone.numbers} : tensor<4x16xf32> -> tensor<4x1xf32>
  %1 = hone.exp %0 {hone.nonpositive} : tensor<4x1xf32> -> tensor<4x1xf32>
  %2 = hone.mul %x, %1 : tensor<4x16xf32>, tensor<4x1xf32> -> tensor<4x16xf32>
  hone.return %2 : tensor<4x16xf32>
}

// Across the innermost dim, the lanes of every loop are neighbouring columns; the greatest element and the sum of each
// stand on the stack.
// CHECK-LABEL: module @across
// CHECK-NOT: memref.prefetch
// CHECK: %[[MAX:.*]] = memref.alloca() : memref<64xf64>
// CHECK: %[[SUM:.*]] = memref.alloca() : memref<64xf64>
// CHECK: scf.for
// CHECK:   scf.for %[[LANE:.*]] = {{.*}} {
// CHECK:     memref.store %{{.*}}, %[[MAX]][%[[LANE]]]
// CHECK:   scf.for
// CHECK-NOT: iter_args
// CHECK:     scf.for %[[LANE:.*]] = {{.*}} {
// CHECK:       %[[PARTIAL:.*]] = memref.load %[[MAX]][%[[LANE]]]
// CHECK:       %[[GREATEST:.*]] = arith.maxnumf %[[PARTIAL]]
// CHECK:       memref.store %[[GREATEST]], %[[MAX]][%[[LANE]]]
// CHECK:     math.exp
// CHECK:     memref.store %{{.*}}, %[[SUM]]
hone.kernel @across(%x: tensor<?x7x?xf64> {hone.sizes = array<i64: 1, 2>}, %n: index, %m: index) -> tensor<?x7x?xf64> {
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<?x7x?xf64> -> tensor<?x7x?xf64>
  hone.return %0 : tensor<?x7x?xf64>
}

// Behind a transposition other rows are read than the one at hand: each element computes its reductions itself.
// CHECK-LABEL: module @moved
// CHECK: scf.for
// CHECK-NOT: iter_args
// CHECK: scf.for %{{.*}} step %{{[a-z0-9_]+}} {
// CHECK-NOT: memref.store
// CHECK: arith.maxnumf
// CHECK-NOT: memref.store
// CHECK: math.sqrt
// CHECK: memref.store
// CHECK-NOT: memref.store
hone.kernel @moved(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %0 = hone.softmax %x {axis = 1 : i64} : tensor<16x16xf32> -> tensor<16x16xf32>
  %1 = hone.sqrt %0 : tensor<16x16xf32> -> tensor<16x16xf32>
  %2 = hone.transpose %1 [1, 0] : tensor<16x16xf32> -> tensor<16x16xf32>
  hone.return %2 : tensor<16x16xf32>
}

// A reduction that keeps the innermost dim adds rows into the result.
// CHECK-LABEL: module @columns
// CHECK: scf.for
// CHECK:   scf.for {{.*}} {
// CHECK:     memref.store
// CHECK:   scf.for
// CHECK:     scf.for
// CHECK:       arith.addf
// CHECK:       memref.store
hone.kernel @columns(%x: tensor<?x?x?xf32> {hone.sizes = array<i64: 1, 2, 3>}, %a: index, %b: index, %c: index) -> tensor<?x?xf32> {
  %0 = hone.reduce sum %x [1] : tensor<?x?x?xf32> -> tensor<?x?xf32>
  hone.return %0 : tensor<?x?xf32>
}

// So does a product of integers, four rows of the result and four of the right operand at a time, which is loaded once.
// CHECK-LABEL: module @product
// CHECK: scf.if
// CHECK:   scf.for
// CHECK:     memref.store
// CHECK:   scf.for
// CHECK:     scf.for %{{.*}} step %{{[a-z0-9_]+}} {
// CHECK-NOT: iter_args
// CHECK-COUNT-16: arith.addi
// CHECK:       memref.store
hone.kernel @product(%x: tensor<?x8xi32> {hone.sizes = array<i64: 2>}, %y: tensor<8x?xi32> {hone.sizes = array<i64: 3>}, %m: index, %n: index) -> tensor<?x?xi32> {
  %0 = hone.matmul %x, %y : tensor<?x8xi32>, tensor<8x?xi32> -> tensor<?x?xi32>
  hone.return %0 : tensor<?x?xi32>
}

// A checked index never branches in the loop: the failure is a flag that is looked at once, at the end.
// CHECK-LABEL: module @checked
// CHECK: %[[FLAG:.*]] = memref.alloca() : memref<1xi32>
// CHECK: scf.for
// CHECK:   arith.cmpi uge
// CHECK-NOT: scf.if
// CHECK:   arith.ori
// CHECK: }
// CHECK: scf.if
hone.kernel @checked(%x: tensor<?xf32> {hone.sizes = array<i64: 2>}, %i: tensor<?xi64> {hone.sizes = array<i64: 3>}, %n: index, %m: index) -> tensor<?xf32> {
  %0 = hone.gather %x, %i {axis = 0 : i64} : tensor<?xf32>, tensor<?xi64> -> tensor<?xf32>
  hone.return %0 : tensor<?xf32>
}

// Bool is a byte in memory.
// CHECK-LABEL: module @bytes
// CHECK: func.func @model.bytes.i1.v3.{{[^ ]*}}body(%{{.*}}: memref<1xi8>
// CHECK: arith.cmpi ne, %{{.*}}, %{{.*}} : i8
// CHECK: arith.extui %{{.*}} : i1 to i8
hone.kernel @bytes(%x: tensor<?xi1> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xi1> {
  %0 = hone.not %x : tensor<?xi1> -> tensor<?xi1>
  hone.return %0 : tensor<?xi1>
}
}
