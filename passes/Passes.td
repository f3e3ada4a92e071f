// Every pass, declared once. Pipelines.cpp decides their order.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef PASSES_PASSES_TD
#define PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===-- simplify ------------------------------------------------------------------------------------------------===//

def FoldConstants : Pass<"hone-fold-constants", "mlir::ModuleOp"> {
  let summary = "Ops on constants become constants";
  let description = [{
    Every op whose operands are constants and whose result is small is evaluated with its own element function:
    ```mlir
    %s = hone.sqrt %c : tensor<f32> -> tensor<f32>        // %c = hone.constant dense<4.0>
    ```
    becomes `hone.constant dense<2.0>`. Folding is bounded: results over 1 KiB stay ops, and a remark (`simplify`) says so.
  }];
  let options = [
    Option<"totalLimit", "total-limit", "int64_t", /*default=*/"16777216", "all folded results together, in bytes">];
  let dependentDialects = ["hone::HoneDialect"];
}

def SimplifyShapes : Pass<"hone-simplify-shapes", "mlir::ModuleOp"> {
  let summary = "Ops that provably move nothing disappear";
  let description = [{
    Folders see one op; this pass also knows which dynamic dims are equal. A reshape or expansion to the dims that the input
    has, and a slice of everything, are their input. A transposition of matrices whose leading dims were joined and are split
    again (as PyTorch's exporter writes the transposition of attention's keys) happens without the reshapes:
    ```mlir
    %a = hone.reshape %x [%bh, %s, %d] : tensor<?x12x?x32xf32> -> tensor<?x?x32xf32>
    %b = hone.transpose %a [0, 2, 1] : tensor<?x?x32xf32> -> tensor<?x32x?xf32>
    %c = hone.reshape %b [%batch, %h, %d, %s] : tensor<?x32x?xf32> -> tensor<?x12x32x?xf32>
    ```
    becomes `hone.transpose %x [0, 1, 3, 2]`.
  }];
  let dependentDialects = ["hone::HoneDialect"];
}

def FusePatterns : Pass<"hone-fuse-patterns", "mlir::ModuleOp"> {
  let summary = "What exporters spelled out becomes one op: GELU, layer norm, RMS norm, attention, products of narrow weights";
  let description = [{
    Interior values must have no other use, irrational constants may differ by 2 parts in 10,000 (they were rounded on their
    way), and only f32 is fused (products of weights that are stored narrow: f64 and integers, too). Locations are fused, so
    that every node of the model keeps its name.
    ```mlir
    %1 = hone.mul %x, %c707 : …           // 1/√2
    %2 = hone.erf %1 : …
    %3 = hone.add %2, %one : …
    %4 = hone.mul %x, %3 : …
    %5 = hone.mul %4, %half : …
    ```
    becomes `%5 = hone.gelu %x`.
  }];
  let dependentDialects = ["hone::HoneDialect"];
}

def MergeProducts : Pass<"hone-merge-products", "mlir::ModuleOp"> {
  let summary = "Products of one tensor with the weights of queries, keys and values become one product";
  let description = [{
    Their weights are joined (`#hone.concat`), and so are the weights and constants of the element-wise ops that follow all of
    them alike, biases and scales of columns. The one attention that reads the results gets slices of heads, which it reads
    where they lie. A weight that others read, too, stays apart.
    ```mlir
    %q = hone.matmul %x, %wq : tensor<?x?x384xf32>, tensor<384x384xf32> -> tensor<?x?x384xf32>
    %k = hone.matmul %x, %wk : …
    %v = hone.matmul %x, %wv : …
    ```
    becomes
    ```mlir
    hone.weight @wq_joined : tensor<384x1152xf32> = #hone.concat<[@wq, @wk, @wv], axis = 1>
    %qkv = hone.matmul %x, %joined : tensor<?x?x384xf32>, tensor<384x1152xf32> -> tensor<?x?x1152xf32>
    ```
  }];
  let dependentDialects = ["hone::HoneDialect"];
}

//===-- layout --------------------------------------------------------------------------------------------------===//

def PropagateLayouts : Pass<"hone-propagate-layouts", "mlir::ModuleOp"> {
  let summary = "Transpositions sink through ops until they meet and cancel";
  let description = [{
    An op whose operands are transposed alike is computed on what was transposed, and its result is transposed instead: the op's
    structure says in which order its dims are then, and has to be the same afterwards. Weights, constants and operands that broadcast
    are brought into that order, where dims of one element move it is a reshape. Of all that could be done it does what leaves the
    fewest bytes to transpose, and nothing where that is not fewer than before. Results of the program and taps stay as they are.
    ```mlir
    %0 = hone.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32> -> tensor<1x16x8x8xf32>
    %1 = hone.add %0, %bias : tensor<1x16x8x8xf32>, tensor<16x1x1xf32> -> tensor<1x16x8x8xf32>
    %2 = hone.transpose %1 [0, 2, 3, 1] : tensor<1x16x8x8xf32> -> tensor<1x8x8x16xf32>
    ```
    becomes
    ```mlir
    %0 = hone.reshape %bias [%c16] : tensor<16x1x1xf32> -> tensor<16xf32>
    %1 = hone.add %x, %0 : tensor<1x8x8x16xf32>, tensor<16xf32> -> tensor<1x8x8x16xf32>
    ```
  }];
  let dependentDialects = ["hone::HoneDialect"];
}

//===-- weights ------------------------------------------------------------------------------------------------===//

def FoldWeights : Pass<"hone-fold-weights", "mlir::ModuleOp"> {
  let summary = "Ops on weights become weights: recipes that are evaluated once, when the artefact is written";
  let description = [{
    Transpositions, slices, concatenations, casts and reshapes whose operands are weights (small constants among them) and whose
    parameters are known, also chains of them; of constants alone, where the result is too large for a constant. Equal ones share
    a new weight.
    ```mlir
    hone.weight @w : tensor<384x1536xf32> = #hone.file<"model.onnx", offset = 1024, length = 2359296>
    %0 = hone.use_weight @w : tensor<384x1536xf32>
    %1 = hone.transpose %0 [1, 0] : tensor<384x1536xf32> -> tensor<1536x384xf32>
    ```
    becomes
    ```mlir
    hone.weight @w_transpose : tensor<1536x384xf32> = #hone.transpose<@w, [1, 0]>
    %1 = hone.use_weight @w_transpose : tensor<1536x384xf32>
    ```
    A weight that nothing reads any more is not written. Where the results are larger than the weights that go (a cast to a
    wider type, a weight that is read as it is, too, or joined with itself), the library grows: the largest results stay ops then,
    and a remark (`weights`) says so.
  }];
  let options = [
    Option<"growthLimit", "growth-limit", "int64_t", /*default=*/"65536",
           "how much larger results that share weights may make the artefact, in bytes">,
    Option<"totalGrowthLimit", "total-growth-limit", "int64_t", /*default=*/"1048576", "the same, of all together">];
  let dependentDialects = ["hone::HoneDialect"];
}

//===-- taps ----------------------------------------------------------------------------------------------------===//

def InsertTaps : Pass<"hone-insert-taps", "mlir::ModuleOp"> {
  let summary = "Values of named nodes become results of the library";
  let description = [{
    The value of a node whose name in the model matches `names` gets a `hone.tap`, which survives all passes: the compiled
    library returns it as a further output of the node's name. A node of several outputs has NAME:0, NAME:1 and so on; a
    name that is taken gets `:tap`. A value that is an output of this name already is left alone; it is an error if no node
    matches. Run it on a module as imported, when every op is still one node's: locations tell which node's, and which of
    its outputs it computes. (`hone compile --keep` asks the importer, which knows nodes without an op of their own, too.)
    ```mlir
    %0 = hone.matmul %x, %w : … loc("encoder/MatMul_3 (MatMul)")
    ```
    becomes, with `names=MatMul_3`,
    ```mlir
    %0 = hone.matmul %x, %w : …
    %1 = hone.tap %0 "encoder/MatMul_3" : …
    ```
  }];
  let options = [Option<"names", "names", "std::string", /*default=*/"", "POSIX extended regular expression">];
  let dependentDialects = ["hone::HoneDialect"];
}

//===-- state ---------------------------------------------------------------------------------------------------===//

def HoldState : Pass<"hone-hold-state", "mlir::ModuleOp"> {
  let summary = "Inputs and outputs that a caller hands from run to run become state of the session";
  let description = [{
    Each pair is an input and the output that is this input in the next run. If the output is the input with something behind it
    along an axis (a cache of keys), the state grows: the run inserts what is new where it lies, and nothing is copied. Otherwise
    the run writes all of it. Run it on a module as imported. States that grow by one symbol grow together; the session knows
    their length, and tells it as an argument with `hone.length`. What grows lies behind the first dim:
    ```mlir
    func.func @main(%past: tensor<?x3x?x64xf32> {hone.name = "past_key", hone.dims = ["batch", "", "past", ""]}, …) {
      %present = hone.concat %past, %key {axis = 2 : i64} : …
      return %present, … : …
    ```
    becomes
    ```mlir
    func.func @main(…, %n: tensor<i64> {hone.length, hone.name = "past"},
                    %state: tensor<?x?x3x64xf32> {hone.state = {axis = 1 : i64, length = "past"}, hone.name = "past_key",
                                                  hone.dims = ["batch", "past.capacity", "", ""]}) {
      %1 = hone.insert %0 into %state [%length] {axis = 1 : i64} : …    // %0 is %key transposed
      hone.keep %1 as "past_key" : tensor<?x?x3x64xf32>
      %2 = hone.slice %1 […] [%batch, %total, %c3, %c64] […] : …
      hone.keep %total as "past" : index
    ```
  }];
  let options = [ListOption<"pairs", "pairs", "std::string",
                            "INPUT:OUTPUT by name; without it those that are named past… and present…, …_in and …_out">];
  let dependentDialects = ["hone::HoneDialect"];
}

//===-- analysis ------------------------------------------------------------------------------------------------===//

def PrintFactors : Pass<"hone-print-factors", "mlir::ModuleOp"> {
  let summary = "Shows the iteration spaces of ops, or follows a dim through the program";
  let description = [{
    Without an option, a remark on each op gives its structure: operands and results in factors, and the factors that are not
    parallel. With `from`, a dim of a weight or input is followed: remarks say which dims carry its factors, where one
    ends (is summed), where all of it is needed, and where only a part goes on. Whoever splits or prunes positions of
    that dim does so to all that carry it. Nothing is changed.
    ```mlir
    %0 = hone.matmul %x, %w : tensor<?x?x384xf32>, tensor<384x1536xf32> -> tensor<?x?x1536xf32>
    ```
    gives `([a, b, d], [d, c]) -> ([a, b, c]) d: reduction sum`.
  }];
  let options = [Option<"from", "from", "std::string", /*default=*/"",
                        "dim to follow: @WEIGHT:DIM, or NAME:DIM for an input">];
}

//===-- dispatch ------------------------------------------------------------------------------------------------===//

def Dispatch : Pass<"hone-dispatch", "mlir::ModuleOp"> {
  let summary = "Ops become kernels, each entry becomes a list of launches";
  let description = [{
    Groups ops into kernels (a family's op with what the family fuses before and behind it; everything else with the producers
    that it alone reads), collapses dims that all values of a kernel share, makes equal kernels once, lays weights out as the
    target's families want them, and gives every result of the program a buffer of its own. Each kernel gets its decision:
    family, parameters, predicted cost. Launches go down to their first readers where less is alive between; a kernel whose
    launches all find an operand that nobody needs afterwards, and read it element by element, runs in place.
    ```mlir
    %0 = hone.matmul %x, %w : …
    %1 = hone.add %0, %bias : …
    ```
    becomes `%1 = hone.launch @k0_matmul_add(%x, %w_packed, %bias) sizes(%m) to (%b, %s) : …`.
  }];
  let dependentDialects = ["hone::HoneDialect"];
}

#endif
