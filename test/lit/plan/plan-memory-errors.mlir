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

// -----

// What branches write may lie where the same step writes again: nothing that a loop carries with dims that change.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
    %0 = hone.neg %x : tensor<?xf32> -> tensor<?xf32>
    hone.return %0 : tensor<?xf32>
  }
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"]}, %flag: tensor<i1>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %condition = tensor.extract %flag[] : tensor<i1>
    // expected-error@+1 {{carries a tensor (number 1) whose dims change, and which no launch of it writes: hone-dispatch comes before hone-plan-memory}}
    %r:2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%m = %n, %a = %x) -> (index, tensor<?xf32>) {
      %v = hone.with_dims %a [%m] : tensor<?xf32> -> tensor<?xf32>
      %b:2 = scf.if %condition -> (tensor<?xf32>, index) {
        %p = hone.launch @k(%v) sizes(%m) to(%m) : (tensor<?xf32>) -> tensor<?xf32>
        scf.yield %p, %m : tensor<?xf32>, index
      } else {
        %q = hone.launch @k(%v) sizes(%m) to(%i) : (tensor<?xf32>) -> tensor<?xf32>
        scf.yield %q, %i : tensor<?xf32>, index
      }
      %w = hone.with_dims %b#0 [%b#1] : tensor<?xf32> -> tensor<?xf32>
      scf.yield %b#1, %w : index, tensor<?xf32>
    }
    %t = hone.with_dims %r#1 [%r#0] : tensor<?xf32> -> tensor<?xf32>
    %y = hone.launch @k(%t) sizes(%r#0) to(%r#0) : (tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}

// -----

// The step after this one would take the value for one of the first value's dims.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">} {
  hone.kernel @k(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
    %0 = hone.neg %x : tensor<?xf32> -> tensor<?xf32>
    hone.return %0 : tensor<?xf32>
  }
  func.func @main(%x: tensor<?xf32> {hone.dims = ["n"]}) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    // expected-error@+1 {{carries a tensor (number 0) whose dims change, and nobody tells them: hone-dispatch comes before hone-plan-memory}}
    %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %x) -> tensor<?xf32> {
      %next = hone.launch @k(%a) sizes(%n) to(%i) : (tensor<?xf32>) -> tensor<?xf32>
      scf.yield %next : tensor<?xf32>
    }
    %y = hone.launch @k(%r) sizes(%n) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}
