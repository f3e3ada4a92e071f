// RUN: hone-opt %s --verify-diagnostics --split-input-file

func.func @from_elements_type(%i: index) {
  // expected-error@+1 {{wants a static result of integers and rank at most 1, got 'tensor<1xf32>'}}
  %0 = hone.from_elements %i : tensor<1xf32>
  return
}

// -----

func.func @from_elements_count(%i: index) {
  // expected-error@+1 {{wants 2 elements, got 1}}
  %0 = hone.from_elements %i : tensor<2xi64>
  return
}

// -----

func.func @reshape(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 sizes, got 1}}
  %0 = hone.reshape %x [%i] : tensor<4xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @expand_rank(%x: tensor<1x4xf32>, %i: index) {
  // expected-error@+1 {{cannot broadcast 'tensor<1x4xf32>' to 'tensor<4xf32>'}}
  %0 = hone.expand %x [%i] : tensor<1x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @expand_sizes(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 sizes, got 1}}
  %0 = hone.expand %x [%i] : tensor<4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @transpose_count(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{wants 2 entries of the permutation, got 1}}
  %0 = hone.transpose %x [0] : tensor<2x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @transpose_permutation(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{is no permutation of 2 dims}}
  %0 = hone.transpose %x [1, 1] : tensor<2x4xf32> -> tensor<4x4xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x4xf32>, %i: index) {
  // expected-error@+1 {{wants 2 starts, got 1}}
  %0 = hone.slice %x [%i] [%i] [%i] : tensor<2x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @concat_empty() {
  // expected-error@+1 {{expected 1 or more operands, but found 0}}
  %0 = "hone.concat"() {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @concat_axis(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.concat %x, %x {axis = 2 : i64} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x8xf32>
  return
}

// -----

func.func @pad_mode(%x: tensor<4xf32>, %v: tensor<f32>, %i: index) {
  // expected-error@+1 {{mode 'mirror' is none of constant, edge, reflect, wrap}}
  %0 = hone.pad %x, %v [%i] [%i] "mirror" : tensor<4xf32>, tensor<f32> -> tensor<?xf32>
  return
}

// -----

func.func @pad_count(%x: tensor<4x4xf32>, %v: tensor<f32>, %i: index) {
  // expected-error@+1 {{wants 2 paddings, got 1}}
  %0 = hone.pad %x, %v [%i] [%i] "edge" : tensor<4x4xf32>, tensor<f32> -> tensor<?x?xf32>
  return
}

// -----

func.func @gather(%x: tensor<4x4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{axis -1 is outside [0, 2)}}
  %0 = hone.gather %x, %i {axis = -1 : i64} : tensor<4x4xf32>, tensor<3xi64> -> tensor<4x3xf32>
  return
}

// -----

func.func @gather_elements_rank(%x: tensor<4x4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{wants data and indices of one rank}}
  %0 = hone.gather_elements %x, %i {axis = 0 : i64} : tensor<4x4xf32>, tensor<3xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_elements_axis(%x: tensor<4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{axis 1 is outside [0, 1)}}
  %0 = hone.gather_elements %x, %i {axis = 1 : i64} : tensor<4xf32>, tensor<3xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_dynamic(%x: tensor<4xf32>, %i: tensor<3x?xi64>) {
  // expected-error@+1 {{wants indices with a static last dim, got 'tensor<3x?xi64>'}}
  %0 = hone.gather_nd %x, %i {batch_dims = 0 : i64} : tensor<4xf32>, tensor<3x?xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_depth(%x: tensor<4xf32>, %i: tensor<3x2xi64>) {
  // expected-error@+1 {{index tuples are longer than the data's rank}}
  %0 = hone.gather_nd %x, %i {batch_dims = 0 : i64} : tensor<4xf32>, tensor<3x2xi64> -> tensor<3xf32>
  return
}

// -----

func.func @random_type(%i: index) {
  // expected-error@+1 {{wants a result of f32, got 'tensor<?xf64>'}}
  %0 = hone.random_uniform 7 [%i] : tensor<?xf64>
  return
}

// -----

func.func @constant_size() {
  // expected-error@+1 {{has 2048 bytes, a weight's size; constants have 1024 at most}}
  %0 = hone.constant dense<"0x0001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001000100010001"> : tensor<2048xi8>
  return
}

// -----

func.func @constant_kind() {
  // expected-error@+1 {{wants a dense value}}
  %0 = hone.constant sparse<[[0]], [1.0]> : tensor<4xf32>
  return
}

// -----

func.func @constant_type() {
  // expected-error@+1 {{result #0 must be tensor of}}
  %0 = hone.constant dense<(1.0, 2.0)> : tensor<4xcomplex<f32>>
  return
}

// -----

func.func @encoding(%x: tensor<4xf32, "e">) {
  // expected-error@+1 {{operand #0 must be tensor of}}
  %0 = hone.tile %x [] : tensor<4xf32, "e"> -> tensor<4xf32, "e">
  return
}

// -----

func.func @reshape_elements(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{cannot make 'tensor<2x3xf32>' of 'tensor<4xf32>'}}
  %0 = hone.reshape %x [%i, %i] : tensor<4xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @reshape_type(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{all of {input, output} have same element type}}
  %0 = hone.reshape %x [%i] : tensor<4xf32> -> tensor<4xi32>
  return
}

// -----

func.func @expand_dims(%x: tensor<3xf32>, %i: index) {
  // expected-error@+1 {{cannot broadcast 'tensor<3xf32>' to 'tensor<4xf32>'}}
  %0 = hone.expand %x [%i] : tensor<3xf32> -> tensor<4xf32>
  return
}

// -----

func.func @huge(%x: tensor<1xf32>, %i: index) {
  // expected-error@+1 {{gives more elements than memory can address: 'tensor<4611686018427387904x4xf32>'}}
  %0 = hone.expand %x [%i, %i] : tensor<1xf32> -> tensor<4611686018427387904x4xf32>
  return
}

// -----

func.func @concat_rank(%x: tensor<2x4xf32>, %y: tensor<4xf32>) {
  // expected-error@+1 {{cannot join 'tensor<4xf32>' into 'tensor<?x4xf32>'}}
  %0 = hone.concat %x, %y {axis = 0 : i64} : tensor<2x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @concat_dims(%x: tensor<2x4xf32>, %y: tensor<2x5xf32>) {
  // expected-error@+1 {{cannot join 'tensor<2x5xf32>' into 'tensor<4x4xf32>'}}
  %0 = hone.concat %x, %y {axis = 0 : i64} : tensor<2x4xf32>, tensor<2x5xf32> -> tensor<4x4xf32>
  return
}

// -----

func.func @concat_sum(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{wants 4 as dim 0 of its result, got 'tensor<5x4xf32>'}}
  %0 = hone.concat %x, %x {axis = 0 : i64} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<5x4xf32>
  return
}

// -----

func.func @pad_value(%x: tensor<4xf32>, %v: tensor<2xf32>, %i: index) {
  // expected-error@+1 {{wants a value of one element, got 'tensor<2xf32>'}}
  %0 = hone.pad %x, %v [%i] [%i] "edge" : tensor<4xf32>, tensor<2xf32> -> tensor<?xf32>
  return
}

// -----

func.func @tile_count(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants 1 repeats, got 2}}
  %0 = hone.tile %x [%i, %i] : tensor<4xf32> -> tensor<?xf32>
  return
}

// -----

func.func @gather_type(%x: tensor<4x4xf32>, %i: tensor<3xui8>) {
  // expected-error@+1 {{operand #1 must be tensor of}}
  %0 = hone.gather %x, %i {axis = 0 : i64} : tensor<4x4xf32>, tensor<3xui8> -> tensor<3x4xf32>
  return
}

// -----

func.func @gather_dims(%x: tensor<4x4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{wants 3 as dim 0 of its result, got 'tensor<4x4xf32>'}}
  %0 = hone.gather %x, %i {axis = 0 : i64} : tensor<4x4xf32>, tensor<3xi64> -> tensor<4x4xf32>
  return
}

// -----

func.func @gather_nd_batch(%x: tensor<4xf32>, %i: tensor<3x1xi64>) {
  // expected-error@+1 {{has no -1 batch dims in 'tensor<4xf32>' and 'tensor<3x1xi64>'}}
  %0 = hone.gather_nd %x, %i {batch_dims = -1 : i64} : tensor<4xf32>, tensor<3x1xi64> -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_all_batch(%x: tensor<3x1xf32>, %i: tensor<3x1xi64>) {
  // expected-error@+1 {{has no 2 batch dims in 'tensor<3x1xf32>' and 'tensor<3x1xi64>'}}
  %0 = hone.gather_nd %x, %i {batch_dims = 2 : i64} : tensor<3x1xf32>, tensor<3x1xi64> -> tensor<3xf32>
  return
}

// -----

func.func @one_hot_axis(%x: tensor<4xi64>, %v: tensor<2xf32>, %i: index) {
  // expected-error@+1 {{axis 2 is outside [0, 2)}}
  %0 = hone.one_hot %x, %i, %v {axis = 2 : i64} : tensor<4xi64>, tensor<2xf32> -> tensor<4x?xf32>
  return
}

// -----

func.func @one_hot_values(%x: tensor<4xi64>, %v: tensor<3xf32>, %i: index) {
  // expected-error@+1 {{wants two values, got 'tensor<3xf32>'}}
  %0 = hone.one_hot %x, %i, %v {axis = 1 : i64} : tensor<4xi64>, tensor<3xf32> -> tensor<4x?xf32>
  return
}

// -----

func.func @range_rank(%x: tensor<1xf32>, %i: index) {
  // expected-error@+1 {{wants a start and a delta of rank 0, got 'tensor<1xf32>'}}
  %0 = hone.range %x, %x [%i] : tensor<1xf32>, tensor<1xf32> -> tensor<?xf32>
  return
}

// -----

func.func @trilu_rank(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants matrices, got 'tensor<4xf32>'}}
  %0 = hone.trilu %x, %i {upper = true} : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @scatter_reduction(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // expected-error@+1 {{reduction 'mean' is none of none, add, mul, max, min}}
  %0 = hone.scatter_elements %x, %i, %x "mean" {axis = 0 : i64} : tensor<4xf32>, tensor<4xi64>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @scatter_stored(%x: tensor<4xf16>, %i: tensor<4xi64>) {
  %0 = hone.scatter_elements %x, %i, %x "none" {axis = 0 : i64} : tensor<4xf16>, tensor<4xi64>, tensor<4xf16> -> tensor<4xf16>
  // expected-error@+1 {{cannot combine elements of 'tensor<4xf16>'; cast them first}}
  %1 = hone.scatter_elements %x, %i, %x "add" {axis = 0 : i64} : tensor<4xf16>, tensor<4xi64>, tensor<4xf16> -> tensor<4xf16>
  return
}

// -----

func.func @scatter_nd_stored(%x: tensor<4xi4>, %i: tensor<4x1xi64>) {
  // expected-error@+1 {{cannot combine elements of 'tensor<4xi4>'; cast them first}}
  %0 = hone.scatter_nd %x, %i, %x "max" : tensor<4xi4>, tensor<4x1xi64>, tensor<4xi4> -> tensor<4xi4>
  return
}

// -----

func.func @scatter_axis(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // expected-error@+1 {{axis 1 is outside [0, 1)}}
  %0 = hone.scatter_elements %x, %i, %x "add" {axis = 1 : i64} : tensor<4xf32>, tensor<4xi64>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @scatter_updates(%x: tensor<4xf32>, %i: tensor<3xi64>) {
  // expected-error@+1 {{has indices 'tensor<3xi64>' for updates 'tensor<4xf32>'}}
  %0 = hone.scatter_elements %x, %i, %x "add" {axis = 0 : i64} : tensor<4xf32>, tensor<3xi64>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_tuples(%x: tensor<4xf32>, %i: tensor<4x2xi64>) {
  // expected-error@+1 {{index tuples are longer than the data's rank}}
  %0 = hone.scatter_nd %x, %i, %x "add" : tensor<4xf32>, tensor<4x2xi64>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_updates(%x: tensor<4x5xf32>, %i: tensor<3x1xi64>, %u: tensor<3x4xf32>) {
  // expected-error@+1 {{wants updates of 'tensor<3x5xf32>', got 'tensor<3x4xf32>'}}
  %0 = hone.scatter_nd %x, %i, %u "add" : tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x4xf32> -> tensor<4x5xf32>
  return
}

// -----

func.func @unpack_layout(%x: tensor<2x8x16xf32>) {
  // expected-error@+1 {{has dims, tiles or an order that are none of 'tensor<8x30xf32>'}}
  %0 = hone.unpack %x dims [2] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
  return
}

// -----

func.func @unpack_tile(%x: tensor<2x8x16xf32>) {
  // expected-error@+1 {{has dims, tiles or an order that are none of 'tensor<8x30xf32>'}}
  %0 = hone.unpack %x dims [1] tiles [0] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x30xf32>
  return
}

// -----

func.func @unpack_shape(%x: tensor<2x8x16xf32>) {
  // expected-error@+1 {{wants 'tensor<8x33xf32>' in tiles, got 'tensor<2x8x16xf32>'}}
  %0 = hone.unpack %x dims [1] tiles [16] order [1, 0] : tensor<2x8x16xf32> -> tensor<8x33xf32>
  return
}

// -----

func.func @insert_rank(%x: tensor<4x2xf32>, %row: tensor<2xf32>, %i: index) {
  // expected-error@+1 {{cannot put 'tensor<2xf32>' into 'tensor<4x2xf32>'}}
  %0 = hone.insert %row into %x [%i] {axis = 0 : i64} : tensor<2xf32> into tensor<4x2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @insert_dims(%x: tensor<4x2xf32>, %row: tensor<1x3xf32>, %i: index) {
  // expected-error@+1 {{cannot put 'tensor<1x3xf32>' into 'tensor<4x2xf32>'}}
  %0 = hone.insert %row into %x [%i] {axis = 0 : i64} : tensor<1x3xf32> into tensor<4x2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @insert_axis(%x: tensor<4x2xf32>, %row: tensor<4x2xf32>, %i: index) {
  // expected-error@+1 {{axis}}
  %0 = hone.insert %row into %x [%i] {axis = 2 : i64} : tensor<4x2xf32> into tensor<4x2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @tensor_scatter_dims(%x: tensor<4x2xf32>, %row: tensor<3x1xf32>, %n: tensor<4xi64>) {
  // expected-error@+1 {{cannot put 'tensor<3x1xf32>' into 'tensor<4x2xf32>'}}
  %0 = hone.tensor_scatter %row into %x at %n {axis = 1 : i64} : tensor<3x1xf32> into tensor<4x2xf32> at tensor<4xi64> -> tensor<4x2xf32>
  return
}

// -----

func.func @tensor_scatter_axis(%x: tensor<4x2xf32>, %row: tensor<1x2xf32>, %n: tensor<4xi64>) {
  // expected-error@+1 {{cannot write along dim 0, the batch}}
  %0 = hone.tensor_scatter %row into %x at %n {axis = 0 : i64} : tensor<1x2xf32> into tensor<4x2xf32> at tensor<4xi64> -> tensor<4x2xf32>
  return
}

// -----

func.func @tensor_scatter_positions(%x: tensor<4x2xf32>, %row: tensor<4x1xf32>, %n: tensor<3xi64>) {
  // expected-error@+1 {{wants a position for each row of the batch: got 'tensor<3xi64>' for 'tensor<4x2xf32>'}}
  %0 = hone.tensor_scatter %row into %x at %n {axis = 1 : i64} : tensor<4x1xf32> into tensor<4x2xf32> at tensor<3xi64> -> tensor<4x2xf32>
  return
}

// -----

func.func @nonzero(%x: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{wants a result of two dims and i64, got 'tensor<1x?xi32>'}}
  %0 = hone.nonzero %x [%i] : tensor<4xf32> -> tensor<1x?xi32>
  return
}

// -----

func.func @with_dims(%x: tensor<4x?xf32>, %i: index) {
  // expected-error@+1 {{cannot make 'tensor<?x3x?xf32>' of 'tensor<4x?xf32>'}}
  %0 = hone.with_dims %x [%i, %i, %i] : tensor<4x?xf32> -> tensor<?x3x?xf32>
  return
}
