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
