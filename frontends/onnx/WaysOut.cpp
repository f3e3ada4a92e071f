// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/WaysOut.h"
#include "llvm/ADT/STLExtras.h"

using namespace hone;
using llvm::StringRef;

static constexpr StringRef unquantized = "compile the float model, as it was before quantization";
static constexpr StringRef cutStrings =
    "leave text to the program around the model: onnx.utils.extract_model cuts out the part that takes numbers";
static constexpr StringRef oneTensor =
    "export with one tensor instead of a list: stacked or padded, or each part as an input or output of its own";
static constexpr StringRef noLoop =
    "export with a fixed number of steps, so that the exporter writes them out one after the other";
static constexpr StringRef noRandom = "make the random numbers an input of the model";
static constexpr StringRef noDataSizes =
    "keep all elements and mask them (Where): how many the result has depends on data, but memory is planned from dims";
static constexpr StringRef inPlainOperators = "convert with black_op={'LinearClassifier', 'LinearRegressor', "
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
static constexpr OperatorRow operatorRows[] = {
    {"", "QuantizeLinear", unquantized},
    {"", "DequantizeLinear", unquantized},
    {"", "DynamicQuantizeLinear", unquantized},
    {"", "ConvInteger", unquantized},
    {"", "QLinearMatMul", unquantized},
    {"", "QLinearConv", unquantized},
    {"", "If",
     "if its condition is constant, let ONNX Runtime fold it: InferenceSession with "
     "SessionOptions.optimized_model_filepath and graph_optimization_level ORT_ENABLE_BASIC; else compute both "
     "branches "
     "and choose with Where"},
    {"", "Loop", noLoop},
    {"", "Scan", noLoop},
    {"", "SequenceMap", oneTensor},
    {"", "SequenceConstruct", oneTensor},
    {"", "SequenceEmpty", oneTensor},
    {"", "SequenceAt", oneTensor},
    {"", "SequenceInsert", oneTensor},
    {"", "SequenceErase", oneTensor},
    {"", "SequenceLength", oneTensor},
    {"", "SplitToSequence", "export with Split, whose parts are outputs of their own"},
    {"", "ConcatFromSequence", "export with Concat of the tensors themselves"},
    {"", "Optional", oneTensor},
    {"", "OptionalGetElement", oneTensor},
    {"", "OptionalHasElement", oneTensor},
    {"", "StringNormalizer", cutStrings},
    {"", "StringConcat", cutStrings},
    {"", "StringSplit", cutStrings},
    {"", "RegexFullMatch", cutStrings},
    {"", "TfIdfVectorizer", cutStrings},
    {"", "RandomNormal", noRandom},
    {"", "RandomNormalLike", noRandom},
    {"", "RandomUniform", noRandom},
    {"", "RandomUniformLike", noRandom},
    {"", "Multinomial", noRandom},
    {"", "Bernoulli", noRandom},
    {"", "NonZero", noDataSizes},
    {"", "Unique", noDataSizes},
    {"", "Compress", noDataSizes},
    {"", "NonMaxSuppression", "leave it to the program around the model: give boxes and scores as outputs"},
    {"", "Einsum",
     "write it as Transpose, Reshape and MatMul before the export (torch.matmul instead of torch.einsum)"},
    {"ai.onnx.ml", "ZipMap", "convert with options={'zipmap': False} (skl2onnx): probabilities become one tensor"},
    {"ai.onnx.ml", "LabelEncoder", cutStrings},
    {"ai.onnx.ml", "CategoryMapper", cutStrings},
    {"ai.onnx.ml", "DictVectorizer", cutStrings},
    {"ai.onnx.ml", "LinearClassifier", inPlainOperators},
    {"ai.onnx.ml", "LinearRegressor", inPlainOperators},
    {"ai.onnx.ml", "Normalizer", inPlainOperators},
    {"ai.onnx.ml", "Scaler", inPlainOperators},
    {"ai.onnx.ml", "ArrayFeatureExtractor",
     "where it looks up a classifier's label, cut it off at the probabilities with onnx.utils.extract_model"},
    {"ai.onnx.ml", "", ""},
    {"ai.onnx.preview.training", "", "export the model for inference"},
    {"com.microsoft", "",
     "ONNX Runtime's optimizer or quantizer wrote it: compile the model as it was before, in operators of ai.onnx"},
};

static constexpr StringRef ownOperator =
    "give the model a function of this name and domain in operators of ai.onnx (onnx.helper.make_function): Hone "
    "compiles its body";

static constexpr TypeRow typeRows[] = {
    {OnnxDataType::String, cutStrings},
    {OnnxDataType::Complex64, "export real and imaginary parts as two float tensors (torch.view_as_real)"},
    {OnnxDataType::Complex128, "export real and imaginary parts as two double tensors (torch.view_as_real)"},
    {OnnxDataType::Float8E4M3FN, unquantized},
    {OnnxDataType::Float8E4M3FNUZ, unquantized},
    {OnnxDataType::Float8E5M2, unquantized},
    {OnnxDataType::Float8E5M2FNUZ, unquantized},
    {OnnxDataType::Float8E8M0, unquantized},
    {OnnxDataType::Float6E2M3, unquantized},
    {OnnxDataType::Float6E3M2, unquantized},
    {OnnxDataType::Float4E2M1, unquantized},
    {OnnxDataType::UInt2, unquantized},
    {OnnxDataType::Int2, unquantized},
};

static constexpr KindRow kindRows[] = {
    {OnnxValueType::Sequence, oneTensor},
    {OnnxValueType::Optional, "export the model with the input given, or without it"},
    {OnnxValueType::SparseTensor, "give the tensor dense"},
    {OnnxValueType::Map, "convert with options={'zipmap': False} (skl2onnx), or give keys and values as two tensors"},
};

StringRef hone::wayOutOfOperator(StringRef domain, StringRef op) {
  for (const OperatorRow &row : operatorRows)
    if (row.domain == domain && (row.op.empty() || row.op == op))
      return row.wayOut;
  return domain.empty() ? StringRef() : ownOperator;
}

StringRef hone::wayOutOfType(OnnxDataType type) {
  const TypeRow *row = llvm::find_if(typeRows, [&](const TypeRow &row) { return row.type == type; });
  return row == std::end(typeRows) ? StringRef() : row->wayOut;
}

StringRef hone::wayOutOfKind(OnnxValueType::Kind kind) {
  const KindRow *row = llvm::find_if(kindRows, [&](const KindRow &row) { return row.kind == kind; });
  return row == std::end(kindRows) ? StringRef() : row->wayOut;
}
