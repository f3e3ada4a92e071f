// Names come from a model file that may mean harm: none of them may end a comment or a line.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Header.h"
#include "hone/abi.h"
#include "support/Identifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace hone;

/// The C type of one element.
static llvm::StringRef elementType(int32_t dtype) {
  switch (dtype) {
  case HONE_FLOAT:
    return "float";
  case HONE_UINT8:
    return "uint8_t";
  case HONE_INT8:
    return "int8_t";
  case HONE_UINT16:
    return "uint16_t";
  case HONE_INT16:
    return "int16_t";
  case HONE_INT32:
    return "int32_t";
  case HONE_INT64:
    return "int64_t";
  case HONE_BOOL:
    return "uint8_t (bool)";
  case HONE_FLOAT16:
    return "uint16_t (float16)";
  case HONE_DOUBLE:
    return "double";
  case HONE_UINT32:
    return "uint32_t";
  case HONE_UINT64:
    return "uint64_t";
  case HONE_BFLOAT16:
    return "uint16_t (bfloat16)";
  case HONE_INT4:
    return "uint8_t (two int4)";
  case HONE_UINT4:
    return "uint8_t (two uint4)";
  default:
    return "?";
  }
}

/// `text` for a comment.
static std::string inComment(llvm::StringRef text) {
  std::string safe;
  for (char c : text) {
    if (!safe.empty() && ((safe.back() == '*' && c == '/') || (safe.back() == '/' && c == '*')))
      safe += ' ';
    safe += llvm::isPrint(c) ? c : '?';
  }
  return safe;
}

namespace {
/// Writes enumerators. Names of the model may give an identifier that there is: a number tells them apart.
class Enumerations {
public:
  explicit Enumerations(llvm::raw_ostream &stream) : stream(stream) {}

  llvm::raw_ostream &add(std::string name, size_t number) {
    while (!used.insert(name).second)
      name += "_" + std::to_string(number);
    return stream << "  " << name << " = " << number;
  }

  void addValues(llvm::StringRef prefix, llvm::StringRef kind, llvm::ArrayRef<HeaderValue> values) {
    std::string begin = (prefix + "_" + kind).str();
    stream << "enum " << begin << " {\n";
    for (auto [index, value] : llvm::enumerate(values))
      add(begin + "_" + toIdentifier(value.name), index)
          << ", /* '" << inComment(value.name) << "': " << elementType(value.dtype) << " ["
          << inComment(llvm::join(value.dims, ", ")) << "] */\n";
    add(begin + "s", values.size()) << " /* how many there are */\n};\n\n";
  }

private:
  llvm::raw_ostream &stream;
  llvm::StringSet<> used;
};
} // namespace

std::string hone::makeHeader(llvm::StringRef name, llvm::ArrayRef<HeaderEntry> entries) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "/* The model '" << name << "', compiled by Hone. Generated: changes will be lost. */\n"
         << "#ifndef HONE_MODEL_" << name << "_H\n#define HONE_MODEL_" << name << "_H\n\n"
         << "#include <hone/hone.h>\n\n"
         << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
         << "/* Never fails, allocates nothing, may be called by any thread. */\n"
         << "const hone_library *" << name << "_library(void);\n\n"
         << "/* What hone_run() can be asked for. */\nenum {\n";
  Enumerations enumerations(stream);
  for (auto [index, entry] : llvm::enumerate(entries))
    enumerations.add((name + "_entry_" + toIdentifier(entry.name)).str(), index)
        << (index ? ",\n" : ", /* the model's graph */\n");
  enumerations.add((name + "_entries").str(), entries.size()) << " /* how many there are */\n};\n\n";
  for (auto [index, entry] : llvm::enumerate(entries)) {
    std::string prefix = name.str() + (index ? "_" + toIdentifier(entry.name) : "");
    stream << "/* Positions in the arrays that hone_run() takes"
           << (index ? " for entry " + toIdentifier(entry.name) : "") << ", with element type and dims. */\n";
    enumerations.addValues(prefix, "input", entry.inputs);
    enumerations.addValues(prefix, "output", entry.outputs);
  }
  stream << "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}
