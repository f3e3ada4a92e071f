// RUN: hone-opt %s --hone-dispatch --verify-diagnostics --split-input-file

// expected-error@+1 {{wants a function called @main}}
module {
}

// -----

// expected-error-re@+1 {{wants a target on the module, as 'hone compile FILE --emit=import' writes it: module attributes {hone.target = #hone.target<}}
module {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// -----

// expected-error@+1 {{wants a function called @main}}
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func private @main(tensor<8xf32>) -> tensor<8xf32>
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
  // expected-error@+1 {{wants one block, and tensors as arguments and results}}
  func.func @other(%x: tensor<8xf32>, %n: index) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
  // expected-error@+1 {{is an entry of the library, which wants a C identifier as its name, not 'to do'}}
  func.func @"to do"(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  // expected-error@+1 {{wants one block, and tensors as arguments and results}}
  func.func @main(%x: tensor<8xf32>, %n: index) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k0(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
    %0 = hone.relu %x : tensor<?xf32> -> tensor<?xf32>
    hone.return %0 : tensor<?xf32>
  }
  func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    // expected-error@+1 {{computes a tensor in no way that a kernel can: hone-dispatch wants operations of the dialect hone, before any launch}}
    %0 = hone.launch @k0(%x) sizes(%n) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}
