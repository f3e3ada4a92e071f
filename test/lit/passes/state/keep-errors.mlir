// What hone.keep says is looked at where it is obeyed.
// RUN: not hone-opt %s --split-input-file --hone-dispatch 2>&1 | FileCheck %s --implicit-check-not=error:

// CHECK: error: 'hone.keep' op names no argument of the function around it that has hone.state: "past"
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%past: tensor<4xf32> {hone.name = "past"}) {
    hone.keep %past as "past" : tensor<4xf32>
    return
  }
}

// -----

// CHECK: error: 'hone.keep' op names no argument of the function around it that has hone.length: "past"
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%past: tensor<4xf32> {hone.name = "past", hone.state = {}}) {
    %c1 = arith.constant 1 : index
    hone.keep %c1 as "past" : index
    return
  }
}

// -----

// CHECK: error: 'hone.keep' op keeps 'tensor<4xf32>' in a state of 'tensor<5xf32>'
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<4xf32>, %past: tensor<5xf32> {hone.name = "past", hone.state = {}}) {
    hone.keep %x as "past" : tensor<4xf32>
    return
  }
}
