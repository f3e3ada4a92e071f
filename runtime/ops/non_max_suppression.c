/* ONNX NonMaxSuppression-11. Of the boxes of a batch and class those are taken, from the best score down, that do not
 * overlap one which was taken before.
 *
 * Inputs: boxes f32 [batch, boxes, 4], scores f32 [batch, classes, boxes], the most boxes of a class i64, the overlap
 * (intersection over union) up to which both stay f32, and, where scores are to be above one, that f32.
 * Parameters: 1 if a box is [x, y, width, height] about its centre, 0 if it is [y, x, y, x] of two corners.
 * Results: rows i64 [most rows, 3] of batch, class and box, and how many there are i64.
 * Scratch: 16 bytes for each box.
 *
 * Sums and comparisons are those of ONNX Runtime, in the same order: a NaN in a box overlaps as it does there.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <hone/ops.h>
#include <stdbool.h>
#include <string.h>

enum { BOXES, SCORES, MOST, OVERLAP, LEAST_SCORE };
enum { ROWS, COUNT };
enum { BOXES_BETWEEN_POLLS = 1 << 14 };

typedef struct candidate {
  float score;
  int64_t index;
} candidate;

typedef struct box {
  float x[2], y[2]; /* from, to */
} box;
_Static_assert(sizeof(box) == sizeof(candidate), "a box lies where a candidate did");

/* ---- The best candidate first: a heap. ---- */

/* A NaN comes last; equal scores come in order of index. */
static bool is_better(candidate a, candidate b) {
  bool a_is_nan = a.score != a.score, b_is_nan = b.score != b.score;
  if (a_is_nan != b_is_nan)
    return b_is_nan;
  return a.score > b.score || (!(a.score < b.score) && a.index < b.index);
}

/* Puts `moved` at `place` of a heap, or where what is below it belongs. */
static void sink(candidate *heap, int64_t count, int64_t place, candidate moved) {
  for (int64_t child; (child = 2 * place + 1) < count; place = child) {
    if (child + 1 < count && is_better(heap[child + 1], heap[child]))
      ++child;
    if (!is_better(heap[child], moved))
      break;
    heap[place] = heap[child];
  }
  heap[place] = moved;
}

/* ---- Overlap ---- */

static float greater(float a, float b) { return a < b ? b : a; }
static float smaller(float a, float b) { return b < a ? b : a; }

static void order(float a, float b, float range[2]) {
  range[0] = a >= b ? b : a;
  range[1] = a >= b ? a : b;
}

static box box_at(const float *boxes, int64_t index, bool is_centred) {
  const float *numbers = boxes + 4 * index;
  box b;
  if (is_centred) {
    float width = numbers[2] / 2, height = numbers[3] / 2;
    b.x[0] = numbers[0] - width, b.x[1] = numbers[0] + width;
    b.y[0] = numbers[1] - height, b.y[1] = numbers[1] + height;
  } else {
    order(numbers[1], numbers[3], b.x);
    order(numbers[0], numbers[2], b.y);
  }
  return b;
}

static bool overlaps(const box *a, const box *b, float most) {
  float left = greater(a->x[0], b->x[0]), right = smaller(a->x[1], b->x[1]);
  float top = greater(a->y[0], b->y[0]), bottom = smaller(a->y[1], b->y[1]);
  if (right <= left || bottom <= top)
    return false;
  float both = (right - left) * (bottom - top);
  float area_a = (a->x[1] - a->x[0]) * (a->y[1] - a->y[0]);
  float area_b = (b->x[1] - b->x[0]) * (b->y[1] - b->y[0]);
  float either = area_a + area_b - both;
  if (both <= 0 || area_a <= 0 || area_b <= 0 || either <= 0)
    return false;
  return both / either > most;
}

/* ---- The operator ---- */

static bool is_for(const hone_op_arguments *a) {
  if (a->input_count < 4 || a->input_count > 5 || a->result_count != 2 || a->parameter_count != 1)
    return false;
  const hone_op_tensor *in = a->inputs, *out = a->results;
  return hone_op_has_type(&in[BOXES], HONE_FLOAT, 3) && hone_op_has_type(&in[SCORES], HONE_FLOAT, 3) &&
         hone_op_has_type(&in[MOST], HONE_INT64, 0) && hone_op_has_type(&in[OVERLAP], HONE_FLOAT, 0) &&
         (a->input_count <= LEAST_SCORE || hone_op_has_type(&in[LEAST_SCORE], HONE_FLOAT, 0)) &&
         hone_op_has_type(&out[ROWS], HONE_INT64, 2) && hone_op_has_type(&out[COUNT], HONE_INT64, 0) &&
         in[BOXES].dims[0] == in[SCORES].dims[0] && in[BOXES].dims[1] == in[SCORES].dims[2] && in[BOXES].dims[2] == 4 &&
         out[ROWS].dims[1] == 3;
}

hone_op hone_op_non_max_suppression;
void hone_op_non_max_suppression(const hone_op_arguments *a) {
  if (!is_for(a)) {
    hone_op_fail(a);
    return;
  }
  const hone_op_tensor *in = a->inputs;
  const int64_t batches = in[SCORES].dims[0], classes = in[SCORES].dims[1], boxes = in[SCORES].dims[2];
  const int64_t room = a->results[ROWS].dims[0], most = *(const int64_t *)in[MOST].data;
  const float most_overlap = *(const float *)in[OVERLAP].data;
  const float *least = a->input_count > LEAST_SCORE ? in[LEAST_SCORE].data : 0;
  const bool is_centred = a->parameters[0] != 0;
  int64_t (*rows)[3] = a->results[ROWS].data;
  int64_t *taken = a->results[COUNT].data;
  candidate *heap = a->scratch;

  *taken = 0;
  if (most <= 0 || batches == 0 || classes == 0 || boxes == 0)
    return;
  if (a->scratch_bytes / (int64_t)sizeof *heap < boxes) {
    hone_op_fail(a);
    return;
  }
  for (int64_t batch = 0; batch < batches; ++batch)
    for (int64_t class = 0; class < classes; ++class) {
      const float *corners = (const float *)in[BOXES].data + batch * boxes * 4;
      const float *scores = (const float *)in[SCORES].data + (batch * classes + class) * boxes;
      int64_t count = 0;
      for (int64_t i = 0; i < boxes; ++i) {
        if (i % BOXES_BETWEEN_POLLS == 0 && hone_op_is_cancelled(a))
          return;
        if (!least || scores[i] > *least)
          heap[count++] = (candidate){scores[i], i};
      }
      for (int64_t i = count / 2; i-- > 0;) {
        if (i % BOXES_BETWEEN_POLLS == 0 && hone_op_is_cancelled(a))
          return;
        sink(heap, count, i, heap[i]);
      }
      /* What leaves the heap makes room behind it, where boxes are kept that are taken, the first one last. */
      char *end = (char *)(heap + count);
      for (int64_t own = 0; count > 0 && own < most;) {
        if (hone_op_is_cancelled(a))
          return;
        candidate best = heap[0];
        sink(heap, count - 1, 0, heap[count - 1]);
        --count;
        box b = box_at(corners, best.index, is_centred);
        bool is_free = true;
        for (int64_t i = 1; i <= own && is_free; ++i) {
          box other;
          memcpy(&other, end - i * (int64_t)sizeof other, sizeof other);
          is_free = !overlaps(&b, &other, most_overlap);
        }
        if (!is_free)
          continue;
        if (*taken == room) {
          hone_op_fail(a);
          return;
        }
        rows[*taken][0] = batch, rows[*taken][1] = class, rows[*taken][2] = best.index;
        ++*taken;
        memcpy(end - ++own * (int64_t)sizeof b, &b, sizeof b);
      }
    }
}
