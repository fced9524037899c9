/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that are never right here: each becomes an error with the way out in its name. Included
 * by attr.h. */
#pragma once

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some are macros of the C library (with clang, with _FORTIFY_SOURCE). */
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef gmtime
#undef localtime
#undef popen
#undef system
#undef alloca

#define strcpy      use_memcpy_or_snprintf_instead_of_strcpy
#define strcat      use_Buf_instead_of_strcat
#define strncpy     use_snprintf_instead_of_strncpy
#define strncat     use_Buf_instead_of_strncat
#define sprintf     use_snprintf_instead_of_sprintf
#define vsprintf    use_vsnprintf_instead_of_vsprintf
#define strtok      use_strcspn_instead_of_strtok
#define atoi        use_number_parse_instead_of_atoi
#define atol        use_number_parse_instead_of_atol
#define atoll       use_number_parse_instead_of_atoll
#define gmtime      use_gmtime_r_instead_of_gmtime
#define localtime   use_localtime_r_instead_of_localtime
#define popen       run_a_step_instead_of_popen
#define system(...) run_a_step_instead_of_system
#define alloca(...) use_an_Arena_instead_of_alloca
