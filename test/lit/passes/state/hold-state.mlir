// RUN: hone-opt %s --split-input-file --hone-hold-state | FileCheck %s
// RUN: hone-opt %s --split-input-file --hone-hold-state --hone-simplify --hone-dispatch --hone-plan-memory | FileCheck %s --check-prefix=PLAN

// A cache that grows: what is new is put behind what there is, where it lies. Who asked for its length gets the
// session's, and an input that had this dim is checked.
// CHECK-LABEL: module @grows
// CHECK: func.func @main(%[[NEW:.*]]: tensor<?x2x?x8xf32> {{.*}}, %[[SEEN:.*]]: tensor<?xi64> {{.*}}, %[[N:.*]]: tensor<i64> {hone.length, hone.name = "past"}, %[[STATE:.*]]: tensor<?x?x2x8xf32> {hone.dims = ["batch", "past.capacity", "", ""], hone.name = "past_0", hone.state = {axis = 1 : i64, length = "past"}}) -> (tensor<?x2x?x8xf32> {hone.name = "y"})
// CHECK-DAG: %[[LENGTH:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK-DAG: hone.check %{{.*}}, "state 'past' has a length of {0}"
// CHECK: %[[OLD:.*]] = hone.slice %[[STATE]]
// CHECK: hone.neg
// CHECK: %[[TURNED:.*]] = hone.transpose %[[NEW]] [0, 2, 1, 3] : tensor<?x2x?x8xf32> -> tensor<?x?x2x8xf32>
// CHECK: %[[UPDATED:.*]] = hone.insert %[[TURNED]] into %[[STATE]][%[[LENGTH]]] {axis = 1 : i64}
// CHECK: hone.keep %[[UPDATED]] as "past_0"
// CHECK: %[[PART:.*]] = hone.slice %[[UPDATED]]
// CHECK: %[[PRESENT:.*]] = hone.transpose %[[PART]] [0, 2, 1, 3]
// CHECK: hone.exp %[[PRESENT]]
// CHECK: hone.check %{{.*}}, "input 'seen': dim 0 is {0}, and the state 'past' has a length of {1}"
// CHECK: hone.keep %{{.*}} as "past" : index
// CHECK: return %{{.*}} : tensor<?x2x?x8xf32>

// The launch writes into the state; the new length is behind the dims of outputs.
// PLAN-LABEL: module @grows
// PLAN: func.func @main({{.*}}{hone.length, hone.name = "past"}, %[[STATE:[a-z0-9]*]]: memref<?x?x2x8xf32>
// PLAN: hone.launch @{{.*}}insert(%{{.*}}, %[[STATE]], %[[STATE]])
// PLAN-NOT: hone.keep
// PLAN: return %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[LENGTH:.*]] : index, index, index, index, index, index, index
module @grows attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%past: tensor<?x2x?x8xf32> {hone.name = "past_0", hone.dims = ["batch", "", "past", ""]},
                  %new: tensor<?x2x?x8xf32> {hone.name = "new", hone.dims = ["batch", "", "sequence", ""]},
                  %seen: tensor<?xi64> {hone.name = "seen", hone.dims = ["past"]})
      -> (tensor<?x2x?x8xf32> {hone.name = "y"}, tensor<?x2x?x8xf32> {hone.name = "present_0"}) {
    %0 = hone.neg %past : tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
    %1 = hone.concat %past, %new {axis = 2 : i64} : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
    %2 = hone.exp %1 : tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
    %3 = hone.concat %0, %2 {axis = 2 : i64} : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
    return %3, %1 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
  }
}

// -----

// What does not grow is written as a whole, behind all that reads it: the two change places by copies.
// CHECK-LABEL: module @swaps
// CHECK: func.func @main(%[[X:.*]]: tensor<4xf32> {{.*}}, %[[A:.*]]: tensor<4xf32> {hone.name = "a_in", hone.state = {}}, %[[B:.*]]: tensor<4xf32> {hone.name = "b_in", hone.state = {}})
// CHECK: hone.keep %[[B]] as "a_in"
// CHECK: hone.keep %[[A]] as "b_in"
// PLAN-LABEL: module @swaps
// PLAN: func.func @main(%{{[a-z0-9]*}}: memref<4xf32> {hone.name = "x"}, %[[A:[a-z0-9]*]]: memref<4xf32> {hone.name = "a_in", hone.state = {}}, %[[B:[a-z0-9]*]]: memref<4xf32> {hone.name = "b_in"
// PLAN: hone.launch @{{.*}}expand(%[[A]], %[[COPY:[a-z0-9_]*]])
// PLAN: hone.launch @{{.*}}insert(%{{[a-z0-9_]*}}, %[[A]], %[[A]])
// PLAN: hone.launch @{{.*}}insert(%[[COPY]], %[[B]], %[[B]])
module @swaps attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<4xf32> {hone.name = "x"}, %a: tensor<4xf32> {hone.name = "a_in"}, %b: tensor<4xf32> {hone.name = "b_in"})
      -> (tensor<4xf32> {hone.name = "y"}, tensor<4xf32> {hone.name = "a_out"}, tensor<4xf32> {hone.name = "b_out"}) {
    %0 = hone.add %x, %a : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
    return %0, %b, %a : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// A cache of a fixed size, of which each row of the batch has a part: what is new is written where the cache lies, and
// attention reads it there, in its own order of dims.
// CHECK-LABEL: module @slots
// CHECK: %[[UPDATED:.*]] = hone.tensor_scatter %{{.*}} into %[[CACHE:.*]] at %{{.*}} {axis = 2 : i64}
// CHECK: hone.keep %[[UPDATED]] as "past_0"
// PLAN-LABEL: module @slots
// PLAN: hone.kernel @[[WRITE:.*tensor_scatter]](
// PLAN: hone.kernel @[[READ:.*attention]](
// PLAN:   %[[TURNED:.*]] = hone.transpose %{{.*}} [0, 2, 1, 3] : tensor<?x2x64x8xf32> -> tensor<?x64x2x8xf32>
// PLAN:   hone.attention %{{.*}}, %[[TURNED]], %[[TURNED]] lengths
// PLAN: func.func @main({{.*}}%[[CACHE:[a-z0-9]*]]: memref<?x2x64x8xf32> {{{.*}}hone.name = "past_0", hone.state = {}}
// PLAN-NOT: hone.launch
// PLAN: hone.launch @[[WRITE]](%{{.*}}, %[[CACHE]], %{{.*}}, %[[CACHE]])
// PLAN-NEXT: hone.launch @[[READ]](%[[CACHE]], %{{.*}})
// PLAN-NOT: hone.launch
module @slots attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%cache: tensor<?x2x64x8xf32> {hone.name = "past_0", hone.dims = ["batch", "", "", ""]},
                  %q: tensor<?x1x4x8xf32> {hone.name = "q", hone.dims = ["batch", "", "", ""]},
                  %new: tensor<?x2x1x8xf32> {hone.name = "new", hone.dims = ["batch", "", "", ""]},
                  %before: tensor<?xi64> {hone.name = "before", hone.dims = ["batch"]},
                  %lengths: tensor<?xi64> {hone.name = "lengths", hone.dims = ["batch"]})
      -> (tensor<?x1x4x8xf32> {hone.name = "y"}, tensor<?x2x64x8xf32> {hone.name = "present_0"}) {
    %0 = hone.tensor_scatter %new into %cache at %before {axis = 2 : i64} : tensor<?x2x1x8xf32> into tensor<?x2x64x8xf32> at tensor<?xi64> -> tensor<?x2x64x8xf32>
    %1 = hone.transpose %0 [0, 2, 1, 3] : tensor<?x2x64x8xf32> -> tensor<?x64x2x8xf32>
    %2 = hone.attention %q, %1, %1 lengths %lengths {scale = 1.0 : f32} : tensor<?x1x4x8xf32>, tensor<?x64x2x8xf32>, tensor<?x64x2x8xf32> lengths tensor<?xi64> -> tensor<?x1x4x8xf32>
    return %2, %0 : tensor<?x1x4x8xf32>, tensor<?x2x64x8xf32>
  }
}
