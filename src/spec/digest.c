/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/digest.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

struct Digest {
    struct sha256_ctx sha;
};

void digest_hex(const char *text, char *ret, size_t digits) {
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&sha);
    sha256_update(&sha, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha, sizeof(digest), digest);
    str_hex(ret, digest, digits / 2);
}

void digest_bytes_hex(const void *bytes, size_t size, char *ret) {
    struct sha256_ctx sha;
    uint8_t digest[DIGEST_BYTES];
    sha256_init(&sha);
    sha256_update(&sha, size, bytes);
    sha256_digest(&sha, sizeof(digest), digest);
    str_hex(ret, digest, sizeof(digest));
}

Digest *digest_new(void) {
    Digest *digest = xmalloc(sizeof(*digest));
    sha256_init(&digest->sha);
    return digest;
}

void digest_add(Digest *digest, const void *bytes, size_t size) {
    sha256_update(&digest->sha, size, bytes);
}

void digest_add_text(Digest *digest, const char *text) {
    digest_add(digest, text ? text : "", text ? strlen(text) + 1 : 1);
}

void digest_take(Digest *digest, uint8_t ret[DIGEST_BYTES]) {
    sha256_digest(&digest->sha, DIGEST_BYTES, ret);
}

Digest *digest_free(Digest *digest) {
    free(digest);
    return NULL;
}

const char *digest_end(Digest *digest, Arena *arena) {
    uint8_t bytes[DIGEST_BYTES];
    char *hex = arena_alloc(arena, 2 * DIGEST_BYTES + 1);
    digest_take(digest, bytes);
    str_hex(hex, bytes, sizeof(bytes));
    digest_free(digest);
    return hex;
}
