// Texts of errors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <gtest/gtest.h>

extern "C" hone_status hone_rt_error(hone_error *error, hone_status code, const char *format, ...);

TEST(Error, Numbers) {
  hone_error error;
  EXPECT_EQ(hone_rt_error(&error, HONE_INTERNAL, "%ld, %ld, %ld and '%s'", 0L, long(INT64_MIN), long(INT64_MAX), "x"),
            HONE_INTERNAL);
  EXPECT_EQ(error.code, HONE_INTERNAL);
  EXPECT_STREQ(error.message, "0, -9223372036854775808, 9223372036854775807 and 'x'");
}

TEST(Error, LongTextsAreCut) {
  hone_error error;
  hone_rt_error(&error, HONE_INTERNAL, "%s %ld", std::string(600, 'x').c_str(), 1L);
  EXPECT_EQ(std::string(error.message), std::string(507, 'x'));
  // Not within a character: of 1 + 3 n bytes, 507 hold 168.
  std::string text = "x", expected = "x";
  for (int i = 0; i < 200; ++i)
    text += "\u6f22";
  for (int i = 0; i < 168; ++i)
    expected += "\u6f22";
  hone_rt_error(&error, HONE_INTERNAL, "%s", text.c_str());
  EXPECT_EQ(std::string(error.message), expected);
  hone_rt_error(&error, HONE_INTERNAL, "%s", std::string(600, '\x80').c_str());
  EXPECT_EQ(std::string(error.message), "");
}

TEST(Error, Placeholders) {
  // {0} and {1} in any order and number; other braces are text.
  static const char *text;
  test::Program failing = test::program;
  failing.main.plan = [](hone_frame *frame) -> int32_t { return hone_rt_fail(frame, text, -4, 12); };
  hone_library library = test::makeLibrary(failing);
  test::Session session(1, nullptr, library);
  test::Inputs inputs(1, 1);
  text = "{1} is not {0}; {0}{1} {2} {0 {";
  EXPECT_EQ(session.check(inputs), "12 is not -4; -412 {2} {0 {");
  EXPECT_EQ(session.error.code, HONE_INVALID_ARGUMENT);
}
