/* Texts of errors: a small formatter, since a compiled library imports no stdio.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <stdarg.h>

typedef struct writer {
  char *begin;
  char *at;
  char *end; /* the last byte, for the zero */
  bool cut;
} writer;

static void put_char(writer *w, char c) {
  if (w->at < w->end)
    *w->at++ = c;
  else
    w->cut = true;
}

/* Ends the text; one that was cut, not within a character. */
static void finish(writer *w) {
  if (w->cut) {
    while (w->at > w->begin && (w->at[-1] & 0xc0) == 0x80)
      --w->at;
    if (w->at > w->begin && (w->at[-1] & 0x80))
      --w->at;
  }
  *w->at = 0;
}

static void put_text(writer *w, const char *text) {
  for (; *text; ++text)
    put_char(w, *text);
}

static void put_number(writer *w, int64_t value) {
  char digits[20];
  int count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do
    digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0)
    put_char(w, '-');
  while (count)
    put_char(w, digits[--count]);
}

static writer start(hone_error *error, hone_status code) {
  error->code = code;
  return (writer){error->message, error->message, error->message + sizeof(error->message) - 1, false};
}

hone_status hone_rt_error(hone_error *error, hone_status code, const char *format, ...) {
  if (!error)
    return code;
  writer w = start(error, code);
  va_list arguments;
  va_start(arguments, format);
  for (; *format; ++format) {
    if (*format != '%')
      put_char(&w, *format);
    else if (*++format == 's')
      put_text(&w, va_arg(arguments, const char *));
    else {
      ++format; /* "ld" */
      put_number(&w, va_arg(arguments, long));
    }
  }
  va_end(arguments);
  finish(&w);
  return code;
}

int32_t hone_rt_fail(hone_frame *frame, const char *message, int64_t a, int64_t b) {
  hone_error *error = ((hone_rt_session *)frame->session)->error;
  if (!error)
    return HONE_INVALID_ARGUMENT;
  writer w = start(error, HONE_INVALID_ARGUMENT);
  for (; *message; ++message) {
    bool first = message[0] == '{' && message[1] == '0' && message[2] == '}';
    bool second = message[0] == '{' && message[1] == '1' && message[2] == '}';
    if (!first && !second) {
      put_char(&w, *message);
      continue;
    }
    put_number(&w, first ? a : b);
    message += 2;
  }
  finish(&w);
  return HONE_INVALID_ARGUMENT;
}
