/* hone.h in C99: it is enough that this compiles without a warning.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "hone/hone.h"

hone_status run_from_c99(const hone_library *library, const hone_value *inputs, int32_t input_count,
                         hone_value *outputs, int32_t output_count, hone_error *error);

hone_status run_from_c99(const hone_library *library, const hone_value *inputs, int32_t input_count,
                         hone_value *outputs, int32_t output_count, hone_error *error) {
  hone_options options = hone_options_default();
  hone_session *session;
  hone_status status = hone_session_create(library, &options, &session, error);
  if (status)
    return status;
  status = hone_run(session, 0, inputs, input_count, outputs, output_count, error);
  hone_session_destroy(session);
  return status;
}
