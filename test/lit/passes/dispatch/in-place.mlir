// RUN: hone-opt %s --hone-dispatch --split-input-file | FileCheck %s
// RUN: hone-opt %s --hone-dispatch --hone-plan-memory --split-input-file | FileCheck %s --check-prefix=PLAN

// The other operand of a sum, if nobody needs it any more, has its memory taken by the result: also by a product's, which
// adds it to sums that it keeps elsewhere.
// CHECK:       hone.kernel @k0_exp
// CHECK-NOT:   in_place
// CHECK:       hone.kernel @k1_matmul_add(%{{.*}}: tensor<?x64xf32>{{.*}}, %{{.*}}, %[[RESIDUAL:.*]]: tensor<?x64xf32>
// CHECK-SAME:  in_place = 2 : i64
// PLAN:        hone.launch @k0_exp(%arg0, %[[PLACE:[a-z0-9]+]])
// PLAN:        hone.launch @k1_matmul_add(%{{.*}}, %{{.*}}, %[[PLACE]], %[[PLACE]])
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
  func.func @main(%x: tensor<?x64xf32> {hone.dims = ["n", ""], hone.name = "x"})
      -> (tensor<?x64xf32> {hone.name = "y"}) {
    %w = hone.use_weight @w : tensor<64x64xf32>
    %0 = hone.exp %x : tensor<?x64xf32> -> tensor<?x64xf32>
    %1 = hone.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %2 = hone.add %1, %0 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    return %2 : tensor<?x64xf32>
  }
}

// -----

// Not what is read again later (the first sum), what the product reads as a factor, an input, and what has one row of the
// result's many.
// CHECK-NOT: in_place
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
  func.func @main(%x: tensor<?x64xf32> {hone.dims = ["n", ""], hone.name = "x"},
                  %r: tensor<?x64xf32> {hone.dims = ["m", ""], hone.name = "r"})
      -> (tensor<?x64xf32> {hone.name = "y"}, tensor<?x64xf32> {hone.name = "z"}) {
    %w = hone.use_weight @w : tensor<64x64xf32>
    %0 = hone.softmax %x {axis = 1 : i64} : tensor<?x64xf32> -> tensor<?x64xf32>
    %1 = hone.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %2 = hone.add %1, %0 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    %3 = hone.matmul %2, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %4 = hone.add %3, %2 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    %5 = hone.matmul %0, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %6 = hone.softmax %r {axis = 1 : i64} : tensor<?x64xf32> -> tensor<?x64xf32>
    %7 = hone.add %5, %6 : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    return %4, %7 : tensor<?x64xf32>, tensor<?x64xf32>
  }
}
