// RUN: hone-opt %s --hone-plan-memory --verify-diagnostics --split-input-file

// Not dispatched.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    // expected-error@+1 {{has no place in memory: hone-dispatch comes before hone-plan-memory}}
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}

// -----

// Planned already.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  // expected-error@+1 {{wants one block, and tensors as arguments and results}}
  func.func @main(%x: memref<8xf32>) -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

// A result that no launch writes.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  // expected-error@+1 {{wants a launch of its own behind each result}}
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// -----

// Sizes that no memory holds, together though not alone: their sum must not wrap.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k(%a: tensor<1xf32>) -> tensor<1xf32> {
    hone.return %a : tensor<1xf32>
  }
  func.func @main(%x: tensor<1xf32>) -> tensor<1152921504606846976xf32> {
    // expected-error@+1 {{the values of a run would not fit into memory: a dim is too large}}
    %0 = hone.launch @k(%x) sizes() : (tensor<1xf32>) -> tensor<1152921504606846976xf32>
    %1 = hone.launch @k(%0) sizes() : (tensor<1152921504606846976xf32>) -> tensor<1152921504606846976xf32>
    return %1 : tensor<1152921504606846976xf32>
  }
}

// -----

// A dim that is known to be negative.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k(%a: tensor<1xf32>) -> tensor<1xf32> {
    hone.return %a : tensor<1xf32>
  }
  func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
    %size = arith.constant -5 : index
    // expected-error@+1 {{a dim of the result would be -5}}
    %0 = hone.launch @k(%x) sizes() to(%size) : (tensor<1xf32>) -> tensor<?xf32>
    %1 = hone.launch @k(%0) sizes() : (tensor<?xf32>) -> tensor<1xf32>
    return %1 : tensor<1xf32>
  }
}

// -----

// Recipes and splats can claim more than any file holds.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @half : tensor<144115188075855872xi8> = dense<1> : tensor<144115188075855872xi8>
  // expected-error@+1 {{@w and the weights before it have more bytes than memory can address}}
  hone.weight @w : tensor<288230376151711744xi8> = #hone.concat<[@half, @half], axis = 0>
  hone.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %w = hone.use_weight @w : tensor<288230376151711744xi8>
    %0 = hone.launch @k(%x) sizes() : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}

// -----

// Bits of a weight that alone is larger than memory must not wrap either.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  // expected-error@+1 {{@w and the weights before it have more bytes than memory can address}}
  hone.weight @w : tensor<288230376151711744xf32> = dense<1.0> : tensor<288230376151711744xf32>
  hone.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %w = hone.use_weight @w : tensor<288230376151711744xf32>
    %0 = hone.launch @k(%x) sizes() : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}

// -----

// An element of a weight, which the host does not read.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.weight @w : tensor<4xf32> = #hone.file<"model.bin", offset = 0, length = 16>
  hone.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = hone.neg %x : tensor<8xf32> -> tensor<8xf32>
    hone.return %0 : tensor<8xf32>
  }
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %c0 = arith.constant 0 : index
    %w = hone.use_weight @w : tensor<4xf32>
    // expected-error@+1 {{reads an element of 'tensor<4xf32>', which is no tensor of fixed dims that a kernel writes}}
    %e = tensor.extract %w[%c0] : tensor<4xf32>
    %0 = hone.launch @k(%x) sizes() : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}
