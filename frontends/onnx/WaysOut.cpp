// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/WaysOut.h"
#include "llvm/ADT/STLExtras.h"

using namespace hone;
using llvm::StringRef;

static constexpr StringRef kUnquantized = "compile the float model, as it was before quantization";
static constexpr StringRef kCutStrings =
    "leave text to the program around the model: onnx.utils.extract_model cuts out the part that takes numbers";
static constexpr StringRef kOneTensor =
    "export with one tensor instead of a list: stacked or padded, or each part as an input or output of its own";
static constexpr StringRef kNoRandom = "make the random numbers an input of the model";
static constexpr StringRef kNoDataSizes =
    "keep all elements and mask them (Where): how many the result has depends on data, but memory is planned from dims";
static constexpr StringRef kInPlainOperators = "convert with black_op={'LinearClassifier', 'LinearRegressor', "
                                               "'Normalizer', 'Scaler'} (skl2onnx), which writes them "
                                               "in operators of ai.onnx";

namespace {
struct OperatorRow {
  StringRef domain;
  StringRef op; ///< empty: any of the domain
  StringRef wayOut;
};
struct TypeRow {
  OnnxDataType type;
  StringRef wayOut;
};
struct KindRow {
  OnnxValueType::Kind kind;
  StringRef wayOut;
};
} // namespace

// The first row that fits counts. The row for any other domain is the last.
static constexpr OperatorRow kOperatorRows[] = {
    {"", "SequenceMap", kOneTensor},
    {"", "SequenceConstruct", kOneTensor},
    {"", "SequenceEmpty", kOneTensor},
    {"", "SequenceAt", kOneTensor},
    {"", "SequenceInsert", kOneTensor},
    {"", "SequenceErase", kOneTensor},
    {"", "SequenceLength", kOneTensor},
    {"", "SplitToSequence", "export with Split, whose parts are outputs of their own"},
    {"", "ConcatFromSequence", "export with Concat of the tensors themselves"},
    {"", "Optional", kOneTensor},
    {"", "OptionalGetElement", kOneTensor},
    {"", "OptionalHasElement", kOneTensor},
    {"", "StringNormalizer", kCutStrings},
    {"", "StringConcat", kCutStrings},
    {"", "StringSplit", kCutStrings},
    {"", "RegexFullMatch", kCutStrings},
    {"", "TfIdfVectorizer", kCutStrings},
    {"", "RandomNormal", kNoRandom},
    {"", "RandomNormalLike", kNoRandom},
    {"", "RandomUniform", kNoRandom},
    {"", "RandomUniformLike", kNoRandom},
    {"", "Multinomial", kNoRandom},
    {"", "Bernoulli", kNoRandom},
    {"", "Unique", kNoDataSizes},
    {"", "Compress", kNoDataSizes},
    {"", "Einsum",
     "write it as Transpose, Reshape and MatMul before the export (torch.matmul instead of torch.einsum)"},
    {"ai.onnx.ml", "ZipMap", "convert with options={'zipmap': False} (skl2onnx): probabilities become one tensor"},
    {"ai.onnx.ml", "LabelEncoder", kCutStrings},
    {"ai.onnx.ml", "CategoryMapper", kCutStrings},
    {"ai.onnx.ml", "DictVectorizer", kCutStrings},
    {"ai.onnx.ml", "LinearClassifier", kInPlainOperators},
    {"ai.onnx.ml", "LinearRegressor", kInPlainOperators},
    {"ai.onnx.ml", "Normalizer", kInPlainOperators},
    {"ai.onnx.ml", "Scaler", kInPlainOperators},
    {"ai.onnx.ml", "ArrayFeatureExtractor",
     "where it looks up a classifier's label, cut it off at the probabilities with onnx.utils.extract_model"},
    {"ai.onnx.ml", "", ""},
    {"ai.onnx.preview.training", "", "export the model for inference"},
    {"com.microsoft", "",
     "ONNX Runtime's optimizer or quantizer wrote it: compile the model as it was before, in operators of ai.onnx"},
};

static constexpr StringRef kOwnOperator =
    "give the model a function of this name and domain in operators of ai.onnx (onnx.helper.make_function): Hone "
    "compiles its body";

static constexpr TypeRow kTypeRows[] = {
    {OnnxDataType::String, kCutStrings},
    {OnnxDataType::Complex64, "export real and imaginary parts as two float tensors (torch.view_as_real)"},
    {OnnxDataType::Complex128, "export real and imaginary parts as two double tensors (torch.view_as_real)"},
    {OnnxDataType::Float8E4M3FN, kUnquantized},
    {OnnxDataType::Float8E4M3FNUZ, kUnquantized},
    {OnnxDataType::Float8E5M2, kUnquantized},
    {OnnxDataType::Float8E5M2FNUZ, kUnquantized},
    {OnnxDataType::Float8E8M0, kUnquantized},
    {OnnxDataType::Float6E2M3, kUnquantized},
    {OnnxDataType::Float6E3M2, kUnquantized},
    {OnnxDataType::Float4E2M1, kUnquantized},
    {OnnxDataType::UInt2, kUnquantized},
    {OnnxDataType::Int2, kUnquantized},
};

static constexpr KindRow kKindRows[] = {
    {OnnxValueType::Sequence, kOneTensor},
    {OnnxValueType::Optional, "export the model with the input given, or without it"},
    {OnnxValueType::SparseTensor, "give the tensor dense"},
    {OnnxValueType::Map, "convert with options={'zipmap': False} (skl2onnx), or give keys and values as two tensors"},
};

StringRef hone::wayOutOfOperator(StringRef domain, StringRef op) {
  for (const OperatorRow &row : kOperatorRows)
    if (row.domain == domain && (row.op.empty() || row.op == op))
      return row.wayOut;
  return domain.empty() ? StringRef() : kOwnOperator;
}

StringRef hone::wayOutOfType(OnnxDataType type) {
  const TypeRow *row = llvm::find_if(kTypeRows, [&](const TypeRow &row) { return row.type == type; });
  return row == std::end(kTypeRows) ? StringRef() : row->wayOut;
}

StringRef hone::wayOutOfKind(OnnxValueType::Kind kind) {
  const KindRow *row = llvm::find_if(kKindRows, [&](const KindRow &row) { return row.kind == kind; });
  return row == std::end(kKindRows) ? StringRef() : row->wayOut;
}
