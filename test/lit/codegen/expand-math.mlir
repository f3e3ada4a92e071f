// RUN: hone-opt %s --hone-expand-math | FileCheck %s

// f32 functions become arithmetic, which LLVM vectorises; f16 is computed in f32; f64 goes to libm when it is lowered.
// CHECK-LABEL: func.func @f32
// CHECK-NOT:     math.exp
// CHECK:         math.fma
// CHECK-NOT:     math.exp
func.func @f32(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  return %0 : f32
}
// CHECK-LABEL: func.func @f16
// CHECK:         arith.extf %{{.*}} : f16 to f32
// CHECK-NOT:     math.tanh
// CHECK:         arith.truncf %{{.*}} : f32 to f16
func.func @f16(%x: f16) -> f16 {
  %0 = math.tanh %x : f16
  return %0 : f16
}
// CHECK-LABEL: func.func @f64
// CHECK:         math.exp %{{.*}} : f64
func.func @f64(%x: f64) -> f64 {
  %0 = math.exp %x : f64
  return %0 : f64
}
