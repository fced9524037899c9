/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are cut to the columns of a terminal. */
#include "base/columns.h"

#include "harness/test.h"

static const char *cut(const char *text, size_t columns, size_t size) {
    static char to[100];
    columns_cut(text, columns, to, size);
    return to;
}

static const char *middle(const char *text, size_t columns, size_t size) {
    static char to[100];
    columns_cut_middle(text, columns, to, size);
    return to;
}

static const char *start(const char *text, size_t columns) {
    static char to[100];
    columns_cut_start(text, columns, to, sizeof(to));
    return to;
}

TEST(a_text_is_cut_by_columns_not_by_bytes)
{
    CHECK(columns_of("") == 0 && columns_of("äöü") == 3 && columns_of("a…b") == 3);
    CHECK_STR(cut("payments", 8, 100), "payments");
    CHECK_STR(cut("payments", 7, 100), "paymen…");
    CHECK_STR(cut("zürich-süd", 6, 100), "züric…");
    CHECK_STR(cut("payments", 1, 100), "…");
    CHECK_STR(middle("payments-api:serve", 18, 100), "payments-api:serve");
    CHECK_STR(middle("payments-api:serve", 9, 100), "paym…erve");
    CHECK_STR(middle("payments-api:serve", 10, 100), "payme…erve");
    CHECK_STR(middle("äöüäöü", 5, 100), "äö…öü");
    CHECK_STR(middle("payments", 1, 100), "…");
    CHECK_STR(start("/trees/süd", 10), "/trees/süd");
    CHECK_STR(start("/trees/süd", 5), "…/süd");
    CHECK_STR(start("payments", 1), "…");
}

TEST(a_text_has_room_in_its_buffer)
{
    CHECK_STR(cut("payments", 100, 8), "paym…");
    CHECK_STR(cut("üüüüüü", 6, 8), "üü…");
    CHECK_STR(middle("payments-api:serve", 17, 14), "pa…pi:serve");
}
