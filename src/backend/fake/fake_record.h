/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a run in its directory, beside its log: when it began and how it ends. It needs
 * no process to go on, so the next server knows what became of it. */
#pragma once

#include "backend/fake/fake_inside.h"

/* Of what has begun and written its output. A disk that does not take it is warned of. */
void fake_record_write(const FakeRun *run);
/* Fills plan and state of a run whose `dir` is set. False: there is no record, so it never began,
 * whatever it has written. */
MUST bool fake_record_read(FakeRun *run);
