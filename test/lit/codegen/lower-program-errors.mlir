// RUN: hone-opt %s --hone-lower-program --split-input-file --verify-diagnostics

// Planned programs that hands have changed.

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{returns a size (number 2) that only a run knows}}
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %0 = memref.load %y[%c0] : memref<?xi64>
    %n = arith.index_cast %0 : i64 to index
    return %c0, %c0, %n : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{returns a size (number 2) that only a run knows}}
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %cast = memref.cast %x : memref<?xi64> to memref<4xi64>
    %0 = memref.load %cast[%c0] : memref<4xi64>
    %n = arith.index_cast %0 : i64 to index
    return %c0, %c0, %n : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    // expected-error@+1 {{asks for a dim of what is no input: the plan has told all others}}
    %n = memref.dim %y, %c0 : memref<?xi64>
    return %c0, %c0, %n : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi8> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    // expected-error@+1 {{views what is neither the arena, the last argument of @main, nor what hone.grow gives}}
    %view = memref.view %x[%c0][%c0] : memref<?xi8> to memref<?xi64>
    return %c0, %c0, %c0 : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants inputs, then outputs (hone.output), then the arena as arguments}}
  func.func @main(%y: memref<?xi64> {hone.name = "y", hone.output}, %x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0, %c0 : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %one = arith.constant 1 : i64
    // expected-error@+1 {{touches memory, which only launches do in a planned program}}
    memref.store %one, %y[%c0] : memref<?xi64>
    return %c0, %c0, %c0 : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants to return 3 index values: bytes of arena and scratch, dims of outputs}}
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants one block, and memory as arguments: hone-plan-memory comes before hone-lower-program}}
  func.func @main(%x: tensor<?xi64>, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xi64>
    // expected-error@+1 {{reads an element of 'memref<?xi64>', whose dims are open}}
    %0 = memref.load %y[%c0] : memref<?xi64>
    return %c0, %c0, %n : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xi64>
    %view = memref.view %arena[%c0][] : memref<?xi8> to memref<4xindex>
    // expected-error@+1 {{reads no element that a kernel could have written: 'memref<4xindex>'}}
    %0 = memref.load %view[%c0] : memref<4xindex>
    return %c0, %c0, %n : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%x: memref<?xi64> {hone.dims = ["n"], hone.name = "x"}, %y: memref<?xi64> {hone.name = "y", hone.output}, %arena: memref<64xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xi64>
    // expected-error@+1 {{reads no element that a kernel could have written: 'memref<64xi8>'}}
    %0 = memref.load %arena[%c0] : memref<64xi8>
    return %c0, %c0, %n : index, index, index
  }
}

// -----

// States stand between inputs and outputs, and the runtime tells their dims and lengths.
module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{has a state behind its inputs: argument 1 is an output, or the arena}}
  func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {hone.output, hone.name = "y", hone.state = {}}, %arena: memref<?xi8>) -> (index, index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0, %c0 : index, index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{has a state behind its inputs: argument 1 is an output, or the arena}}
  func.func @main(%x: memref<4xf32>, %arena: memref<?xi8> {hone.name = "arena", hone.state = {}}) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants inputs, then states: argument 1 stands behind a state}}
  func.func @main(%s: memref<4xf32> {hone.name = "s", hone.state = {}}, %x: memref<4xf32>, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants a name of its own (hone.name) for each state: argument 1}}
  func.func @main(%s: memref<4xf32> {hone.name = "s", hone.state = {}}, %t: memref<4xf32> {hone.name = "s", hone.state = {}}, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{has a state, argument 1, whose dim 0 no input tells}}
  func.func @main(%x: memref<?xf32> {hone.dims = ["n"]}, %s: memref<?xf32> {hone.name = "s", hone.state = {}, hone.dims = ["m"]}, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  // expected-error@+1 {{wants states to grow along axis 0 or 1, by the length of an argument: argument 0}}
  func.func @main(%s: memref<?xf32> {hone.name = "s", hone.state = {axis = 0 : i64, length = "n"}}, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}

// -----

module attributes {hone.target = #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v3", features = "">, hone.weight_bytes = 0 : i64} {
  func.func @main(%s: memref<4xf32> {hone.name = "s", hone.state = {}}, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
  // expected-error@+1 {{keeps other states than @main, or in another order or form; entries of one library share them}}
  func.func @decode(%s: memref<5xf32> {hone.name = "s", hone.state = {}}, %arena: memref<?xi8>) -> (index, index) {
    %c0 = arith.constant 0 : index
    return %c0, %c0 : index, index
  }
}
