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

// expected-error@+1 {{@w = #hone.reshape<@s> is made of @s, which is no weight}}
hone.weight @w : tensor<4xf32> = #hone.reshape<@s>

// -----

func.func private @main()
// expected-error@+1 {{is made of @main, which is no weight}}
hone.weight @w : tensor<4xf32> = #hone.reshape<@main>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{makes 'tensor<6x4xf32>', but the weight is 'tensor<4x6xf32>'}}
hone.weight @w : tensor<4x6xf32> = #hone.transpose<@s, [1, 0]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{makes 'tensor<6x4xf32>', but the weight is 'tensor<6x4xf64>'}}
hone.weight @w : tensor<6x4xf64> = #hone.transpose<@s, [1, 0]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{is no permutation of the dims of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<6x4xf32> = #hone.transpose<@s, [1, 1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{is no permutation of the dims of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<6x4xf32> = #hone.transpose<@s, [2, 0]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants one start, size and step for each dim of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<4xf32> = #hone.slice<@s, starts = [0], sizes = [4], steps = [1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{takes 4 elements from 1 on, step 1, of dim 0, which has 4; slices stay within their source}}
hone.weight @w : tensor<4x6xf32> = #hone.slice<@s, starts = [1, 0], sizes = [4, 6], steps = [1, 1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{takes 2 elements from 1 on, step -2, of dim 0}}
hone.weight @w : tensor<2x6xf32> = #hone.slice<@s, starts = [1, 0], sizes = [2, 6], steps = [-2, 1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{takes 3 elements from 0 on, step 9223372036854775807, of dim 0}}
hone.weight @w : tensor<3x6xf32> = #hone.slice<@s, starts = [0, 0], sizes = [3, 6], steps = [9223372036854775807, 1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{takes -1 elements from 0 on}}
hone.weight @w : tensor<4x6xf32> = #hone.slice<@s, starts = [0, 0], sizes = [-1, 6], steps = [1, 1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{has axis 2, which is no dim of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<4x6xf32> = #hone.concat<[@s], axis = 2>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
hone.weight @t : tensor<3x6xf32> = dense<0.0> : tensor<3x6xf32>
// expected-error@+1 {{cannot join 'tensor<3x6xf32>' to 'tensor<4x6xf32>' along dim 1}}
hone.weight @w : tensor<4x12xf32> = #hone.concat<[@s, @t], axis = 1>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
hone.weight @t : tensor<4x6xi32> = dense<0> : tensor<4x6xi32>
// expected-error@+1 {{cannot join 'tensor<4x6xi32>' to 'tensor<4x6xf32>' along dim 1}}
hone.weight @w : tensor<4x12xf32> = #hone.concat<[@s, @t], axis = 1>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{makes 'tensor<4x6xi8>', but the weight is 'tensor<6x4xi8>'}}
hone.weight @w : tensor<6x4xi8> = #hone.cast<@s>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{cannot make 'tensor<23xf32>' of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<23xf32> = #hone.reshape<@s>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{makes 'tensor<24xf32>', but the weight is 'tensor<24xi32>'}}
hone.weight @w : tensor<24xi32> = #hone.reshape<@s>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants dims of 'tensor<4x6xf32>', each once, and a tile of 1 or more for each}}
hone.weight @w : tensor<4x6xf32> = #hone.pack<@s, dims = [2], tiles = [16]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants dims of 'tensor<4x6xf32>', each once, and a tile of 1 or more for each}}
hone.weight @w : tensor<4x6xf32> = #hone.pack<@s, dims = [1], tiles = [0]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants dims of 'tensor<4x6xf32>', each once, and a tile of 1 or more for each}}
hone.weight @w : tensor<4x6xf32> = #hone.pack<@s, dims = [1, 1], tiles = [2, 2]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants dims of 'tensor<4x6xf32>', each once, and a tile of 1 or more for each}}
hone.weight @w : tensor<4x6xf32> = #hone.pack<@s, dims = [1], tiles = [2, 2]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{wants an order of all dims of 'tensor<4x6xf32>'}}
hone.weight @w : tensor<1x4x16xf32> = #hone.pack<@s, dims = [1], tiles = [16], order = [1]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{makes 'tensor<1x4x16xf32>', but the weight is 'tensor<2x4x8xf32>'}}
hone.weight @w : tensor<2x4x8xf32> = #hone.pack<@s, dims = [1], tiles = [16], order = [1, 0]>

// -----

hone.weight @s : tensor<4x6xf32> = #hone.file<"model.onnx", offset = 0, length = 96>
// expected-error@+1 {{has more elements than a file can hold: 'tensor<1x4x4611686018427387904xf32>'}}
hone.weight @w : tensor<1x4x4611686018427387904xf32> = #hone.pack<@s, dims = [1], tiles = [4611686018427387904], order = [1, 0]>

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

// expected-error@+1 {{wants `in_place` to name an argument that is read for the same element of the only result, got 1}}
hone.kernel @k(%x: tensor<4xf32>, %y: tensor<1xf32>) -> tensor<4xf32> attributes {in_place = 1 : i64} {
  %0 = hone.add %x, %y : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  hone.return %0 : tensor<4xf32>
}

// -----

// expected-error@+1 {{wants `in_place` to name an argument that is read for the same element of the only result, got 0}}
hone.kernel @k(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {in_place = 0 : i64} {
  %0 = hone.exp %x : tensor<4x4xf32> -> tensor<4x4xf32>
  %1 = hone.transpose %x [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %2 = hone.add %0, %1 : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  hone.return %2 : tensor<4x4xf32>
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

// -----

// expected-error@+1 {{wants a result: a kernel has no other effect}}
hone.kernel @nothing(%x: tensor<4xf32>) {
  hone.return
}

// -----

// expected-error@+1 {{attribute 'cost' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
hone.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {cost = -1 : i64} {
  hone.return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{attribute 'cost' failed to satisfy constraint}}
hone.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {cost = 1.5 : f64} {
  hone.return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{attribute 'family' failed to satisfy constraint: string attribute}}
hone.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {family = 7 : i64} {
  hone.return %x : tensor<4xf32>
}

// -----

func.func @extern(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{wants a function of lower-case letters, digits and underscores, got 'memcpy; x'}}
  %0 = hone.extern "memcpy; x"(%x) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @extern(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{wants a function of lower-case letters, digits and underscores, got ''}}
  %0 = hone.extern ""(%x) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @extern(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{has 1 bounds for 2 dims of results}}
  %0, %1 = hone.extern "cut"(%x) to(%n) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<4xi64>)
  return
}

// -----

func.func @extern(%x: tensor<?xf32>) {
  %c3 = arith.constant 3 : index
  // expected-error@+1 {{wants 3 as dim 0 of its result, got 'tensor<4xf32>'}}
  %0 = hone.extern "cut"(%x) to(%c3) : (tensor<?xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @extern(%x: tensor<?xf32>) {
  // expected-error@+1 {{wants a result: it has no other effect}}
  hone.extern "cut"(%x) : (tensor<?xf32>) -> ()
  return
}

// -----

func.func @extern(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{attribute 'parameters' failed to satisfy constraint: i64 dense array attribute}}
  %0 = hone.extern "cut"(%x) to(%n) {parameters = 1 : i64} : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @extern(%x: memref<?xf32>, %n: index) {
  // expected-error@+1 {{operand #0 must be variadic of tensor of any element type}}
  %0 = hone.extern "cut"(%x) to(%n) : (memref<?xf32>) -> tensor<?xf32>
  return
}
