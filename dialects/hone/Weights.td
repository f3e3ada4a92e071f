// Where the elements of a weight come from: files, and recipes over other weights.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Hone_FileAttr : Hone_Attr<"File", "file"> {
  let summary = "Bytes of a file: little-endian, row-major elements; a bool is a byte";
  let description = [{
    `digest`, if there is one, is the BLAKE3 of these bytes, as 64 hexadecimal digits: what is read must have it. An empty path
    is the store of values that this very process has computed; in a stage file they lie beside it.
    ```mlir
    #hone.file<"model.onnx", offset = 1024, length = 2359296>
    ```
    ```mlir
    #hone.file<"hone.mlir.weights", offset = 0, length = 3, digest = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85">
    ```
  }];
  let parameters = (ins StringRefParameter<"path, relative to the stage file or absolute">:$path, "int64_t":$offset,
                        "int64_t":$length, StringRefParameter<"BLAKE3 of the bytes", [{""}]>:$digest);
  let assemblyFormat = [{
    `<` $path `,` `offset` `=` $offset `,` `length` `=` $length (`,` `digest` `=` $digest^)? `>`
  }];
}

class Hone_RecipeAttr<string name, string attrMnemonic, list<string> overridden = []>
    : Hone_Attr<name, attrMnemonic, [DeclareAttrInterfaceMethods<Hone_WeightRecipeAttrInterface, overridden>]>;
class Hone_Numbers<string text> : ArrayRefParameter<"int64_t", text>; // printed as they are: one at least

def Hone_SliceAttr : Hone_RecipeAttr<"Slice", "slice"> {
  let summary = "Recipe: every step-th element from a start on, per dim";
  let description = [{
    Element i of a dim of the result is element start + i·step of the source's; steps may be negative.
    ```mlir
    #hone.slice<@qkv, starts = [0, 384], sizes = [384, 384], steps = [1, 1]>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$source, Hone_Numbers<"per dim">:$starts,
                        Hone_Numbers<"per dim">:$sizes, Hone_Numbers<"per dim">:$steps);
  let assemblyFormat = [{
    `<` $source `,` `starts` `=` `[` $starts `]` `,` `sizes` `=` `[` $sizes `]` `,` `steps` `=` `[` $steps `]` `>`
  }];
}

def Hone_ConcatAttr : Hone_RecipeAttr<"Concat", "concat"> {
  let summary = "Recipe: weights one after the other along a dim";
  let description = [{
    ```mlir
    #hone.concat<[@query, @key, @value], axis = 1>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::FlatSymbolRefAttr", "weights">:$sources, "int64_t":$axis);
  let assemblyFormat = "`<` `[` $sources `]` `,` `axis` `=` $axis `>`";
}

def Hone_TransposeAttr : Hone_RecipeAttr<"Transpose", "transpose", ["asPermutation"]> {
  let summary = "Recipe: dims permuted";
  let description = [{
    Dim i of the result is dim permutation[i] of the source.
    ```mlir
    #hone.transpose<@w, [1, 0]>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$source, Hone_Numbers<"dims of the source">:$permutation);
  let assemblyFormat = "`<` $source `,` `[` $permutation `]` `>`";
}

def Hone_CastAttr : Hone_RecipeAttr<"Cast", "cast"> {
  let summary = "Recipe: elements converted to the element type of the weight, as hone.cast does it";
  let description = [{
    ```mlir
    #hone.cast<@w>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$source);
  let assemblyFormat = "`<` $source `>`";
}

def Hone_ReshapeAttr : Hone_RecipeAttr<"Reshape", "reshape"> {
  let summary = "Recipe: the same elements in row-major order under the dims of the weight";
  let description = [{
    ```mlir
    #hone.reshape<@w>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$source);
  let assemblyFormat = "`<` $source `>`";
}

def Hone_PackAttr : Hone_RecipeAttr<"Pack", "pack"> {
  let summary = "Recipe: a tensor cut into tiles, each of which lies in one piece; as linalg.pack, with zeros";
  let description = [{
    Source dim dims[i] is cut into pieces of tiles[i]. The result's dims are those of the source (of a cut one the number of
    pieces) in the order `order`, then the tiles. What the last piece lacks is zero. With `order` left out dims stay where they are.
    Where no dim is cut, `dims` and `tiles` have no number.

    A matrix [k, n] cut into column panels, and one [n, k] to the same [ceil(n / 16), k, 16]:
    ```mlir
    #hone.pack<@w, dims = [1], tiles = [16], order = [1, 0]>
    ```
    ```mlir
    #hone.pack<@w_transpose, dims = [0], tiles = [16]>
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$source, Hone_Numbers<"dims of the source that are cut">:$dims,
                        Hone_Numbers<"elements in a piece">:$tiles,
                        OptionalArrayRefParameter<"int64_t", "dims of the source, empty: as they are">:$order);
  let assemblyFormat = [{
    `<` $source `,` `dims` `=` custom<List>($dims) `,` `tiles` `=` custom<List>($tiles)
    (`,` `order` `=` `[` $order^ `]`)? `>`
  }];
}
