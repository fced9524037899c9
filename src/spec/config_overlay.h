/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay of a mode: what differs there, in a file beside the file. `thole.<mode>.yaml` belongs
 * to thole.yaml, `previewctl.<mode>.yaml` to previewctl.yaml. Maps are merged key by key, a list
 * takes the place of the list, null takes a key away. */
#pragma once

#include "spec/source.h"

/* Lays the overlay of source->mode over source->value, if there is one; it becomes one of the files
 * of the Config either way. -1: reported. */
MUST int config_overlay(Source *source);

/* A file of previewctl: what its language allows and ours does not, in our words. A number such as
 * 1.0 is the integer, `yes` a boolean; what is empty is not given; null too, unless in
 * an `overlay`, where it takes a key away. */
const Value *config_adapt_previewctl(const Type *type, const Value *v, bool overlay, Arena *arena);
