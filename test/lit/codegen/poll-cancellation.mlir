// RUN: hone-opt %s --pass-pipeline='builtin.module(hone-generate-kernels,builtin.module(canonicalize,cse,hone-poll-cancellation,canonicalize))' | FileCheck %s

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {

// A row of unknown length: the flag is looked at between strips of 65,536 elements, and not behind the last one. The
// loop of a strip is the one that was there, to be vectorised.
// CHECK-LABEL: module @row
// CHECK:       func.func @model.row.f32.v3.{{[^ ]*}}body({{.*}}%[[N:[a-z0-9]+]]: index {llvm.noundef}, {{.*}}%[[CANCEL:[a-z0-9]+]]: !llvm.ptr {llvm.noundef}, %[[FROM:[a-z0-9]+]]: index {llvm.noundef}, %[[TO:[a-z0-9]+]]: index {llvm.noundef})
// CHECK:         %[[FIRST:.*]] = arith.minsi %[[N]], %c65536
// CHECK:         scf.while (%[[BEGIN:.*]] = %c0, %[[END:.*]] = %[[FIRST]], %[[SUM:.*]] = %cst)
// CHECK:           %[[NEXT:.*]] = scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step %c1 iter_args(%{{.*}} = %[[SUM]])
// CHECK:             arith.addf
// CHECK:           } {llvm.loop_annotation = #
// CHECK:           %[[INSIDE:.*]] = arith.cmpi slt, %[[END]], %[[N]]
// CHECK:           %[[MORE:.*]] = scf.if %[[INSIDE]]
// CHECK:             %[[FLAG:.*]] = llvm.load %[[CANCEL]] atomic monotonic
// CHECK:             arith.cmpi eq, %[[FLAG]]
// CHECK:           scf.condition(%[[MORE]]) %[[END]], %[[NEXT]]
// CHECK:           arith.minsi
hone.kernel @row(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<f32> {
  %0 = hone.reduce sum %x [0] : tensor<?xf32> -> tensor<f32>
  hone.return %0 : tensor<f32>
}

// Rows that are short look at nothing, nor does the loop over them, which the runtime cuts.
// CHECK-LABEL: module @short
// CHECK-NOT:   llvm.load
// CHECK-NOT:   scf.while
// CHECK:       scf.for
// CHECK:         scf.for
// CHECK-NOT:   llvm.load
// CHECK:       return
hone.kernel @short(%x: tensor<?x384xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
  %0 = hone.reduce sum %x [1] : tensor<?x384xf32> -> tensor<?xf32>
  hone.return %0 : tensor<?xf32>
}

// CHECK-LABEL: module @elements
// CHECK-NOT:   llvm.load
// CHECK-NOT:   scf.while
// CHECK:       math.exp
// CHECK-NOT:   llvm.load
// CHECK:       return
hone.kernel @elements(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
  %0 = hone.exp %x : tensor<?xf32> -> tensor<?xf32>
  hone.return %0 : tensor<?xf32>
}

// Outside of a loop of unknown length each iteration looks; a strip counts the steps of loops inside.
// CHECK-LABEL: module @rows
// CHECK:       scf.while (%[[ROW:.*]] = %{{.*}}) : (index) -> index
// CHECK:         %[[INSIDE:.*]] = arith.cmpi slt, %[[ROW]]
// CHECK:         llvm.load %{{.*}} atomic monotonic
// CHECK:         %[[BOTH:.*]] = arith.andi %[[INSIDE]]
// CHECK:         scf.condition(%[[BOTH]])
// CHECK:         arith.minsi %{{.*}}, %c8192
// CHECK:         scf.while
// CHECK:           scf.for
// CHECK:             scf.for
// CHECK-NOT:           llvm.load
// CHECK:               arith.addf
// CHECK:           llvm.load
hone.kernel @rows(%x: tensor<?x?x7xf32> {hone.sizes = array<i64: 1, 2>}, %n: index, %m: index) -> tensor<?xf32> {
  %0 = hone.reduce sum %x [1, 2] : tensor<?x?x7xf32> -> tensor<?xf32>
  hone.return %0 : tensor<?xf32>
}
}
