/* SPDX-License-Identifier: Apache-2.0 */
/* What shells are told: all they do is to ask `thole completion answer`. Its lines are
 * "word<TAB>what it is"; ":files" and ":dirs" alone mean what the shell itself knows. */
#pragma once

/* Of bash, zsh or fish; NULL: another one. */
const char *completion_script(const char *shell);
