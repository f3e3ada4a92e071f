// RUN: hone-opt %s --hone-convert-to-llvm --reconcile-unrealized-casts | FileCheck %s

// A body keeps its attributes and gets a bare pointer for each buffer; one conversion takes all six dialects, so that
// no cast is left between them.
// CHECK-LABEL: llvm.func @k_body(%arg0: !llvm.ptr {llvm.noalias}, %arg1: i64) attributes {hone.kernel = {name = "k"}}
// CHECK-NOT:   unrealized_conversion_cast
// CHECK:       %[[NEXT:.*]] = llvm.add %arg1, %{{.*}} : i64
// CHECK:       %[[VALUE:.*]] = llvm.load
// CHECK:       %[[ROOT:.*]] = llvm.intr.sqrt(%[[VALUE]])
// CHECK:       llvm.icmp "slt" %arg1, %[[NEXT]]
// CHECK:       llvm.cond_br %{{.*}}, ^bb1, ^bb2
// CHECK:       ^bb1:
// CHECK:         llvm.store %[[ROOT]]
// CHECK:         llvm.br ^bb2
// CHECK:       ^bb2:
// CHECK:         llvm.return
func.func @k_body(%x: memref<1xf32> {llvm.noalias}, %n: index) attributes {hone.kernel = {name = "k"}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %next = arith.addi %n, %c1 : index
  %value = memref.load %x[%c0] : memref<1xf32>
  %root = math.sqrt %value : f32
  %less = arith.cmpi slt, %n, %next : index
  cf.cond_br %less, ^then, ^done
^then:
  memref.store %root, %x[%c0] : memref<1xf32>
  cf.br ^done
^done:
  return
}

// Rounding divisions are expanded first; poison is a value.
// CHECK-LABEL: llvm.func @divide
// CHECK-NOT:   floordivsi
// CHECK:       llvm.sdiv
// CHECK:       llvm.mlir.poison
func.func @divide(%a: i64, %b: i64) -> (i64, f32) {
  %quotient = arith.floordivsi %a, %b : i64
  %nothing = ub.poison : f32
  return %quotient, %nothing : i64, f32
}
