// RUN: hone-opt %s --canonicalize --split-input-file | FileCheck %s

// What does not change any value, NaN, infinities and -0 included.
// CHECK-LABEL: func @neutral
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>, %[[I:.*]]: tensor<4xi64>, %[[B:.*]]: tensor<4xi1>)
// CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[I]], %[[I]], %[[B]], %[[B]]
func.func @neutral(%x: tensor<?x4xf32>, %i: tensor<4xi64>, %b: tensor<4xi1>)
    -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<4xi64>, tensor<4xi64>,
        tensor<4xi1>, tensor<4xi1>) {
  %zero = hone.constant dense<0.0> : tensor<f32>
  %minus_zero = hone.constant dense<-0.0> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<1x1xf32>
  %zeros = hone.constant dense<0> : tensor<4xi64>
  %ones = hone.constant dense<1> : tensor<i64>
  %true = hone.constant dense<true> : tensor<i1>
  %false = hone.constant dense<false> : tensor<i1>
  %0 = hone.add %minus_zero, %x : tensor<f32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %1 = hone.sub %x, %zero : tensor<?x4xf32>, tensor<f32> -> tensor<?x4xf32>
  %2 = hone.mul %one, %x : tensor<1x1xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %3 = hone.div %x, %one : tensor<?x4xf32>, tensor<1x1xf32> -> tensor<?x4xf32>
  %4 = hone.pow %x, %one : tensor<?x4xf32>, tensor<1x1xf32> -> tensor<?x4xf32>
  %5 = hone.add %i, %zeros : tensor<4xi64>, tensor<4xi64> -> tensor<4xi64>
  %6 = hone.mul %ones, %i : tensor<i64>, tensor<4xi64> -> tensor<4xi64>
  %7 = hone.and %true, %b : tensor<i1>, tensor<4xi1> -> tensor<4xi1>
  %8 = hone.or %b, %false : tensor<4xi1>, tensor<i1> -> tensor<4xi1>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>,
    tensor<?x4xf32>, tensor<4xi64>, tensor<4xi64>, tensor<4xi1>, tensor<4xi1>
}

// -----

// -0 + 0 is 0, 0 - 0 is not -0; NaN · 0 and NaN - NaN are NaN; 1 / x and 1 - x are not x.
// CHECK-LABEL: func @not_neutral
// CHECK: hone.add
// CHECK: hone.sub
// CHECK: hone.mul
// CHECK: hone.sub
// CHECK: hone.div
// CHECK: hone.sub
func.func @not_neutral(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = hone.constant dense<0.0> : tensor<f32>
  %minus_zero = hone.constant dense<-0.0> : tensor<f32>
  %one = hone.constant dense<1.0> : tensor<f32>
  %0 = hone.add %x, %zero : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  %1 = hone.sub %x, %minus_zero : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  %2 = hone.mul %x, %zero : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  %3 = hone.sub %x, %x : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %4 = hone.div %one, %x : tensor<f32>, tensor<4xf32> -> tensor<4xf32>
  %5 = hone.sub %zero, %x : tensor<f32>, tensor<4xf32> -> tensor<4xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// A neutral constant that widens the other operand stays.
// CHECK-LABEL: func @widening
// CHECK: hone.mul
// CHECK: hone.mul
func.func @widening(%x: tensor<4xf32>, %y: tensor<?xf32>) -> (tensor<2x4xf32>, tensor<?xf32>) {
  %rows = hone.constant dense<1.0> : tensor<2x1xf32>
  %five = hone.constant dense<1.0> : tensor<5xf32>
  %0 = hone.mul %x, %rows : tensor<4xf32>, tensor<2x1xf32> -> tensor<2x4xf32>
  %1 = hone.mul %y, %five : tensor<?xf32>, tensor<5xf32> -> tensor<?xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<?xf32>
}

// -----

// CHECK-LABEL: func @twice
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xi1>)
// CHECK-NEXT: %[[R:.*]] = hone.relu %[[X]]
// CHECK-NEXT: return %[[X]], %[[B]], %[[R]]
func.func @twice(%x: tensor<4xf32>, %b: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xi1>, tensor<4xf32>) {
  %0 = hone.neg %x : tensor<4xf32> -> tensor<4xf32>
  %1 = hone.neg %0 : tensor<4xf32> -> tensor<4xf32>
  %2 = hone.not %b : tensor<4xi1> -> tensor<4xi1>
  %3 = hone.not %2 : tensor<4xi1> -> tensor<4xi1>
  %4 = hone.relu %x : tensor<4xf32> -> tensor<4xf32>
  %5 = hone.relu %4 : tensor<4xf32> -> tensor<4xf32>
  return %1, %3, %5 : tensor<4xf32>, tensor<4xi1>, tensor<4xf32>
}

// -----

// There and back through a type that holds every value.
// CHECK-LABEL: func @casts
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<4xi32>, %[[B:.*]]: tensor<4xi1>)
// CHECK-NEXT: return %[[X]], %[[X]], %[[I]], %[[B]]
func.func @casts(%x: tensor<4xf32>, %i: tensor<4xi32>, %b: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi1>) {
  %0 = hone.cast %x : tensor<4xf32> -> tensor<4xf32>
  %1 = hone.cast %x : tensor<4xf32> -> tensor<4xf64>
  %2 = hone.cast %1 : tensor<4xf64> -> tensor<4xf32>
  %3 = hone.cast %i : tensor<4xi32> -> tensor<4xui64>
  %4 = hone.cast %3 : tensor<4xui64> -> tensor<4xi32>
  %5 = hone.cast %b : tensor<4xi1> -> tensor<4xf32>
  %6 = hone.cast %5 : tensor<4xf32> -> tensor<4xi1>
  return %0, %2, %4, %6 : tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi1>
}

// -----

// Through one that does not.
// CHECK-LABEL: func @lossy
// CHECK-COUNT-6: hone.cast
func.func @lossy(%x: tensor<4xf64>, %i: tensor<4xi64>) -> (tensor<4xf64>, tensor<4xi64>, tensor<4xi64>) {
  %0 = hone.cast %x : tensor<4xf64> -> tensor<4xf32>
  %1 = hone.cast %0 : tensor<4xf32> -> tensor<4xf64>
  %2 = hone.cast %i : tensor<4xi64> -> tensor<4xi1>
  %3 = hone.cast %2 : tensor<4xi1> -> tensor<4xi64>
  %4 = hone.cast %i : tensor<4xi64> -> tensor<4xf64>
  %5 = hone.cast %4 : tensor<4xf64> -> tensor<4xi64>
  return %1, %3, %5 : tensor<4xf64>, tensor<4xi64>, tensor<4xi64>
}

// -----

// CHECK-LABEL: func @select
// CHECK-SAME: (%[[C:.*]]: tensor<4xi1>, %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK-NEXT: return %[[X]], %[[Y]], %[[X]]
func.func @select(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %true = hone.constant dense<true> : tensor<i1>
  %false = hone.constant dense<false> : tensor<4xi1>
  %0 = hone.select %true, %x, %y : tensor<i1>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %1 = hone.select %false, %x, %y : tensor<4xi1>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %2 = hone.select %c, %x, %x : tensor<4xi1>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func @select_widens
// CHECK: hone.select
func.func @select_widens(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %true = hone.constant dense<true> : tensor<i1>
  %0 = hone.select %true, %x, %y : tensor<i1>, tensor<?xf32>, tensor<?xf32> -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
