/* A C program with a compiled model in it: three sentences, as token ids, and how similar their embeddings are.
 *
 * It links with the library that `hone compile --name=minilm` wrote, whose one symbol is minilm_library(), and with
 * nothing else of Hone. README.md has the commands.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "hone/hone.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const hone_library *minilm_library(void);

#define SENTENCES 3
#define LENGTH 12

static const char *text[SENTENCES] = {"The cat sleeps in the warm sun.", "A kitten is napping on the windowsill.",
                                      "Interest rates rose again last quarter."};

/* BERT's token ids; 101 begins a sentence, 102 ends it, 0 is padding. */
static int64_t ids[SENTENCES][LENGTH] = {
    {101, 1996, 4937, 25126, 1999, 1996, 4010, 3103, 1012, 102},
    {101, 1037, 18401, 2003, 18996, 4691, 2006, 1996, 3645, 8591, 1012, 102},
    {101, 3037, 6165, 3123, 2153, 2197, 4284, 1012, 102},
};

/* The index of the output called `name`, or -1. */
static int32_t find_output(const hone_library *library, const char *name) {
  hone_value_info info;
  for (int32_t i = 0; hone_library_output(library, 0, i, &info, NULL) == HONE_OK; ++i)
    if (!strcmp(info.name, name))
      return i;
  return -1;
}

static float cosine(const float *a, const float *b, int64_t count) {
  float ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < count; ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / sqrtf(aa * bb);
}

int main(void) {
  const hone_library *library = minilm_library();
  hone_session *session = NULL;
  hone_entry_info entry;
  hone_error error;
  int64_t mask[SENTENCES][LENGTH], shape[2] = {SENTENCES, LENGTH};
  hone_dtype type = hone_dtype_make(HONE_CODE_INT, 64);
  hone_value inputs[2] = {hone_value_tensor(ids, type, 2, shape), hone_value_tensor(mask, type, 2, shape)};
  hone_value outputs[4]; /* no buffers of ours: the session owns the outputs */
  int32_t embedding = find_output(library, "461");

  for (int i = 0; i < SENTENCES * LENGTH; ++i)
    mask[i / LENGTH][i % LENGTH] = ids[i / LENGTH][i % LENGTH] != 0;

  for (int i = 0; i < 4; ++i)
    outputs[i] = hone_value_make();

  if (embedding < 0 || hone_library_entry(library, 0, &entry, NULL) || entry.output_count != 4) {
    fprintf(stderr, "error: this is another model\n");
    return 1;
  }
  if (hone_session_create(library, NULL, &session, &error) != HONE_OK ||
      hone_run(session, 0, inputs, 2, outputs, 4, &error) != HONE_OK) {
    fprintf(stderr, "error: %s\n", error.message);
    hone_session_destroy(session);
    return 1;
  }

  const float *rows = outputs[embedding].tensor.data;
  const int64_t width = outputs[embedding].tensor.shape[1];
  for (int a = 0; a < SENTENCES; ++a)
    for (int b = a + 1; b < SENTENCES; ++b)
      printf("%5.2f  %s | %s\n", cosine(rows + a * width, rows + b * width, width), text[a], text[b]);
  hone_session_destroy(session);
  return 0;
}
