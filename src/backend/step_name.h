/* SPDX-License-Identifier: Apache-2.0 */
/* A step's name as a directory's, and back. */
#pragma once

#include "base/attr.h"

char *step_to_name(const char *step);   /* returns owned */
char *step_from_name(const char *name); /* returns owned; NULL: it is none of ours */
