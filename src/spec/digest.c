/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/digest.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

void digest_hex(const char *text, char *ret, size_t digits) {
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&sha);
    sha256_update(&sha, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha, sizeof(digest), digest);
    for (size_t i = 0; i < digits / 2; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}
