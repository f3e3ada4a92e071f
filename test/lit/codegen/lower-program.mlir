// RUN: hone-opt %s --hone-dispatch --hone-plan-memory --hone-generate-kernels --hone-lower-program --split-input-file | FileCheck %s

// The host program is two functions over hone_frame. `plan` checks and computes; it launches nothing. `run` launches, hands a
// failing status on at once, and computes nothing that only checks ask for.
// CHECK-LABEL: module @program
// CHECK-LABEL: llvm.func internal @plan(%{{.*}}: !llvm.ptr) -> i32
// CHECK:         llvm.cond_br
// CHECK:         llvm.call @hone_rt_fail
// CHECK-NOT:     hone_rt_launch
// CHECK-LABEL: llvm.func internal @run(%{{.*}}: !llvm.ptr) -> i32
// CHECK-NOT:     llvm.icmp "slt"
// CHECK:         %[[LAUNCHES:.*]] = llvm.mlir.addressof @launches
// CHECK:         %[[FIRST:.*]] = llvm.getelementptr %[[LAUNCHES]][0]
// CHECK:         llvm.store %[[FIRST]]
// CHECK:         %[[STATUS:.*]] = llvm.call @hone_rt_launch
// CHECK:         %[[OK:.*]] = llvm.icmp "eq" %[[STATUS]]
// CHECK:         llvm.store %[[STATUS]], %[[PLACE:.*]] : i32
// CHECK:         llvm.cond_br %[[OK]], ^{{.*}}, ^[[EXIT:.*]]
// CHECK:       ^[[EXIT]]:
// CHECK-NEXT:    %[[RESULT:.*]] = llvm.load %[[PLACE]]
// CHECK-NEXT:    llvm.return %[[RESULT]]
// CHECK-NOT:     hone_rt_fail
// What is known before any run: of a kernel its code, work, names and predicted time; of a launch its kernel and nodes.
// CHECK:       llvm.mlir.global internal constant @toy.k0_exp.f32.v3.[[HOW:generic_[0-9_]*]].record()
// CHECK-DAG:     llvm.mlir.addressof @toy.k0_exp.f32.v3.[[HOW]] :
// CHECK-DAG:     llvm.mlir.addressof @toy.k0_exp.f32.v3.[[HOW]].work :
// CHECK:       llvm.mlir.global internal constant @launches()
// CHECK:         llvm.mlir.addressof @toy.k0_exp.f32.v3.[[HOW]].record :
// The descriptor is the one function that is seen from outside.
// CHECK:       llvm.func @toy_library() -> !llvm.ptr
module attributes {hone.model = {name = "toy"}, hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"], hone.name = "x"}) -> (tensor<?xf32> {hone.name = "y"}) {
    %c0 = arith.constant 0 : index
    %c9 = arith.constant 9 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %ok = arith.cmpi slt, %n, %c9 : index
    hone.check %ok, "node 'short' (Short): {0} is not below {1}" (%n, %c9)
    %0 = hone.exp %x : tensor<?xf32> -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

// -----

// Shapes may be scaled and rounded, or worse: what has no instruction is written out, or a call of libm.
// CHECK-LABEL: module @program
// CHECK-DAG:     llvm.func @erf(f64) -> f64
// CHECK-LABEL: llvm.func internal @plan
// CHECK-NOT:     math.
// CHECK:         llvm.intr.floor
// CHECK-NOT:     math.
// CHECK:         llvm.call @erf
// CHECK-LABEL: llvm.func internal @run
// CHECK-NOT:     math.
// CHECK:       llvm.func @model_library
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"], hone.name = "x"}) -> (tensor<?xf32> {hone.name = "y"}) {
    %c0 = arith.constant 0 : index
    %scale = arith.constant 0.3 : f64
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %wide = arith.index_cast %n : index to i64
    %number = arith.sitofp %wide : i64 to f64
    %scaled = arith.mulf %number, %scale : f64
    %whole = math.floor %scaled : f64
    %odd = math.erf %whole : f64
    %power = math.exp %odd : f64
    %size = arith.fptosi %power : f64 to i64
    %m = arith.index_cast %size : i64 to index
    %one = hone.constant dense<1.0> : tensor<f32>
    %0 = hone.expand %one [%m] : tensor<f32> -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
