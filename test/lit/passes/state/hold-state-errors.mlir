// RUN: not hone-opt %s --split-input-file --hone-hold-state 2>&1 | FileCheck %s --implicit-check-not=error:
// RUN: not hone-opt %s --split-input-file --hone-hold-state="pairs=h:x" 2>&1 | FileCheck %s --check-prefix=NAMED

// CHECK: error: no input and output are named like a past and its present (past_key_values.0.key and present.0.key, past_0 and present_0, h_in and h_out); name the pairs: --state=INPUT:OUTPUT
// NAMED: error: state 'h:x' is no INPUT:OUTPUT of the model; its inputs are past, its outputs y
func.func @main(%past: tensor<4xf32> {hone.name = "past"}) -> (tensor<4xf32> {hone.name = "y"}) {
  %0 = hone.neg %past : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: cannot become state: input 'tensor<4xf32>' and output 'present' 'tensor<2xf32>' differ
func.func @main(%past: tensor<4xf32> {hone.name = "past"}, %x: tensor<2xf32> {hone.name = "x"}) -> (tensor<2xf32> {hone.name = "present"}) {
  return %x : tensor<2xf32>
}

// -----

// CHECK: error: cannot become state: its output is not the input with something behind it (a Concat that begins with it), and no input that is left tells dim 0, 'batch'; pin it with --dim or --shape
func.func @main(%past: tensor<?x?xf32> {hone.name = "past", hone.dims = ["batch", "n"]}, %x: tensor<?xf32> {hone.name = "x", hone.dims = ["n"]}) -> (tensor<?x?xf32> {hone.name = "present"}) {
  %0 = hone.neg %past : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// CHECK: error: cannot become state: it is a scalar; leave it an input
func.func @main(%past: tensor<f32> {hone.name = "past"}) -> (tensor<f32> {hone.name = "present"}) {
  %0 = hone.neg %past : tensor<f32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// CHECK: error: cannot become state: two of its elements share a byte
func.func @main(%past: tensor<4xi4> {hone.name = "past"}) -> (tensor<4xi4> {hone.name = "present"}) {
  return %past : tensor<4xi4>
}

// -----

// CHECK: error: 'func.func' op has an ill-formed "hone.state" on 'tensor<4xf32>': {axis = 1 : i64, length = "n"}
func.func @main(%past: tensor<4xf32> {hone.state = {axis = 1 : i64, length = "n"}}) {
  return
}

// -----

// CHECK: error: 'func.func' op has an ill-formed "hone.state" on 'tensor<4xi4>': {}
func.func @main(%past: tensor<4xi4> {hone.state = {}}) {
  return
}
