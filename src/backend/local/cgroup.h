/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for the runs' control groups, where the system lets us have one. A bonus for killing
 * and for exact out-of-memory reports: nothing depends on it, and not to have it is no error. */
#pragma once

/* A descriptor of `thole-<uid>` below the control group of this process (version 2), or -1. Each
 * run makes a leaf in it. */
int cgroup_open(void);

/* Kills what is in a run's leaf, where the kernel can, and removes the leaf. */
void cgroup_remove(int dir, const char *leaf);
