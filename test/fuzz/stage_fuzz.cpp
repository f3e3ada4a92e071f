// libFuzzer target: stage files, text in MLIR, which `hone compile` reads at each stage. Any text is compiled to the
// LLVM dialect, or refused with a diagnostic.
//
// Starts from all stages but the last of small models. Mutations change tokens and lines, so that most results are
// still text that the parser takes. What is behind the LLVM dialect is left out: it is LLVM's verifier that has to
// refuse nonsense there.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/Pass/PassManager.h"
#include "test/fuzz/Fuzz.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <random>

using namespace hone;
using llvm::StringRef;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv) {
  if (!std::getenv("HONE_FUZZ_SHOW"))
    muteDiagnostics(argc, argv);
  return 0;
}

//===-- Seeds ---------------------------------------------------------------------------------------------------===//

static constexpr StringRef models[] = {
    R"(<ir_version: 8, opset_import: ["" : 17]>
g (float[n, 8] x) => (float[n, 4] y) <float[8, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7,
                                                        8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5}> {
  h = MatMul(x, w)
  g = Erf(h)
  n = Softmax<axis = -1>(g)
  y = Mul(n, h)
})",
    R"(<ir_version: 8, opset_import: ["" : 17]>
g (float[n, m] x, int64[2] s) => (float[a, b] y, float[n, 1] z, int64[n, 2] p)
  <int64[2] zeros = {0, 0}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] last = {-1}, int64 axis = {1}> {
  d = Shape(x)
  rows = Slice(d, zero, one)
  shape = Concat<axis = 0>(rows, last)
  r = Reshape(x, shape)
  t = Transpose<perm = [1, 0]>(r)
  e = Slice(t, zeros, s)
  y = Relu(e)
  z = ReduceSum<keepdims = 1>(x, one)
  v, p = TopK<axis = 1>(x, two)
})",
    R"(<ir_version: 8, opset_import: ["" : 17]>
g (float[n, 2, m, 4] q, float[n, 2, l, 4] k, float[n, 2, l, 4] v, int64[n] i) => (float[n, 2, m, 4] y, float[n, 2] u)
  <float scale = {0.5}, float[3, 2] table = {1, 2, 3, 4, 5, 6}> {
  t = Transpose<perm = [0, 1, 3, 2]>(k)
  a = MatMul(q, t)
  b = Mul(a, scale)
  c = Softmax<axis = -1>(b)
  y = MatMul(c, v)
  u = Gather(table, i)
})"};

static std::vector<std::string> makeSeeds() {
  mlir::registerPassManagerCLOptions();
  std::vector<std::string> seeds;
  for (unsigned i = 0; i < std::size(models); ++i) {
    Options options;
    options.input = fileOf(models[i], "seed.onnxtxt");
    options.target = "x86-64-v3";
    options.jobs = 1;
    Console console(options.input);
    Compilation compilation(options, console);
    if (compilation.load())
      fail("the seeds do not compile");
    for (Stage stage : {Stage::Import, Stage::Hone, Stage::Kernels, Stage::Plan}) {
      if (compilation.runTo(stage))
        fail("the seeds do not compile");
      llvm::raw_string_ostream(seeds.emplace_back()) << compilation.module();
    }
  }
  return seeds;
}

static const std::vector<std::string> &seeds() {
  static const std::vector<std::string> made = makeSeeds();
  return made;
}

//===-- Mutations -----------------------------------------------------------------------------------------------===//

namespace {
/// Text as tokens: names with what begins them (% @ # ! ^), numbers, and single other characters. In `4x2xf32` the
/// numbers and the type are tokens of their own.
std::vector<std::string> tokensOf(StringRef text) {
  std::vector<std::string> tokens;
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$'; };
  bool inDims = false;
  while (!text.empty()) {
    size_t length = 1;
    if (inDims && text[0] == 'x') {
      // between two dims, or a dim and the type
    } else if (llvm::isDigit(text[0]) || (text[0] == '-' && text.size() > 1 && llvm::isDigit(text[1]))) {
      while (length < text.size() && (llvm::isDigit(text[length]) || text[length] == '.' ||
                                      (text[length] == 'e' && text.drop_front(length).starts_with("e+"))))
        length += text[length] == 'e' ? 2 : 1;
    } else if (isWord(text[0]) || StringRef("%@#!^").contains(text[0])) {
      while (length < text.size() && isWord(text[length]))
        ++length;
    }
    inDims = llvm::isDigit(text[0]) || text[0] == '?';
    tokens.push_back(text.take_front(length).str());
    text = text.drop_front(length);
  }
  return tokens;
}

bool isNumber(StringRef token) {
  token.consume_front("-");
  return !token.empty() && llvm::isDigit(token[0]);
}

/// What may stand in place of a token: another number, name, type, operation, or word.
enum class TokenKind { Number, Float, Reference, Type, Operation, Word };
TokenKind kindOf(StringRef token) {
  if (isNumber(token))
    return token.contains('.') ? TokenKind::Float : TokenKind::Number;
  if (StringRef("%@#!^").contains(token[0]))
    return TokenKind::Reference;
  StringRef width = token.drop_while(llvm::isAlpha);
  if (token == "index" || (!width.empty() && llvm::all_of(width, llvm::isDigit) && token.size() - width.size() <= 2))
    return TokenKind::Type;
  return token.contains('.') ? TokenKind::Operation : TokenKind::Word;
}

bool isAlike(StringRef a, StringRef b) {
  return kindOf(a) == kindOf(b) && (kindOf(a) != TokenKind::Reference || a[0] == b[0]);
}

class Mutator {
public:
  explicit Mutator(unsigned seed) : random(seed) {}

  std::string mutate(StringRef text) {
    std::string result = text.str();
    for (unsigned count = 1 + below(3); count > 0; --count)
      result = below(6) ? changeToken(result) : changeLine(result);
    return result;
  }
  size_t below(size_t count) { return count ? random() % count : 0; }

private:
  std::string changeToken(StringRef text) {
    static constexpr StringRef numbers[] = {"0",
                                            "1",
                                            "-1",
                                            "2",
                                            "3",
                                            "64",
                                            "4096",
                                            "2147483648",
                                            "4294967297",
                                            "140737488355328",
                                            "4611686018427387905",
                                            "9223372036854775807",
                                            "-9223372036854775808",
                                            "18446744073709551616"};
    std::vector<std::string> tokens = tokensOf(text);
    std::vector<size_t> words;
    for (size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i] != "x" && (tokens[i].size() > 1 || llvm::isAlnum(tokens[i][0]) || tokens[i][0] == '?'))
        words.push_back(i);
    if (words.empty())
      return text.str();
    size_t chosen = words[below(words.size())];
    for (unsigned tries = 0; tries < 3 && kindOf(tokens[chosen]) == TokenKind::Word; ++tries)
      chosen = words[below(words.size())]; // keywords seldom lead anywhere
    std::string before = tokens[chosen], after = before;
    if (before == "?" || (kindOf(before) == TokenKind::Number && below(2))) {
      after = below(5) ? numbers[below(std::size(numbers))].str() : "?";
    } else {
      for (unsigned tries = 0; tries < 20 && (after == before || !isAlike(before, after)); ++tries)
        after = tokens[words[below(words.size())]];
      if (!isAlike(before, after))
        return text.str();
    }
    // A dim or a type stands in many places that must agree.
    bool everywhere = (kindOf(before) == TokenKind::Number || kindOf(before) == TokenKind::Type) && below(2);
    for (size_t i = 0; i < tokens.size(); ++i)
      if (i == chosen || (everywhere && tokens[i] == before))
        tokens[i] = after;
    return llvm::join(tokens, "");
  }

  std::string changeLine(StringRef text) {
    llvm::SmallVector<StringRef> lines, others;
    text.split(lines, '\n');
    size_t at = below(lines.size()), to = below(lines.size());
    switch (below(4)) {
    case 0:
      lines.erase(lines.begin() + at);
      break;
    case 1:
      lines.insert(lines.begin() + to, lines[at]);
      break;
    case 2:
      std::swap(lines[at], lines[to]);
      break;
    default:
      StringRef(seeds()[below(seeds().size())]).split(others, '\n');
      lines.insert(lines.begin() + to, others[below(others.size())]);
    }
    return llvm::join(lines, "\n");
  }

  std::mt19937 random;
};
} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned random) {
  Mutator mutator(random);
  StringRef text(reinterpret_cast<const char *>(data), size);
  std::string result = mutator.mutate(size < 16 ? StringRef(seeds()[mutator.below(seeds().size())]) : text);
  if (result.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, result.data(), result.size());
  return result.size();
}

/// What MLIR's own parser falls over, so that there is nothing for Hone to do:
/// an array of a type without a width, array<tensor<…>: …>.
static bool crashesUpstream(StringRef text) {
  for (size_t at = text.find("array<"); at != StringRef::npos; at = text.find("array<", at + 1)) {
    StringRef type = text.drop_front(at + 6).take_while(llvm::isAlnum);
    if (!llvm::is_contained({"i1", "i8", "i16", "i32", "i64", "f32", "f64"}, type))
      return true;
  }
  return false;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef text(reinterpret_cast<const char *>(data), size);
  if (size && !crashesUpstream(text))
    compileFile(fileOf(text, "stage.mlir"), /*withCode=*/false);
  return 0;
}
