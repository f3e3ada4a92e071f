// RUN: hone-opt %s --verify-diagnostics --split-input-file

// expected-error@+1 {{wants static dims, got 'tensor<?xf32>'}}
hone.weight @w : tensor<?xf32> = #hone.file<"model.onnx", offset = 0, length = 4>

// -----

// expected-error@+1 {{has 15 bytes, but its type needs 16}}
hone.weight @w : tensor<4xf32> = #hone.file<"model.onnx", offset = 0, length = 15>

// -----

// expected-error@+1 {{has a source of another type: 'tensor<3xf32>'}}
hone.weight @w : tensor<4xf32> = dense<1.0> : tensor<3xf32>

// -----

// expected-error@+1 {{has a source of an unknown kind: "elsewhere"}}
hone.weight @w : tensor<4xf32> = "elsewhere"

// -----

func.func @main() {
  // expected-error@+1 {{names no weight: @w}}
  %0 = hone.use_weight @w : tensor<4xf32>
  return
}

// -----

hone.weight @w : tensor<4xf32> = #hone.file<"model.onnx", offset = 0, length = 16>
func.func @main() {
  // expected-error@+1 {{has type 'tensor<5xf32>', but the weight is 'tensor<4xf32>'}}
  %0 = hone.use_weight @w : tensor<5xf32>
  return
}

// -----

func.func @main(%x: tensor<4xf32>) {
  // expected-error@+1 {{names no kernel: @k}}
  %0 = hone.launch @k(%x) sizes() : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

hone.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> {
  hone.return %x : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>) {
  // expected-error@+1 {{passes 2 buffers to a kernel of 1 tensors}}
  %0 = hone.launch @k(%x, %x) sizes() : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

hone.kernel @k(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
  hone.return %x : tensor<?xf32>
}
func.func @main(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{passes 2 sizes, the kernel wants 1}}
  %0 = hone.launch @k(%x) sizes(%n, %n) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @main() {
  // expected-error@+1 {{expects parent op 'hone.kernel'}}
  hone.return
}

// -----

// expected-error@+1 {{has more elements than a file can hold: 'tensor<4611686018427387904x4xf32>'}}
hone.weight @w : tensor<4611686018427387904x4xf32> = #hone.file<"model.onnx", offset = 0, length = 0>

// -----

// expected-error@+1 {{failed to satisfy constraint: type attribute of tensor of}}
hone.weight @w : tensor<4xindex> = #hone.file<"model.onnx", offset = 0, length = 32>

// -----

// expected-error@+1 {{wants tensors, then index values as arguments, got '(index, tensor<4xf32>) -> tensor<4xf32>'}}
hone.kernel @k(%n: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  hone.return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{wants hone.sizes on 'tensor<?xf32>': which arguments are its dynamic dims}}
hone.kernel @k(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  hone.return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{has an ill-formed hone.sizes on 'tensor<?xf32>': array<i64: 2>}}
hone.kernel @k(%x: tensor<?xf32> {hone.sizes = array<i64: 2>}, %n: index) -> tensor<?xf32> {
  hone.return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{wants to end with a hone.return of 'tensor<4xf32>'}}
hone.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> {
  hone.return
}

// -----

hone.kernel @k(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> {
  hone.return %x : tensor<?xf32>
}
func.func @main(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{has 0 sizes for 1 dynamic dims of results}}
  %0 = hone.launch @k(%x) sizes(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// expected-error@+1 {{has an ill-formed hone.dims on 'tensor<?x?xf32>': ["batch"]}}
func.func @main(%x: tensor<?x?xf32> {hone.dims = ["batch"]}) {
  return
}

// -----

// expected-error@+1 {{has an ill-formed hone.dims on 'tensor<?xf32>': [4]}}
func.func @main(%x: tensor<?xf32> {hone.dims = [4]}) {
  return
}

// -----

// expected-error@+1 {{has an ill-formed hone.name on 'tensor<?xf32>': 7 : i64}}
func.func @main(%x: tensor<?xf32>) -> (tensor<?xf32> {hone.name = 7}) {
  return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{has an ill-formed hone.target: "host"}}
module attributes {hone.target = "host"} {
}
