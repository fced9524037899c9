/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/list.h"
#include "base/xalloc.h"

typedef struct Item {
    int number;
    List link;
} Item;

static Item *item_new(int number) {
    Item *item = xcalloc(1, sizeof(*item));
    item->number = number;
    list_init(&item->link);
    return item;
}

/* The numbers in order: 312 for 3, 1, 2. */
static int numbers(List *items) {
    int all = 0;
    Item *item;
    LIST_FOREACH (item, items, link)
        all = all * 10 + item->number;
    return all;
}

static void free_all(List *items) {
    Item *item;
    LIST_FOREACH_SAFE (item, items, link) {
        list_remove(&item->link);
        free(item);
    }
}

TEST(list_keeps_order)
{
    List items; /* Item.link */
    list_init(&items);
    CHECK(list_empty(&items));
    CHECK_EQ(numbers(&items), 0);
    list_append(&items, &item_new(1)->link);
    list_append(&items, &item_new(2)->link);
    list_prepend(&items, &item_new(3)->link);
    list_insert_after(items.next, &item_new(4)->link);
    CHECK_EQ(numbers(&items), 3412);
    CHECK(!list_empty(&items));
    free_all(&items);
    CHECK(list_empty(&items));
}

TEST(list_remove_anywhere_and_twice)
{
    List items; /* Item.link */
    Item *item[5];
    list_init(&items);
    for (int i = 0; i < 5; i++) {
        item[i] = item_new(i + 1);
        list_append(&items, &item[i]->link);
    }
    list_remove(&item[2]->link);
    CHECK_EQ(numbers(&items), 1245);
    list_remove(&item[2]->link); /* in no list: fine */
    CHECK_EQ(numbers(&items), 1245);
    list_remove(&item[0]->link);
    list_remove(&item[4]->link);
    CHECK_EQ(numbers(&items), 24);
    list_append(&items, &item[0]->link);
    CHECK_EQ(numbers(&items), 241);
    free_all(&items);
    free(item[2]);
    free(item[4]);
}

TEST(list_safe_iteration_may_free_the_member)
{
    List items; /* Item.link */
    Item *item;
    list_init(&items);
    for (int i = 1; i <= 9; i++)
        list_append(&items, &item_new(i)->link);
    LIST_FOREACH_SAFE (item, &items, link) {
        if (item->number % 2 == 0) {
            list_remove(&item->link);
            free(item);
        }
    }
    CHECK_EQ(numbers(&items), 13579);
    free_all(&items);
}

TEST(container_of_finds_the_whole)
{
    Item item = {.number = 5};
    List *link = &item.link;
    CHECK_EQ(container_of(link, Item, link)->number, 5);
}
