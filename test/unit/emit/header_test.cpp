// Generated headers.
//
// The C and C++ compilers judge what is generated, also for names that try to break out of it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Header.h"
#include "hone/abi.h"
#include "support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include <gtest/gtest.h>

using namespace hone;
namespace fs = llvm::sys::fs;

/// Whether `header` compiles as strict C99 and as C++11, and `assertion`, a constant expression, holds in both.
static bool compiles(llvm::StringRef header, llvm::StringRef assertion) {
  llvm::SmallString<128> path;
  if (fs::createTemporaryFile("hone-header", "h", path))
    return false;
  llvm::cantFail(writeFile(path, (header + "\ntypedef char assertion[(" + assertion + ") ? 1 : -1];\n").str()));
  bool good = true;
  for (auto [language, standard] : {std::pair("c", "-std=c99"), std::pair("c++", "-std=c++11")})
    good &= llvm::sys::ExecuteAndWait(HONE_TEST_CC, {HONE_TEST_CC, "-x", language, standard, "-Wall", "-Wextra",
                                                     "-pedantic-errors", "-Werror", "-Wno-unused-function",
                                                     "-I" HONE_TEST_RUNTIME_INCLUDE, "-fsyntax-only", path}) == 0;
  fs::remove(path);
  return good;
}

TEST(HeaderTest, NamesInputsAndOutputs) {
  std::string header = makeHeader("bert", {{"main",
                                            {{"input_ids", HONE_INT64, {"batch", "sequence"}}, {"mask", HONE_BOOL, {}}},
                                            {{"last_hidden_state", HONE_FLOAT, {"batch", "sequence", "384"}}}}});
  EXPECT_NE(header.find("const hone_library *bert_library(void);"), std::string::npos);
  EXPECT_NE(header.find("'input_ids': int64_t [batch, sequence]"), std::string::npos) << header;
  EXPECT_TRUE(compiles(header, "bert_input_input_ids == 0 && bert_input_mask == 1 && bert_inputs == 2 && "
                               "bert_entry_main == 0 && bert_entries == 1 && "
                               "bert_output_last_hidden_state == 0 && bert_outputs == 1"));
}

TEST(HeaderTest, SurvivesHostileNames) {
  std::string header = makeHeader("m", {{"main",
                                         {{"a*/ int x; /*", HONE_FLOAT, {"*/ int y;"}},
                                          {"two\nlines\\", HONE_FLOAT, {"\\\n"}},
                                          {"a.b", 0, {}},
                                          {"a/b", 99, {}},
                                          {"a_b_3", HONE_FLOAT, {}},
                                          {"", HONE_FLOAT, {}},
                                          {"/", HONE_FLOAT, {"*", "/"}},
                                          {std::string("nul\0byte", 8), HONE_FLOAT, {}}},
                                         {}}});
  EXPECT_TRUE(compiles(header, "m_inputs == 8 && m_input_a_b == 2 && m_outputs == 0")) << header;
}

TEST(HeaderTest, NumbersEntries) {
  std::vector<HeaderValue> ids{{"ids", HONE_INT64, {"1"}}}, both{{"x", HONE_FLOAT, {}}, {"ids", HONE_INT64, {}}};
  std::string header = makeHeader("m", {{"main", both, {}}, {"decode", ids, both}, {"prefill", {}, {}}});
  EXPECT_TRUE(compiles(header, "m_entry_main == 0 && m_entry_decode == 1 && m_entry_prefill == 2 && m_entries == 3 && "
                               "m_input_ids == 1 && m_inputs == 2 && m_outputs == 0 && m_decode_input_ids == 0 && "
                               "m_decode_inputs == 1 && m_decode_output_ids == 1 && m_decode_outputs == 2 && "
                               "m_prefill_inputs == 0"))
      << header;
}

TEST(HeaderTest, SurvivesNamesThatMeet) {
  std::vector<HeaderValue> values{{"input_x", HONE_FLOAT, {}}, {"inputs", HONE_FLOAT, {}}, {"x", HONE_FLOAT, {}}};
  std::string header = makeHeader(
      "m", {{"main", values, values}, {"input", values, values}, {"entry", values, {}}, {"a b*/", values, {}}});
  EXPECT_TRUE(compiles(header, "m_entry_input == 1 && m_input_input_x == 0 && m_input_inputs == 1")) << header;
}
